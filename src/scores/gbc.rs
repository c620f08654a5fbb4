//! GBC: the Gaussian Bhattacharyya coefficient, how much the classes overlap when each is a
//! Gaussian.
//!
//! `-sum_(i != j) exp(-D_ij)` over ordered pairs, with the Bhattacharyya distance
//! ```text
//! D = 1/4 sum_k (m_i - m_j)_k^2 / (v_i + v_j)_k
//!     + 1/2 sum_k log((v_i + v_j)_k / (2 sqrt(v_i v_j)_k))
//! ```
//! of Gaussians with spherical or diagonal covariance, after a projection onto the principal axes.
//! In `[-C (C - 1), 0]`, higher is better. Variances divide by the count. A class that does not
//! vary along an axis, so every class of a single row, is a point there: two points overlap fully
//! where they coincide and not at all elsewhere, and a point and a Gaussian do not overlap.
//!
//! Pandy et al., CVPR 2022 (arXiv 2111.12780). Public code differs: google's spherical form loses
//! the factor `k` of the logarithm; Model-Spider's determinants underflow, and its results leave
//! the range.

use serde::Deserialize;

use crate::linalg::matrix::dot_in_order;
use crate::linalg::Matrix;
use crate::rows::moments::mean_of;
use crate::rows::spectrum::centred_rows;
use crate::rows::{ClassSpectrum, ClassedTable, Moments, Spectrum};
use crate::scores::{ScoreError, SpectralScore};

const SCORE: &str = "GBC";
/// Variances below this share of their axis's are rounding.
const NEGLIGIBLE_VARIANCE: f64 = 1e-13;

/// Rows that are projected at a time.
const BLOCK_ROWS: usize = 256;

/// Form of a class's covariance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    /// One variance for all axes.
    Spherical,
    /// One variance for each axis.
    Diagonal,
}

/// In which axes GBC compares classes, and by which covariances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Settings {
    pub covariance: Covariance,
    /// The most leading principal axes that are taken.
    #[serde(rename = "pca")]
    pub most_axes: usize,
}

impl SpectralScore for Settings {
    fn axes(&self) -> usize {
        self.most_axes
    }

    fn of_rows(
        &self,
        rows: ClassedTable<'_>,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError> {
        match shared {
            Some(shared) => from_spectrum(rows, shared, self.covariance, self.most_axes),
            None => from_rows(rows, self.covariance, self.most_axes),
        }
    }

    fn of_moments(&self, moments: &Moments, _: Option<&ClassSpectrum>) -> Result<f64, ScoreError> {
        from_moments(moments, self.covariance, self.most_axes)
    }
}

/// GBC of rows in their first `most_axes` principal axes. Time `O(n d min(n, d) + min(n, d)^3)`.
///
/// # Errors
/// Fewer than two classes, constant features, no axes asked for, or a decomposition that did not
/// converge.
pub fn from_rows(
    input: ClassedTable<'_>,
    covariance: Covariance,
    most_axes: usize,
) -> Result<f64, ScoreError> {
    let spectrum = ClassSpectrum::of(input, most_axes)
        .map_err(|_| ScoreError::Decomposition { score: SCORE })?;
    from_spectrum(input, &spectrum, covariance, most_axes)
}

/// GBC of rows whose decomposition is there already; it must have been made with `most_axes` axes
/// or more. Time `O(n d most_axes + C^2 most_axes)`.
///
/// # Errors
/// Fewer than two classes, constant features, or no axes asked for.
pub fn from_spectrum(
    input: ClassedTable<'_>,
    spectrum: &ClassSpectrum,
    covariance: Covariance,
    most_axes: usize,
) -> Result<f64, ScoreError> {
    let axes = leading_axes(spectrum, most_axes)?;
    let mut means = Matrix::zeros(input.classes.len(), axes.nrows());
    let mut variances = means.clone();
    for (class, rows) in input.classes.iter().enumerate() {
        let mean = mean_of(input.table, rows);
        means.row_mut(class).copy_from_slice(&coordinates(&axes, &mean));
        let variance = variances.row_mut(class);
        for block in rows.chunks(BLOCK_ROWS) {
            for row in centred_rows(input.table, block, &mean).times_transposed(&axes).rows() {
                for (sum, v) in variance.iter_mut().zip(row) {
                    *sum += v * v / rows.len() as f64;
                }
            }
        }
    }
    Ok(score(&means, &mut variances, spectrum.spectrum(), covariance))
}

/// GBC of moments with a scatter per class. Time `O(d^3 + C d^2 most_axes)`.
///
/// # Errors
/// Those of [`from_rows`], and moments without a scatter per class.
pub fn from_moments(
    moments: &Moments,
    covariance: Covariance,
    most_axes: usize,
) -> Result<f64, ScoreError> {
    let scatters = moments.class_within().ok_or(ScoreError::NoClassScatter { score: SCORE })?;
    let spectrum = ClassSpectrum::of_moments(moments, most_axes)
        .map_err(|_| ScoreError::Decomposition { score: SCORE })?;
    let axes = leading_axes(&spectrum, most_axes)?;
    let means = moments.offsets().times_transposed(&axes);
    let mut variances = Matrix::zeros(means.nrows(), means.ncols());
    for (class, (scatter, &count)) in scatters.iter().zip(moments.counts()).enumerate() {
        let products = axes.times_transposed(&scatter.square());
        let rows = products.rows().zip(axes.rows());
        for (variance, (product, axis)) in variances.row_mut(class).iter_mut().zip(rows) {
            *variance = dot_in_order(product, axis) / count as f64;
        }
    }
    Ok(score(&means, &mut variances, spectrum.spectrum(), covariance))
}

fn leading_axes(spectrum: &ClassSpectrum, most_axes: usize) -> Result<Matrix, ScoreError> {
    super::check_classes(SCORE, spectrum.classes())?;
    if most_axes == 0 {
        return Err(ScoreError::NoAxes);
    }
    let axes = spectrum.spectrum().axes();
    if axes.nrows() == 0 {
        return Err(ScoreError::ConstantFeatures { score: SCORE });
    }
    Ok(Matrix::from_fn(most_axes.min(axes.nrows()), axes.ncols(), |k, j| axes.row(k)[j]))
}

fn coordinates(axes: &Matrix, row: &[f64]) -> Vec<f64> {
    axes.rows().map(|axis| dot_in_order(axis, row)).collect()
}

/// The sum over pairs, from `C x k` means and variances.
fn score(
    means: &Matrix,
    variances: &mut Matrix,
    spectrum: &Spectrum,
    covariance: Covariance,
) -> f64 {
    let share = NEGLIGIBLE_VARIANCE / spectrum.count() as f64;
    let negligible: Vec<f64> =
        spectrum.axis_squares().iter().map(|square| share * square).collect();
    let negligible = &negligible[..means.ncols()];
    for row in variances.rows_mut() {
        match covariance {
            Covariance::Spherical => {
                let variance = average(row);
                row.fill(if variance <= average(negligible) { 0.0 } else { variance });
            }
            Covariance::Diagonal => {
                for (v, negligible) in row.iter_mut().zip(negligible) {
                    if *v <= *negligible {
                        *v = 0.0;
                    }
                }
            }
        }
    }
    let mut sum = 0.0;
    for i in 1..means.nrows() {
        for j in 0..i {
            let here = (means.row(i), variances.row(i));
            sum += (-distance(here, (means.row(j), variances.row(j)), negligible)).exp();
        }
    }
    // Not `-2.0 * sum`: no overlap at all is 0, not -0.
    0.0 - 2.0 * sum
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Bhattacharyya distance of two Gaussians given as (mean, variance); infinite if they do not
/// overlap.
fn distance(left: (&[f64], &[f64]), right: (&[f64], &[f64]), negligible: &[f64]) -> f64 {
    let means = left.0.iter().zip(right.0);
    let variances = left.1.iter().zip(right.1);
    means
        .zip(variances)
        .zip(negligible)
        .map(|(((m, o), (&v, &w)), &negligible)| {
            let square = (m - o) * (m - o);
            match (v > 0.0, w > 0.0) {
                (true, true) => {
                    0.25 * square / (v + w)
                        + 0.5 * ((v + w).ln() - std::f64::consts::LN_2 - 0.5 * (v.ln() + w.ln()))
                }
                (false, false) if square <= negligible => 0.0,
                _ => f64::INFINITY,
            }
        })
        .sum()
}
