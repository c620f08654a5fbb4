//! 2-Wasserstein distance of two Gaussians (the Bures distance, with the means).
//!
//! `W^2 = |m_1 - m_2|^2 + tr(S_1 + S_2 - 2 (S_1^(1/2) S_2 S_1^(1/2))^(1/2))`
//!
//! Computed as `min_Q |L_1 - L_2 Q|_F^2` over rotations `Q`, with `S_i = L_i L_i^T` (Bhatia, Jain and Lim
//! 2019): a sum of squares, so nothing cancels where the Gaussians are close, and singular covariances need
//! no care. The trace formula leaves about 1e-8 of the scale where the distance is zero.

use faer::{linalg::solvers::SvdError, Side};
use thiserror::Error;

use crate::features::{ClassedTable, Moments};
use crate::matrix::Matrix;

/// A negative eigenvalue below this share of the largest is rounding.
const NEGATIVE: f64 = 1e-8;
/// Entries of a covariance may differ from their mirror image by this share of the largest entry.
const ASYMMETRY: f64 = 1e-8;

/// Why two Gaussians have no distance.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum GaussianError {
    #[error("the Gaussians have {left} and {right} dimensions; they must have the same number")]
    Width { left: usize, right: usize },
    #[error("the covariance is {rows} x {columns}, but the mean has {width} entries; the covariance must be {width} x {width}")]
    Shape { rows: usize, columns: usize, width: usize },
    #[error("the mean or covariance has an entry that is not finite: {value}")]
    NotFinite { value: f64 },
    #[error("the covariance is not symmetric: entry ({row}, {column}) and its mirror image differ by {difference:e}")]
    Asymmetric { row: usize, column: usize, difference: f64 },
    #[error("the covariance has the negative eigenvalue {value:e}, so it is no covariance")]
    Negative { value: f64 },
    #[error("the decomposition of the covariance did not converge; this is a defect, please report it with the input")]
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
    /// `L^T`, `r x d`: its rows are the principal axes, each with its standard deviation as length.
    factor: Matrix,
}

impl Gaussian {
    /// From mean and covariance, which may be singular. Time `O(d^3)`.
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
        Ok(Self { mean, factor: factor(covariance)? })
    }

    /// Of all rows of some moments, with the covariance that divides by the count.
    ///
    /// # Errors
    /// The eigenvalue solver did not converge.
    pub fn of_moments(moments: &Moments) -> Result<Self, GaussianError> {
        let mut covariance = moments.scatter();
        divide(&mut covariance, moments.count() as f64);
        Ok(Self { mean: moments.mean(), factor: factor(&covariance)? })
    }

    /// Of all rows of a table. Time `O(n d^2 + d^3)`.
    ///
    /// # Errors
    /// The eigenvalue solver did not converge.
    pub fn of_rows(input: ClassedTable<'_>) -> Result<Self, GaussianError> {
        Self::of_moments(&Moments::of(input, false))
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
        let means: f64 = self.mean.iter().zip(&other.mean).map(|(a, b)| (a - b) * (a - b)).sum();
        Ok((means + bures_square(&self.factor, &other.factor)?).sqrt())
    }
}

/// The distance of two Gaussians given as mean and covariance. Time `O(d^3)`.
///
/// # Errors
/// As [`Gaussian::new`], or the widths differ.
pub fn gaussian_wasserstein(
    left: (&[f64], &Matrix),
    right: (&[f64], &Matrix),
) -> Result<f64, GaussianError> {
    let gaussian = |(mean, covariance): (&[f64], &Matrix)| Gaussian::new(mean.to_vec(), covariance);
    gaussian(left)?.distance(&gaussian(right)?)
}

/// The distance of the Gaussians that two sets of moments describe. Time `O(d^3)`.
///
/// # Errors
/// The widths differ, or a decomposition did not converge.
pub fn from_moments(left: &Moments, right: &Moments) -> Result<f64, GaussianError> {
    Gaussian::of_moments(left)?.distance(&Gaussian::of_moments(right)?)
}

/// `min_Q |L_1 - L_2 Q|^2`: with `L_1^T L_2 = P S R^T`, the columns of `L_1 P` and `L_2 R` are matched; the longer side
/// keeps what has no partner.
fn bures_square(left: &Matrix, right: &Matrix) -> Result<f64, GaussianError> {
    let length = |m: &Matrix| m.values().iter().map(|v| v * v).sum::<f64>();
    if left.nrows() == 0 || right.nrows() == 0 {
        return Ok(length(left) + length(right));
    }
    let product = left.times_transposed(right);
    let svd = product.view().svd()?;
    let mut rotated = (Matrix::zeros(left.nrows(), left.ncols()), right.clone());
    rotated.0.set_to_product(svd.U().transpose(), left.view());
    rotated.1.set_to_product(svd.V().transpose(), right.view());
    let shared = left.nrows().min(right.nrows());
    let matched = rotated.0.rows().zip(rotated.1.rows());
    let matched: f64 =
        matched.map(|(l, r)| l.iter().zip(r).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()).sum();
    let unmatched = |m: &Matrix| m.rows().skip(shared).flatten().map(|v| v * v).sum::<f64>();
    Ok(matched + unmatched(&rotated.0) + unmatched(&rotated.1))
}

/// `L^T` with `L L^T` the covariance, without axes whose variance is rounding.
fn factor(covariance: &Matrix) -> Result<Matrix, GaussianError> {
    let d = covariance.nrows();
    let evd = covariance
        .view()
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| GaussianError::Decomposition)?;
    let values: Vec<f64> = evd.S().column_vector().iter().rev().copied().collect();
    let (largest, least) = (values.first().copied(), values.last().copied());
    let (largest, least) = (largest.unwrap_or(0.0), least.unwrap_or(0.0));
    if least < -NEGATIVE * largest.abs().max(f64::MIN_POSITIVE) {
        return Err(GaussianError::Negative { value: least });
    }
    let negligible = largest * d as f64 * f64::EPSILON;
    let rank = values.iter().take_while(|v| **v > negligible).count();
    let vectors = evd.U();
    Ok(Matrix::from_fn(rank, d, |k, j| values[k].sqrt() * vectors[(j, d - 1 - k)]))
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

fn divide(matrix: &mut Matrix, by: f64) {
    for v in matrix.values_mut() {
        *v /= by;
    }
}
