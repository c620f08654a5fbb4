//! LEEP, the log expected empirical prediction (Nguyen et al., ICML 2020, arXiv 2002.12462).
//!
//! With `theta[i]` the probabilities that the source model gives row `i` over its `Z` classes,
//! `P(y, z) = 1/N sum_{i: y_i = y} theta[i][z]` and `P(y | z) = P(y, z) / P(z)`,
//!
//! ```text
//! LEEP = 1/N sum_i log sum_z P(y_i | z) theta[i][z]
//! ```
//!
//! in nats. Higher is better; at most 0 (up to how far rows are from summing to 1), 0 where the
//! source classes decide the target class, and minus the entropy of the target labels where they
//! say nothing about it. Never below minus that entropy for one-hot rows, for which it equals
//! [NCE](super::nce()).
//!
//! Public code differs: several (SFDA, ETran, NCTI, EMMS) leave the logarithm out; others add 1e-10
//! to the probabilities, or divide 0 by 0 for a source class that gets no mass.

use serde::Deserialize;

use crate::linalg::matrix::dot_in_order;
use crate::linalg::Matrix;
use crate::rows::ClassedTable;
use crate::scores::distributions::check_distributions;
use crate::scores::{ProbabilityScore, ScoreError};

/// LEEP has no settings.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl ProbabilityScore for Settings {
    fn of_probabilities(&self, rows: ClassedTable<'_>) -> Result<f64, ScoreError> {
        leep(rows)
    }
}

/// LEEP of source-class probabilities (`N x Z`, one row per target example). `O(N Z + C Z)` time,
/// `O(C Z)` memory. Rows are used as they are, not divided by their sums.
///
/// # Errors
/// Fewer than two classes, a negative probability, or a row that does not sum to 1 within 1e-3.
pub fn leep(probabilities: ClassedTable<'_>) -> Result<f64, ScoreError> {
    let ClassedTable { table, classes } = probabilities;
    if classes.len() < 2 {
        return Err(ScoreError::FewClasses { score: "LEEP", found: classes.len() });
    }
    check_distributions(table, classes.iter().flatten())?;
    Ok(mean_log_expectation(classes, table.width(), |row, theta| {
        table.copy_row(row as usize, theta);
    }))
}

/// The score itself; `read` writes a row's probabilities over `sources` classes.
pub(super) fn mean_log_expectation(
    classes: &[Vec<u32>],
    sources: usize,
    read: impl Fn(u32, &mut [f64]),
) -> f64 {
    let mut theta = vec![0.0; sources];
    let mut conditional = Matrix::zeros(classes.len(), sources);
    for (rows, joint) in classes.iter().zip(conditional.rows_mut()) {
        for &row in rows {
            read(row, &mut theta);
            for (sum, p) in joint.iter_mut().zip(&theta) {
                *sum += p;
            }
        }
    }
    let mut marginal = vec![0.0; sources];
    for joint in conditional.rows() {
        for (sum, p) in marginal.iter_mut().zip(joint) {
            *sum += p;
        }
    }
    for joint in conditional.rows_mut() {
        for (p, total) in joint.iter_mut().zip(&marginal) {
            // A source class without mass has no mass in any row either.
            *p = if *total > 0.0 { *p / total } else { 0.0 };
        }
    }
    let (mut sum, mut count) = (0.0, 0);
    for (rows, conditional) in classes.iter().zip(conditional.rows()) {
        for &row in rows {
            read(row, &mut theta);
            sum += dot_in_order(conditional, &theta).ln();
        }
        count += rows.len();
    }
    sum / count as f64
}
