//! The mean place of rows among several scores.

use crate::ranking::{RankedNumbers, RankingError};

/// Mean over the scores of each row's rank, from 0 of the row that is least in all of them to 1 of
/// the one that is largest in all. As `scipy.stats.rankdata` less 1 over the number of other rows:
/// equal values share the mean of their ranks, so a score that is constant gives every row 0.5, and
/// so does any score of a single row. `O(m n log n)` for `m` scores.
///
/// Only the order of each score counts, not its distances: scores in units of any kind go together,
/// and one extreme value weighs no more than any other that is largest.
///
/// # Errors
/// No scores, or scores of different length.
pub fn consensus(scores: &[RankedNumbers]) -> Result<Vec<f64>, RankingError> {
    let rows = scores.first().ok_or(RankingError::NoScores)?.len();
    if let Some(other) = scores.iter().find(|score| score.len() != rows) {
        return Err(RankingError::Rows { found: other.len(), expected: rows });
    }
    if rows == 1 {
        return Ok(vec![0.5]);
    }
    // Ranks are whole or half numbers, so their sum is exact: the order of scores changes no bit.
    let mut sums = vec![0.0; rows];
    for score in scores {
        for (sum, rank) in sums.iter_mut().zip(score.mean_ranks()) {
            *sum += rank;
        }
    }
    let largest = scores.len() as f64 * (rows as f64 - 1.0);
    Ok(sums.into_iter().map(|sum| sum / largest).collect())
}
