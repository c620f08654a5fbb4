//! Shrinkage H-score: the H-score with the covariance shrunk to a multiple of the identity, which
//! keeps it informative with few rows.
//!
//! `H_a = (1 - a) tr(cov_a^-1 cov(E[f | y]))`, `cov_a = (1 - a) cov + a (tr cov / d) I`, with the
//! strength `a` of Ledoit and Wolf (2004) as `sklearn.covariance.LedoitWolf` computes it. At least
//! 0, higher is better; up to the factor `n / (n - 1)` below, at most the H-score.
//!
//! Ibrahim, Ponomareva and Mazumder, ECML-PKDD 2022 (arXiv 2110.06893). As in the public
//! implementations, `cov` divides by `n` (so does Ledoit-Wolf) and the covariance of the class
//! means by `n - 1`. transformer-ranker divides by zero where the covariance is a multiple of the
//! identity.

use serde::Deserialize;

use crate::rows::{ClassSpectrum, ClassedTable, Moments};
use crate::scores::{ScoreError, SpectralScore};

/// The shrinkage H-score has no settings: the shrinkage is estimated.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl SpectralScore for Settings {
    fn of_rows(
        &self,
        rows: ClassedTable<'_>,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError> {
        shared.map_or_else(|| from_rows(rows), from_spectrum)
    }

    fn of_moments(
        &self,
        moments: &Moments,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError> {
        shared.map_or_else(|| from_moments(moments), from_spectrum)
    }
}

const SCORE: &str = "the shrinkage H-score";

/// Shrinkage H-score of rows. Time `O(n d min(n, d) + min(n, d)^3)`.
///
/// # Errors
/// Fewer than two classes, constant features, or a decomposition that did not converge.
pub fn from_rows(input: ClassedTable<'_>) -> Result<f64, ScoreError> {
    let spectrum = ClassSpectrum::of(input, 0);
    from_spectrum(&spectrum.map_err(|_| ScoreError::Decomposition { score: SCORE })?)
}

/// Shrinkage H-score of moments. Time `O(d^3)`.
///
/// # Errors
/// Those of [`from_rows`].
pub fn from_moments(moments: &Moments) -> Result<f64, ScoreError> {
    let spectrum = ClassSpectrum::of_moments(moments, 0);
    from_spectrum(&spectrum.map_err(|_| ScoreError::Decomposition { score: SCORE })?)
}

/// Shrinkage H-score of a decomposition that is there already. Time `O(C d)`.
///
/// # Errors
/// Fewer than two classes or constant features.
pub fn from_spectrum(classes: &ClassSpectrum) -> Result<f64, ScoreError> {
    super::check_classes(SCORE, classes.classes())?;
    let spectrum = classes.spectrum();
    if spectrum.values().is_empty() {
        return Err(ScoreError::ConstantFeatures { score: SCORE });
    }
    let n = spectrum.count() as f64;
    let shrinkage = ledoit_wolf(spectrum.values(), spectrum.width(), n, classes.quartic());
    let average = spectrum.values().iter().sum::<f64>() / n / spectrum.width() as f64;
    let sum: f64 = classes
        .between()
        .iter()
        .zip(spectrum.values())
        .map(|(b, s)| b * s / ((1.0 - shrinkage) * s / n + shrinkage * average))
        .sum();
    Ok((1.0 - shrinkage) * sum / (n - 1.0))
}

/// The shrinkage strength of Ledoit and Wolf (2004), in `[0, 1]`, from the eigenvalues of the
/// scatter of `n` rows and `quartic = sum(|x - mean|^4)`.
#[must_use]
pub fn ledoit_wolf(values: &[f64], width: usize, n: f64, quartic: f64) -> f64 {
    // One feature is its own average: there is nothing to shrink to.
    if width <= 1 {
        return 0.0;
    }
    let d = width as f64;
    let average = values.iter().sum::<f64>() / n / d;
    let squares: f64 = values.iter().map(|s| (s / n) * (s / n)).sum();
    let distance: f64 = values.iter().map(|s| (s / n - average).powi(2)).sum::<f64>()
        + (width - values.len()) as f64 * average * average;
    let noise = ((quartic / n - squares) / n).min(distance);
    if noise <= 0.0 {
        0.0
    } else {
        noise / distance
    }
}
