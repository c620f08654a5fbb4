//! Every statistic of a ranking at once.

use crate::ranking::{
    kendall_tau, pearson, regret_at_k, spearman, top_k_recall, weighted_tau, Pairs, Rank,
};

/// What [`selection_quality`] returns, in this order.
pub const STATISTICS: [&str; 6] =
    ["pearson", "spearman", "kendall_tau", "weighted_tau", "top_k_recall", "regret_at_k"];

/// The values of [`STATISTICS`]; the weighted tau with [`Rank::Both`].
#[must_use]
pub fn selection_quality(pairs: &Pairs, k: usize) -> [Option<f64>; STATISTICS.len()] {
    [
        pearson(pairs),
        spearman(pairs),
        kendall_tau(pairs),
        weighted_tau(pairs, Rank::Both),
        top_k_recall(pairs, k),
        regret_at_k(pairs, k),
    ]
}
