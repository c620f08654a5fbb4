//! Rows that are distributions: the probabilities that a source model gives to its classes.

use thiserror::Error;

use crate::rows::row_order::sorted_by_norm;
use crate::rows::Table;

/// Why rows are no probabilities.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ProbabilityError {
    #[error(
        "a row gives source class {column} the probability {value}; pass probabilities (a \
        softmax of logits), which are not negative"
    )]
    NegativeProbability { row: u32, column: usize, value: f64 },
    #[error(
        "the probabilities of a row sum to {sum}, not to 1; pass the probabilities of all \
        source classes (a softmax of logits)"
    )]
    NotADistribution { row: u32, sum: f64 },
}

/// How far a row's sum may be from 1: what rounding to `f32`, or to a few printed digits, leaves.
const SUM_TOLERANCE: f64 = 1e-3;

/// Whether rows are distributions.
///
/// # Errors
/// A negative probability, or a row that does not sum to 1 within 1e-3.
pub fn check_distributions<'r>(
    table: Table<'_>,
    rows: impl IntoIterator<Item = &'r u32>,
) -> Result<(), ProbabilityError> {
    let mut theta = vec![0.0; table.width()];
    for &row in rows {
        table.copy_row(row as usize, &mut theta);
        if let Some((column, &value)) = theta.iter().enumerate().find(|(_, p)| **p < 0.0) {
            return Err(ProbabilityError::NegativeProbability { row, column, value });
        }
        let sum: f64 = theta.iter().sum();
        if sum.is_nan() || (sum - 1.0).abs() > SUM_TOLERANCE {
            return Err(ProbabilityError::NotADistribution { row, sum });
        }
    }
    Ok(())
}

/// Rows that are distributions, in an order that no table decides and divided by their sums, so
/// that what is computed from them keeps the range that it has for sums of exactly 1.
#[derive(Debug, Clone)]
pub struct Distributions<'a> {
    table: Table<'a>,
    rows: Vec<u32>,
}

impl<'a> Distributions<'a> {
    /// Rows of a table, checked.
    ///
    /// # Errors
    /// Those of [`check_distributions`].
    pub fn new(table: Table<'a>, rows: &[u32]) -> Result<Self, ProbabilityError> {
        check_distributions(table.reborrow(), rows)?;
        let rows = sorted_by_norm(table.reborrow(), rows).rows;
        Ok(Self { table, rows })
    }

    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// Number of source classes.
    pub fn width(&self) -> usize {
        self.table.width()
    }

    /// Write the distributions from number `first` on into the rows of `out`.
    pub fn copy<'o>(&self, first: usize, out: impl Iterator<Item = &'o mut [f64]>) {
        for (&row, out) in self.rows[first..].iter().zip(out) {
            self.table.copy_row(row as usize, out);
            let sum: f64 = out.iter().sum();
            out.iter_mut().for_each(|p| *p /= sum);
        }
    }
}
