//! H-score: how much of the features' variance lies between classes.
//!
//! `H = tr(cov(f)^+ cov(E[f | y]))`: the sum of the squared canonical correlations between features
//! and classes. In `[0, min(C - 1, d)]`, higher is better; any features reach `C - 1` where rows are no
//! more than features, so there it says nothing. Unchanged by every invertible affine map of the features.
//!
//! Bao et al., ICIP 2019. Public code differs: sums in single precision exceed the bound, and google's
//! `stable_transfer` multiplies elementwise inside the trace.

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{Mat, Par};

use super::ScoreError;
use crate::features::{ClassSpectrum, ClassedTable, Moments};
use crate::matrix::cholesky_in_place;

const SCORE: &str = "the H-score";

/// Pivots of the Cholesky factor further apart than this may hide directions that are next to none, which
/// only a decomposition tells from rounding.
const LEAST_PIVOT: f64 = 1e-3;

/// H-score of rows. Time `O(n d min(n, d) + min(n, d)^3)`.
///
/// # Errors
/// Fewer than two classes, constant features, or a decomposition that did not converge.
pub fn from_rows(input: ClassedTable<'_>) -> Result<f64, ScoreError> {
    if input.count() > input.table.width() {
        return from_moments(&Moments::of(input, false));
    }
    let spectrum = ClassSpectrum::of(input, 0);
    from_spectrum(&spectrum.map_err(|_| ScoreError::Decomposition { score: SCORE })?)
}

/// H-score of moments. Time `O(d^3)`. With about as many rows as features or fewer, directions in which the
/// features vary by less than 1e-7 of their widest spread are lost in the squares, and with them their
/// share of the score; rows keep them.
///
/// # Errors
/// As [`from_rows`].
pub fn from_moments(moments: &Moments) -> Result<f64, ScoreError> {
    super::check_classes(SCORE, moments.classes())?;
    if let Some(value) = by_cholesky(moments) {
        return Ok(value);
    }
    let spectrum = ClassSpectrum::of_moments(moments, 0);
    from_spectrum(&spectrum.map_err(|_| ScoreError::Decomposition { score: SCORE })?)
}

/// `sum_c n_c |L^-1 (m_c - m)|^2` with `L L^T` the scatter, a tenth of the work of a decomposition; `None` where
/// the scatter is close to singular.
fn by_cholesky(moments: &Moments) -> Option<f64> {
    let mut scatter = moments.scatter();
    if !cholesky_in_place(scatter.view_mut().transpose_mut()) {
        return None;
    }
    let lower = scatter.view().transpose();
    let pivots = (0..lower.nrows()).map(|k| lower[(k, k)]);
    let (least, most) = pivots.fold((f64::INFINITY, 0.0_f64), |(l, m), p| (p.min(l), p.max(m)));
    if least.is_nan() || least < LEAST_PIVOT * most {
        return None;
    }
    let offsets = moments.offsets();
    let mut solved = Mat::from_fn(offsets.ncols(), offsets.nrows(), |k, c| offsets.row(c)[k]);
    solve_lower_triangular_in_place(lower, solved.as_mut(), Par::Seq);
    let squares = solved.col_iter().map(|column| column.squared_norm_l2());
    Some(squares.zip(moments.counts()).map(|(square, &count)| count as f64 * square).sum())
}

/// H-score of a decomposition that is there already. Time `O(C d)`.
///
/// # Errors
/// Fewer than two classes or constant features.
pub fn from_spectrum(spectrum: &ClassSpectrum) -> Result<f64, ScoreError> {
    super::check_classes(SCORE, spectrum.classes())?;
    if spectrum.spectrum().values().is_empty() {
        return Err(ScoreError::ConstantFeatures { score: SCORE });
    }
    Ok(spectrum.between().iter().sum())
}
