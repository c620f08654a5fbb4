//! The nuclear norm of a model's predictions: how certain they are, and how many classes they use.
//!
//! With `P` (`N x Z`) the probabilities that the source model gives its `Z` classes on the target's
//! `N` rows, and `s_k` the singular values of `P`,
//!
//! ```text
//! score = sum_k s_k / sqrt(N min(N, Z))
//! ```
//!
//! No label is read. The norm itself grows with the rows; divided by the largest value that it can
//! have, as in the paper, it lies between `1 / sqrt(Z min(N, Z))` (which is `1 / Z` once `N >= Z`),
//! for rows that are all uniform, and 1, for certain rows that name every class as often. Certain
//! rows of one class have `1 / sqrt(min(N, Z))`. Higher is better: sure and diverse predictions go
//! with accuracy. Two scores are comparable where `Z` is the same.
//!
//! Rows are divided by their sums. The singular values are those of the triangular factor of the
//! rows, not square roots of the eigenvalues of `P'P`, which lose half of the digits of small ones.
//!
//! Reference: Deng, Tu, Radwan, Abu Alsheikh, Gould and Zheng, "Confidence and dispersity as
//! signals: unsupervised model evaluation and ranking", arXiv 2510.02956; the norm is that of Deng
//! et al., "Confidence and dispersity speak", ICML 2023 (arXiv 2302.01094). Public code differs:
//! some leaves the division out, some divides by `N` as the loss of "batch nuclear-norm
//! maximisation" does, so that the value depends on the number of rows.

use serde::Deserialize;

use crate::linalg::Matrix;
use crate::rows::Table;
use crate::scores::distributions::Distributions;
use crate::scores::{PredictionScore, ScoreError};

const NAME: &str = "the nuclear norm";
/// The least number of rows that are decomposed at a time; more for wide rows.
const BLOCK_ROWS: usize = 1024;

/// The nuclear norm has no settings.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl PredictionScore for Settings {
    fn of_predictions(&self, table: Table<'_>, rows: &[u32]) -> Result<f64, ScoreError> {
        nuclear_norm(table, rows)
    }
}

/// The nuclear norm of some rows of source-class probabilities, over the largest that there is.
/// `O(N Z^2)` time, `O(Z^2)` memory. Neither the order of the rows nor threads change a bit.
///
/// # Errors
/// No rows, a negative probability, or a row that does not sum to 1 within 1e-3.
pub fn nuclear_norm(table: Table<'_>, rows: &[u32]) -> Result<f64, ScoreError> {
    let predictions = Distributions::new(table, rows)?;
    let (count, width) = (predictions.count(), predictions.width());
    if count == 0 {
        return Err(ScoreError::FewRows { score: NAME, found: 0, needed: 1 });
    }
    let triangle = triangular_factor(&predictions);
    let failed = |_| ScoreError::Decomposition { score: NAME };
    let singular = triangle.view().singular_values().map_err(failed)?;
    let largest = (count as f64 * count.min(width) as f64).sqrt();
    Ok(singular.iter().sum::<f64>() / largest)
}

/// `R` of `P = Q R`, whose singular values are those of `P`: the factor of a block of rows below
/// that of all rows before it.
fn triangular_factor(predictions: &Distributions<'_>) -> Matrix {
    let (count, width) = (predictions.count(), predictions.width());
    let block = BLOCK_ROWS.max(2 * width);
    let mut triangle = Matrix::zeros(0, width);
    for first in (0..count).step_by(block) {
        let (held, new) = (triangle.nrows(), block.min(count - first));
        let mut rows = Matrix::zeros(held + new, width);
        rows.values_mut()[..held * width].copy_from_slice(triangle.values());
        predictions.copy(first, rows.rows_mut().skip(held));
        let decomposed = rows.view().qr();
        let factor = decomposed.thin_R();
        triangle =
            Matrix::from_fn(
                factor.nrows(),
                width,
                |i, j| {
                    if i <= j {
                        factor[(i, j)]
                    } else {
                        0.0
                    }
                },
            );
    }
    triangle
}
