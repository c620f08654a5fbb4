//! ETran, energy-based transferability (Gholami et al., ICCV 2023, arXiv 2308.02027), for
//! classification.
//!
//! The published score depends on which other models are in the pool, so it comes in two steps: the
//! [parts] of one model, and [combine] over a pool,
//!
//! ```text
//! energy = mean over the 0.5 % of rows where it is least of log sum_j exp(x_ij)
//! lda    = 1/N sum_i p(y_i | x_i), the class posterior of a regularised linear discriminant
//! ETran  = 0.15 minmax(energy) + 0.85 minmax(lda)
//! ```
//!
//! with `minmax` over the pool. Higher is better for all three; `lda` lies in (0, 1), ETran in [0,
//! 1], `energy` in nats has no bounds. `energy` is minus the free energy `-log sum exp`: it is
//! large where the features say that a row is like those that the model was trained on, and the
//! rows where it is least are the ones the model knows least. It depends on the features' scale and
//! needs no labels.
//!
//! Public code differs: it takes 0 rows below 200 (and so the mean of nothing), its linear
//! discriminant passes a matrix that is not symmetric to a solver for symmetric ones and whitens
//! nothing (see [`crate::estimators::discriminant`]), and a part that is equal over the pool
//! divides 0 by 0. The regression part of the paper, for detection, is left out.

use serde::Deserialize;

use crate::estimators::discriminant::Discriminant;
use crate::estimators::discriminant::{adaptive_shrinkage, DiscriminantError};
use crate::estimators::head::log_sum_exp;
use crate::rows::class_scatter::{ClassScatter, RowReader};
use crate::rows::ClassedTable;
use crate::scores::{check_classes, min_max, with_reader, RowScore, ScoreError};

/// ETran has no settings.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl RowScore for Settings {
    fn parts(&self) -> &'static [&'static str] {
        &["energy", "lda"]
    }

    fn of_rows(&self, rows: ClassedTable<'_>) -> Result<Vec<f64>, ScoreError> {
        let Parts { energy, lda } = parts(rows)?;
        Ok(vec![energy, lda])
    }
}

const NAME: &str = "ETran";
/// One row in this many counts towards the energy, and one at least.
const ROWS_PER_LEAST: usize = 200;
/// The weights of the two parts in the score of a pool.
const ENERGY_WEIGHT: f64 = 0.15;
const LDA_WEIGHT: f64 = 0.85;

/// What ETran measures of one model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    pub energy: f64,
    pub lda: f64,
}

/// ETran's parts. `O(N d^2 + d^3)` time, `O(d^2 + N)` memory.
///
/// # Errors
/// Fewer than two classes, or rows that do not vary within classes.
pub fn parts(rows: ClassedTable<'_>) -> Result<Parts, ScoreError> {
    check_classes(NAME, rows.classes.len())?;
    let lda = with_reader(rows, |reader| mean_posterior(&reader))
        .map_err(|reason| ScoreError::Discriminant { score: NAME, reason })?;
    Ok(Parts { energy: energy(rows), lda })
}

/// ETran of each member of a pool. A part that is equal for all members adds 0 to each: it tells
/// none from another. So a pool of one gets 0.
#[must_use]
pub fn combine(pool: &[Parts]) -> Vec<f64> {
    let energy = min_max(pool.iter().map(|parts| parts.energy));
    let lda = min_max(pool.iter().map(|parts| parts.lda));
    energy.iter().zip(lda).map(|(e, l)| ENERGY_WEIGHT * e + LDA_WEIGHT * l).collect()
}

fn mean_posterior(rows: &RowReader<'_>) -> Result<f64, DiscriminantError> {
    let scatter = ClassScatter::of(rows);
    let discriminant = Discriminant::fit(&scatter, adaptive_shrinkage(&scatter)?)?;
    let mut sum = 0.0;
    discriminant.for_each_posterior(rows, |class, _, log_posteriors| {
        sum += log_posteriors[class].exp();
    });
    Ok(sum / scatter.total())
}

fn energy(rows: ClassedTable<'_>) -> f64 {
    let mut features = vec![0.0; rows.table.width()];
    let mut energies: Vec<f64> = rows
        .classes
        .iter()
        .flatten()
        .map(|&row| {
            rows.table.copy_row(row as usize, &mut features);
            log_sum_exp(&features)
        })
        .collect();
    energies.sort_unstable_by(f64::total_cmp);
    let least = (energies.len() / ROWS_PER_LEAST).max(1);
    energies.iter().take(least).sum::<f64>() / least as f64
}
