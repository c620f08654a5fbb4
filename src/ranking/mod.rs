//! How well a score ranks models, against the truth that it is meant to foretell (their accuracy
//! after fine-tuning): correlations ([`pearson()`], [`spearman()`], [`kendall_tau`],
//! [`weighted_tau`]), what is lost by choosing with it ([`top_k_recall`], [`regret_at_k`]), and
//! bootstrap intervals over models.
//!
//! Score and truth are both higher for better. Every statistic is a function of [`Pairs`], which
//! are kept in a canonical order, so the order of rows changes no bit of any result. `None` stands
//! for "not defined on these pairs" (too few of them, or all equal); nothing here returns NaN. What
//! only depends on the order of numbers is computed from their places, so integers of any size
//! count as different.

pub mod bootstrap;
mod kendall;
mod pairs;
mod pearson;
mod ranked_numbers;
mod selection;
mod selection_quality;
mod spearman;

use thiserror::Error;

pub use kendall::{kendall_tau, weighted_tau, Rank};
pub use pairs::Pairs;
pub use pearson::pearson;
pub use ranked_numbers::RankedNumbers;
pub use selection::{regret_at_k, top_k_recall};
pub use selection_quality::{selection_quality, STATISTICS};
pub use spearman::spearman;

/// Why pairs cannot be ranked.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum RankingError {
    #[error("there are {scores} scores but {truths} truths; they come in pairs")]
    Length { scores: usize, truths: usize },
    #[error("the confidence of an interval lies between 0 and 1, but is {0}")]
    Confidence(f64),
}
