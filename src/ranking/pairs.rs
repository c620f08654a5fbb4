//! Scores with their truths, in canonical order.

use rand::{Rng, RngExt};

use super::RankingError;

/// Finite `(score, truth)` pairs, ascending by score, equal scores ascending by truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs(Vec<(f64, f64)>);

impl Pairs {
    /// Sort the pairs, `O(n log n)`.
    ///
    /// # Errors
    /// Sides of different length, NaN or infinite values.
    pub fn new(score: &[f64], truth: &[f64]) -> Result<Self, RankingError> {
        if score.len() != truth.len() {
            return Err(RankingError::Length { scores: score.len(), truths: truth.len() });
        }
        for (side, values) in [("the score", score), ("the truth", truth)] {
            let count = values.iter().filter(|v| !v.is_finite()).count();
            if count > 0 {
                return Err(RankingError::NotFinite { side, count });
            }
        }
        // Adding 0 turns -0 into 0, so that equal values are neighbours in the total order.
        let mut pairs: Vec<(f64, f64)> =
            score.iter().zip(truth).map(|(s, t)| (s + 0.0, t + 0.0)).collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        Ok(Self(pairs))
    }

    #[must_use]
    pub fn as_slice(&self) -> &[(f64, f64)] {
        &self.0
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn scores(&self) -> Vec<f64> {
        self.0.iter().map(|pair| pair.0).collect()
    }

    #[must_use]
    pub fn truths(&self) -> Vec<f64> {
        self.0.iter().map(|pair| pair.1).collect()
    }

    /// As many pairs, drawn with replacement.
    #[must_use]
    pub fn resample(&self, rng: &mut impl Rng) -> Self {
        let n = self.0.len();
        let mut drawn: Vec<usize> = (0..n).map(|_| rng.random_range(0..n)).collect();
        // Ascending places in a sorted list: the draw is sorted too.
        drawn.sort_unstable();
        Self(drawn.into_iter().map(|at| self.0[at]).collect())
    }
}
