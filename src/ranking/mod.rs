//! How well a score ranks models, against the truth that it is meant to foretell (their accuracy
//! after fine-tuning): correlations ([`pearson()`], [`spearman()`], [`kendall_tau`],
//! [`weighted_tau`]), what is lost by choosing with it ([`top_k_recall`], [`regret_at_k`]), and
//! bootstrap intervals over models. Without a truth, [`consensus()`] is the mean place among
//! several scores, and [`rank_confidence()`] says how sure a ranking is, given the rows evaluated
//! on.
//!
//! Score and truth are both higher for better. Every statistic is a function of [`Pairs`], which
//! are kept in a canonical order, so the order of rows changes no bit of any result. `None` stands
//! for "not defined on these pairs" (too few of them, or all equal); nothing here returns NaN. What
//! only depends on the order of numbers is computed from their places, so integers of any size
//! count as different.

pub mod bootstrap;
mod consensus;
mod kendall;
mod pairs;
mod pearson;
mod rank_confidence;
mod ranked_numbers;
mod selection;
mod selection_quality;
mod spearman;

use thiserror::Error;

pub use consensus::consensus;
pub use kendall::{kendall_tau, weighted_tau, Rank};
pub use pairs::Pairs;
pub use pearson::pearson;
pub use rank_confidence::{rank_confidence, Evaluated, RankConfidence, Resampling};
pub use ranked_numbers::RankedNumbers;
pub use selection::{regret_at_k, top_k_recall};
pub use selection_quality::{selection_quality, STATISTICS};
pub use spearman::spearman;

/// Why there is no ranking.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RankingError {
    #[error("there are {scores} scores but {truths} truths; they come in pairs")]
    Length { scores: usize, truths: usize },
    #[error("the confidence of an interval lies between 0 and 1, but is {0}")]
    Confidence(f64),
    #[error("there are no scores")]
    NoScores,
    #[error("there are {found} rows of one and {expected} of another; they are the same rows")]
    Rows { found: usize, expected: usize },
    #[error("there are no rows to draw from")]
    NoRows,
    #[error("there must be at least one resample")]
    NoResamples,
}
