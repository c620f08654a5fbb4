//! Spearman's rank correlation coefficient.

use crate::ranking::pearson::correlation;
use crate::ranking::Pairs;

/// [`super::pearson()`] of the ranks, in `[-1, 1]`; equal values share the mean of their ranks. As
/// `scipy.stats.spearmanr`. `None` for fewer than two pairs, and where a side is constant.
/// `O(n log n)`.
#[must_use]
pub fn spearman(pairs: &Pairs) -> Option<f64> {
    correlation(&pairs.score().mean_ranks(), &pairs.truth().mean_ranks())
}
