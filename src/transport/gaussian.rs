//! 2-Wasserstein distance of two Gaussians (the Bures distance, with the means).
//!
//! `W^2 = |m_1 - m_2|^2 + tr(S_1 + S_2 - 2 (S_1^(1/2) S_2 S_1^(1/2))^(1/2))`
//!
//! Computed as `min_Q |L_1 - L_2 Q|_F^2` over rotations `Q`, with `S_i = L_i L_i^T` (Bhatia, Jain
//! and Lim 2019): a sum of squares, so nothing cancels where the Gaussians are close, and singular
//! covariances need no care. The trace formula leaves about 1e-8 of the scale where the distance is
//! zero. `L_i` is a Cholesky factor of the covariance in coordinates of variance 1, so a direction
//! of small features is not taken for rounding of large ones.

use faer::linalg::solvers::SvdError;
use thiserror::Error;

use crate::linalg::procrustes;
use crate::linalg::square_distance::norm;
use crate::linalg::Matrix;
use crate::rows::equilibrated::Equilibrated;
use crate::rows::Moments;

/// A negative variance below this share of the largest is rounding, and so is what a factor leaves
/// of an entry below this share of the roots of its variances.
const NEGATIVE: f64 = 1e-8;
/// Entries of a covariance may differ from their mirror image by this share of the largest entry.
const ASYMMETRY: f64 = 1e-8;

/// Why two Gaussians have no distance.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GaussianError {
    #[error("the Gaussians have {left} and {right} dimensions; they must have the same number")]
    Width { left: usize, right: usize },
    #[error(
        "the covariance is {rows} x {columns}, but the mean has {width} entries; the \
        covariance must be {width} x {width}"
    )]
    Shape { rows: usize, columns: usize, width: usize },
    #[error("the mean or covariance has an entry that is not finite: {value}")]
    NotFinite { value: f64 },
    #[error(
        "the covariance is not symmetric: entry ({row}, {column}) and its mirror image differ \
        by {difference:e}"
    )]
    Asymmetric { row: usize, column: usize, difference: f64 },
    #[error(
        "the covariance has the negative variance {value:e} along coordinate {row}, so it is no \
         covariance"
    )]
    Negative { row: usize, value: f64 },
    #[error(
        "entry ({row}, {column}) of the covariance does not fit the others: some combination of \
         coordinates has a negative variance, so it is no covariance"
    )]
    Indefinite { row: usize, column: usize },
    #[error(
        "the decomposition of the covariance did not converge; this is a defect, please \
        report it with the input"
    )]
    Decomposition,
}

impl From<SvdError> for GaussianError {
    fn from(_: SvdError) -> Self {
        Self::Decomposition
    }
}

/// A Gaussian, with a factor of its covariance, so that many distances share the decompositions.
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    mean: Vec<f64>,
    /// `L^T`, `r x d`.
    factor: Matrix,
}

impl Gaussian {
    /// Makes a Gaussian of its mean and covariance, which may be singular. Time `O(d^3)`.
    ///
    /// # Errors
    /// Shapes that do not fit, an entry that is not finite, or a matrix that is no covariance.
    pub fn new(mean: Vec<f64>, covariance: &Matrix) -> Result<Self, GaussianError> {
        let width = mean.len();
        let (rows, columns) = (covariance.nrows(), covariance.ncols());
        if rows != width || columns != width {
            return Err(GaussianError::Shape { rows, columns, width });
        }
        if let Some(&value) = mean.iter().chain(covariance.values()).find(|v| !v.is_finite()) {
            return Err(GaussianError::NotFinite { value });
        }
        check_symmetry(covariance)?;
        let factor = factor(covariance, width)?;
        check_factor(&factor, covariance)?;
        Ok(Self { mean, factor })
    }

    /// The Gaussian of all rows of some moments. Its covariance divides by the count.
    ///
    /// # Errors
    /// Scatters that no rows have.
    pub fn of_moments(moments: &Moments) -> Result<Self, GaussianError> {
        let mut factor = factor(&moments.scatter(), moments.count() as usize)?;
        let root = (moments.count() as f64).sqrt();
        for v in factor.values_mut() {
            *v /= root;
        }
        Ok(Self { mean: moments.mean(), factor })
    }

    /// The distance. Time `O(d r^2)` for covariances of rank up to `r`.
    ///
    /// # Errors
    /// The widths differ, or the singular values did not converge.
    pub fn distance(&self, other: &Self) -> Result<f64, GaussianError> {
        let (left, right) = (self.mean.len(), other.mean.len());
        if left != right {
            return Err(GaussianError::Width { left, right });
        }
        let means: Vec<f64> = self.mean.iter().zip(&other.mean).map(|(a, b)| a - b).collect();
        let turned = procrustes::distance(self.factor.clone(), other.factor.clone())?;
        Ok(norm(&means).hypot(turned))
    }
}

/// `L^T` with `L L^T` the covariance, whose lower triangle is given and which is a sum of so many
/// squares.
fn factor(covariance: &Matrix, squares: usize) -> Result<Matrix, GaussianError> {
    Ok(Equilibrated::of(covariance, squares).ok_or(GaussianError::Decomposition)?.root())
}

/// A factor is one of the covariance only if that is positive semi-definite.
fn check_factor(factor: &Matrix, covariance: &Matrix) -> Result<(), GaussianError> {
    let variance = |row: usize| covariance.row(row)[row];
    let largest = (0..covariance.nrows()).map(variance).fold(0.0_f64, f64::max);
    let negative = (0..covariance.nrows()).find(|&row| variance(row) < -NEGATIVE * largest);
    if let Some(row) = negative {
        return Err(GaussianError::Negative { row, value: variance(row) });
    }
    let product = factor.transposed_times(factor);
    for (row, (found, wanted)) in product.rows().zip(covariance.rows()).enumerate() {
        for (column, (found, wanted)) in found.iter().zip(wanted).enumerate().take(row + 1) {
            let size = variance(row).max(0.0).sqrt() * variance(column).max(0.0).sqrt();
            if (found - wanted).abs() > NEGATIVE * size.max(ASYMMETRY * largest) {
                return Err(GaussianError::Indefinite { row, column });
            }
        }
    }
    Ok(())
}

fn check_symmetry(covariance: &Matrix) -> Result<(), GaussianError> {
    let largest = covariance.values().iter().fold(0.0_f64, |acc, v| acc.max(v.abs()));
    for (row, values) in covariance.rows().enumerate() {
        for (column, value) in values.iter().enumerate().take(row) {
            let difference = (value - covariance.row(column)[row]).abs();
            if difference > ASYMMETRY * largest {
                return Err(GaussianError::Asymmetric { row, column, difference });
            }
        }
    }
    Ok(())
}
