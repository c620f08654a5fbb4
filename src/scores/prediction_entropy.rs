//! The entropy of a model's predictions, negated: how certain they are.
//!
//! With `P` (`N x Z`) the probabilities that the source model gives its `Z` classes on the target's
//! `N` rows,
//!
//! ```text
//! score = 1/N sum_i sum_z P_iz log P_iz
//! ```
//!
//! in nats, between `-log Z`, for rows that are all uniform, and 0, for certain ones. No label is
//! read. Higher is better: certain predictions go with accuracy. It says nothing of which classes
//! are predicted, so a model that calls everything the same is best; the
//! [nuclear norm](super::nuclear_norm) sees that. Two scores are comparable where `Z` is the same.
//!
//! Rows are divided by their sums, and a probability of 0 adds nothing. Public code differs: some
//! adds 1e-5 or so to the probabilities, which moves the entropy of certain rows away from 0.
//!
//! Reference: one of the measures of confidence in Deng et al., "Confidence and dispersity as
//! signals", arXiv 2510.02956, and the one that TETOT (arXiv 2405.01451) is compared with.

use serde::Deserialize;

use crate::rows::Table;
use crate::scores::distributions::Distributions;
use crate::scores::{PredictionScore, ScoreError};

/// The entropy has no settings.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl PredictionScore for Settings {
    fn of_predictions(&self, table: Table<'_>, rows: &[u32]) -> Result<f64, ScoreError> {
        prediction_entropy(table, rows)
    }
}

/// Minus the mean entropy of some rows of source-class probabilities. `O(N (Z + log N))` time,
/// `O(N + Z)` memory. Neither the order of the rows nor threads change a bit.
///
/// # Errors
/// No rows, a negative probability, or a row that does not sum to 1 within 1e-3.
pub fn prediction_entropy(table: Table<'_>, rows: &[u32]) -> Result<f64, ScoreError> {
    let predictions = Distributions::new(table, rows)?;
    let count = predictions.count();
    if count == 0 {
        return Err(ScoreError::FewRows { score: "the prediction entropy", found: 0, needed: 1 });
    }
    let mut row = vec![0.0; predictions.width()];
    let mut sum = 0.0;
    for i in 0..count {
        predictions.copy(i, std::iter::once(row.as_mut_slice()));
        sum += row.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>();
    }
    Ok(sum / count as f64)
}
