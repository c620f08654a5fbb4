//! H-score: how much of the features' variance lies between classes.
//!
//! `H = tr(cov(f)^+ cov(E[f | y]))`: the sum of the squared canonical correlations between features
//! and classes. In `[0, min(C - 1, d)]`, higher is better; any features reach `C - 1` where rows are no
//! more than features, so there it says nothing. Unchanged by every invertible affine map of the features.
//!
//! Bao et al., ICIP 2019. Public code differs: sums in single precision exceed the bound, and google's
//! `stable_transfer` multiplies elementwise inside the trace.

use super::ScoreError;
use crate::features::{ClassSpectrum, ClassedTable, Moments};

const SCORE: &str = "the H-score";

/// H-score of rows. Time `O(n d min(n, d) + min(n, d)^3)`.
///
/// # Errors
/// Fewer than two classes, constant features, or a decomposition that did not converge.
pub fn from_rows(input: ClassedTable<'_>) -> Result<f64, ScoreError> {
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
    let spectrum = ClassSpectrum::of_moments(moments, 0);
    from_spectrum(&spectrum.map_err(|_| ScoreError::Decomposition { score: SCORE })?)
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
