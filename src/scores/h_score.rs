//! H-score: how much of the features' variance lies between classes.
//!
//! `H = tr(cov(f)^+ cov(E[f | y]))`: the sum of the squared canonical correlations between features
//! and classes. In `[0, min(C - 1, d)]`, higher is better; any features reach `C - 1` where rows
//! are no more than features, so there it says nothing. Unchanged by every invertible affine map of
//! the features, so by the units that they come in: each is scaled to variance 1 before a direction
//! is told from rounding.
//!
//! Bao et al., ICIP 2019. Public code differs: sums in single precision exceed the bound, a
//! pseudo-inverse drops directions that are small beside the largest, and google's
//! `stable_transfer` multiplies elementwise inside the trace.

use serde::Deserialize;

use crate::rows::equilibrated::Equilibrated;
use crate::rows::moments::ClassScatters;
use crate::rows::{ClassSpectrum, ClassedTable, Moments};
use crate::scores::{ScoreError, SpectralScore};

const SCORE: &str = "the H-score";

/// The H-score has no settings.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl SpectralScore for Settings {
    fn of_rows(
        &self,
        rows: ClassedTable<'_>,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError> {
        match resolved(shared) {
            Some(shared) => from_spectrum(shared),
            None => from_rows(rows),
        }
    }

    fn of_moments(
        &self,
        moments: &Moments,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError> {
        match resolved(shared) {
            Some(shared) => from_spectrum(shared),
            None => from_moments(moments),
        }
    }
}

/// A shared decomposition, unless directions that are small in it lack digits.
fn resolved(shared: Option<&ClassSpectrum>) -> Option<&ClassSpectrum> {
    shared.filter(|spectrum| spectrum.is_resolved())
}

/// H-score of rows. Time `O(n d min(n, d) + min(n, d)^3)`.
///
/// # Errors
/// Fewer than two classes, constant features, or a decomposition that did not converge.
pub fn from_rows(input: ClassedTable<'_>) -> Result<f64, ScoreError> {
    if input.count() > input.table.width() {
        return from_moments(&Moments::of(input, ClassScatters::Pooled));
    }
    let spectrum = ClassSpectrum::of_equilibrated(input);
    from_spectrum(&spectrum.map_err(|_| ScoreError::Decomposition { score: SCORE })?)
}

/// H-score of moments. Time `O(d^3)`. With about as many rows as features or fewer, directions in
/// which the features, each scaled to variance 1, vary by less than 1e-7 are lost in the squares,
/// and with them their share of the score; rows keep them.
///
/// # Errors
/// Those of [`from_rows`].
pub fn from_moments(moments: &Moments) -> Result<f64, ScoreError> {
    super::check_classes(SCORE, moments.classes())?;
    let factor = Equilibrated::of(&moments.scatter(), moments.count() as usize)
        .ok_or(ScoreError::Decomposition { score: SCORE })?;
    if factor.rank() == 0 {
        return Err(ScoreError::ConstantFeatures { score: SCORE });
    }
    let squares = factor.inverse_squares(&moments.offsets());
    Ok(squares.iter().zip(moments.counts()).map(|(square, &count)| count as f64 * square).sum())
}

/// H-score of a decomposition that is there already. Time `O(C d)`. Of a decomposition that is not
/// [resolved](ClassSpectrum::is_resolved), directions that are small beside the largest may lack
/// digits.
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
