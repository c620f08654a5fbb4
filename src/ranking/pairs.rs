//! Scores with their truths, in canonical order.

use rand::{Rng, RngExt};

use crate::ranking::ranked_numbers::RankedNumbers;
use crate::ranking::RankingError;

/// Pairs of a score and a truth, ascending by score, equal scores ascending by truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    score: RankedNumbers,
    truth: RankedNumbers,
}

impl Pairs {
    /// Makes pairs of two sides in `O(n log n)` time.
    ///
    /// # Errors
    /// Sides of different length.
    pub fn of_sides(score: &RankedNumbers, truth: &RankedNumbers) -> Result<Self, RankingError> {
        if score.len() != truth.len() {
            return Err(RankingError::Length { scores: score.len(), truths: truth.len() });
        }
        let mut order: Vec<usize> = (0..score.len()).collect();
        let (by_score, by_truth) = (score.places(), truth.places());
        order.sort_unstable_by_key(|row| (by_score[*row], by_truth[*row]));
        Ok(Self { score: score.pick(&order), truth: truth.pick(&order) })
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.score.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.score.is_empty()
    }

    #[must_use]
    pub fn score(&self) -> &RankedNumbers {
        &self.score
    }

    #[must_use]
    pub fn truth(&self) -> &RankedNumbers {
        &self.truth
    }

    /// Draws as many pairs as there are, with replacement.
    #[must_use]
    pub fn resample(&self, rng: &mut impl Rng) -> Self {
        let n = self.len();
        let mut drawn: Vec<usize> = (0..n).map(|_| rng.random_range(0..n)).collect();
        // Ascending places in a sorted list: the draw is sorted too.
        drawn.sort_unstable();
        Self { score: self.score.pick(&drawn), truth: self.truth.pick(&drawn) }
    }
}
