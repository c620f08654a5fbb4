//! `TransRate`: the coding rate of all features less that of the classes.
//!
//! `R(Z) - sum_c (n_c / n) R(Z_c)`, `R(Z) = 1/2 log det(I + Z^T Z / (m eps))` for `m` rows, in
//! nats, with features less the mean of all rows (also within a class). At least 0, higher is
//! better. Depends on the scale of the features, as `eps` does not follow it.
//!
//! Huang et al., ICML 2022 (arXiv 2106.09362). Public code differs: tllib and EMMS weigh all
//! classes alike, which favours random labels on unbalanced data; the authors' own divides by the
//! rank and fixes `eps` per experiment.

use std::ops::RangeInclusive;

use faer::Side;
use serde::Deserialize;

use crate::linalg::gram::{add_gram, GramSum};
use crate::linalg::Matrix;
use crate::rows::moments::mean_of;
use crate::rows::spectrum::{centred_rows, eigenvalues};
use crate::rows::{ClassSpectrum, ClassedTable, Moments, Table};
use crate::scores::{ScoreError, SpectralScore};

const SCORE: &str = "TransRate";
/// Squares of features are floats over these.
const EPS: RangeInclusive<f64> = 1e-100..=1e100;
/// Rounding of the squares, in units of `eps`, that changes no digit of the determinant worth
/// having.
const LARGEST_ROUNDING: f64 = 1e-6;

/// How coarsely `TransRate` codes the features.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Settings {
    /// Squared distortion that the codes may have.
    pub eps: f64,
}

impl SpectralScore for Settings {
    fn of_rows(
        &self,
        rows: ClassedTable<'_>,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError> {
        match shared {
            Some(shared) => from_spectrum(rows, shared, self.eps),
            None => from_rows(rows, self.eps),
        }
    }

    fn of_moments(&self, moments: &Moments, _: Option<&ClassSpectrum>) -> Result<f64, ScoreError> {
        from_moments(moments, self.eps)
    }
}

/// `TransRate` of rows. Time `O(n d min(n, d) + min(n, d)^3)`.
///
/// # Errors
/// Fewer than two classes, an `eps` outside of 1e-100 to 1e100, or features too large for their
/// determinant.
pub fn from_rows(input: ClassedTable<'_>, eps: f64) -> Result<f64, ScoreError> {
    check(input.classes.len(), eps)?;
    let rows: Vec<u32> = input.classes.iter().flatten().copied().collect();
    let mean = mean_of(input.table, &rows);
    Ok(rate_of_rows(input.table, &rows, &mean, eps)? - rate_of_classes(input, &mean, eps)?)
}

/// `TransRate` of rows whose decomposition is there already. Time `O(sum_c n_c d min(n_c, d))`.
///
/// # Errors
/// Those of [`from_rows`].
pub fn from_spectrum(
    input: ClassedTable<'_>,
    spectrum: &ClassSpectrum,
    eps: f64,
) -> Result<f64, ScoreError> {
    check(input.classes.len(), eps)?;
    let rows: Vec<u32> = input.classes.iter().flatten().copied().collect();
    let mean = mean_of(input.table, &rows);
    let scale = spectrum.spectrum().count() as f64 * eps;
    let values = spectrum.spectrum().values();
    let all = 0.5 * values.iter().map(|s| (s / scale).ln_1p()).sum::<f64>();
    Ok(all - rate_of_classes(input, &mean, eps)?)
}

/// `TransRate` of moments with a scatter per class. Time `O(C d^3)`.
///
/// # Errors
/// Those of [`from_rows`], and moments without a scatter per class.
pub fn from_moments(moments: &Moments, eps: f64) -> Result<f64, ScoreError> {
    check(moments.classes(), eps)?;
    let scatters = moments.class_within().ok_or(ScoreError::NoClassScatter { score: SCORE })?;
    let n = moments.count() as f64;
    // Rows have no scatter without a factor, but stored numbers may.
    let rate = |scatter, scale| rate(scatter, scale).map_err(|_| ScoreError::NoScatter);
    let mut value = rate(moments.scatter(), n * eps)?;
    let offsets = moments.offsets();
    for ((&count, within), offset) in moments.counts().iter().zip(scatters).zip(offsets.rows()) {
        let mut scatter = within.clone();
        scatter.add_outer(count as f64, offset);
        value -= count as f64 / n * rate(scatter.square(), count as f64 * eps)?;
    }
    Ok(value)
}

fn check(classes: usize, eps: f64) -> Result<(), ScoreError> {
    super::check_within(SCORE, "eps", eps, &EPS)?;
    super::check_classes(SCORE, classes)
}

fn rate_of_classes(input: ClassedTable<'_>, mean: &[f64], eps: f64) -> Result<f64, ScoreError> {
    let n = input.count() as f64;
    let mut sum = 0.0;
    for rows in input.classes {
        sum += rows.len() as f64 / n * rate_of_rows(input.table, rows, mean, eps)?;
    }
    Ok(sum)
}

/// The rate of some rows less `mean`, from the smaller of their two Gram matrices.
fn rate_of_rows(table: Table<'_>, rows: &[u32], mean: &[f64], eps: f64) -> Result<f64, ScoreError> {
    let gram = if rows.len() < table.width() {
        let mut gram = Matrix::zeros(rows.len(), rows.len());
        add_gram(&mut gram, 1.0, centred_rows(table, rows, mean).view());
        gram
    } else {
        let mut sum = GramSum::new(table.width());
        for &row in rows {
            sum.push(|out| {
                table.copy_row(row as usize, out);
                for (v, m) in out.iter_mut().zip(mean) {
                    *v -= m;
                }
            });
        }
        sum.into_lower()
    };
    rate(gram, rows.len() as f64 * eps)
}

/// `1/2 log det(I + gram / scale)`, from the lower triangle of a sum of squares.
fn rate(mut gram: Matrix, scale: f64) -> Result<f64, ScoreError> {
    let size = gram.nrows();
    let largest = (0..size).map(|i| gram.row(i)[i]).fold(0.0, f64::max) / scale;
    // Where the rounding of the squares is not small beside the 1, directions without any would
    // seem to have some.
    if largest * size as f64 * f64::EPSILON > LARGEST_ROUNDING {
        let values =
            eigenvalues(gram, size).map_err(|_| ScoreError::Decomposition { score: SCORE });
        return Ok(0.5 * values?.iter().map(|s| (s / scale).ln_1p()).sum::<f64>());
    }
    for (i, row) in gram.rows_mut().enumerate() {
        for v in &mut row[..=i] {
            *v /= scale;
        }
        row[i] += 1.0;
    }
    let factor =
        gram.view().llt(Side::Lower).map_err(|_| ScoreError::Decomposition { score: SCORE })?;
    let lower = factor.L();
    Ok((0..gram.nrows()).map(|i| lower[(i, i)].ln()).sum())
}
