//! Spearman's rank correlation coefficient.

use crate::ranking::pearson::correlation;
use crate::ranking::Pairs;

/// [`super::pearson()`] of the ranks, in `[-1, 1]`; equal values share the mean of their ranks. As
/// `scipy.stats.spearmanr`. `None` for fewer than two pairs, and where a side is constant.
/// `O(n log n)`.
#[must_use]
pub fn spearman(pairs: &Pairs) -> Option<f64> {
    correlation(&mean_ranks(pairs.score().places()), &mean_ranks(pairs.truth().places()))
}

/// Ranks from 0; equal places share the mean of theirs.
fn mean_ranks(places: &[u32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_unstable_by_key(|row| places[*row]);
    let mut ranks = vec![0.0; places.len()];
    let mut first = 0;
    for tied in order.chunk_by(|a, b| places[*a] == places[*b]) {
        let mean = first as f64 + (tied.len() - 1) as f64 / 2.0;
        for at in tied {
            ranks[*at] = mean;
        }
        first += tied.len();
    }
    ranks
}
