//! What becomes of choosing the k models with the highest scores.
//!
//! **Ties in the score** are broken by chance, each choice of k that they allow being as likely as
//! any other, and the result is the expected value: a score that is the same for all models is
//! worth as much as a random choice, no more and no less. It is computed exactly, not sampled.
//! (McSherry and Najork, "Computing information retrieval performance measures efficiently in the
//! presence of tied scores", ECIR 2008. Public code takes whatever order the sort leaves, so its
//! values depend on the order of rows.)
//!
//! **Ties in the truth** mean that models are equally good, so either may stand for the other.
//!
//! `k` larger than the number of pairs takes all of them; there is no value for no pairs or
//! `k = 0`.

use std::ops::Range;

use crate::ranking::Pairs;

/// Expected share of the truly best k that are among the k with the highest scores, in `[0, 1]`;
/// higher is better, 1 if the score ranks as the truth does. `O(n log n)`.
#[must_use]
pub fn top_k_recall(pairs: &Pairs, k: usize) -> Option<f64> {
    let k = k.min(pairs.len());
    let choice = Choice::of(pairs, k)?;
    let truth = pairs.truth().places();
    let mut truths = truth.to_vec();
    truths.sort_unstable_by(|a, b| b.cmp(a));
    let last = *truths.get(k - 1)?;
    let above = |rows: &Range<usize>| truth[rows.clone()].iter().filter(|t| **t > last).count();
    let at = |rows: &Range<usize>| truth[rows.clone()].iter().filter(|t| **t == last).count();

    // Places among the best k that models as good as the k-th share; any of them may fill them.
    let places = k - truths.iter().filter(|truth| **truth > last).count();
    let drawn_share = choice.drawn as f64 / choice.tied.len() as f64;
    let certain = above(&choice.certain) as f64 + above(&choice.tied) as f64 * drawn_share;
    let at_certain = at(&choice.certain);
    let filled: f64 = hypergeometric(choice.tied.len(), at(&choice.tied), choice.drawn)
        .map(|(count, probability)| probability * places.min(at_certain + count) as f64)
        .sum();
    Some(((certain + filled) / k as f64).min(1.0))
}

/// Expected difference between the best truth of all and the best among the k with the highest
/// scores: what one forgoes by fine-tuning only these. In units of the truth (absolute, not
/// relative to the best); 0 is best. `O(n log n)`.
#[must_use]
pub fn regret_at_k(pairs: &Pairs, k: usize) -> Option<f64> {
    let choice = Choice::of(pairs, k.min(pairs.len()))?;
    let truth = pairs.truth();
    let highest = |rows: Range<usize>| rows.max_by_key(|row| truth.places()[*row]);
    let best = highest(0..pairs.len())?;
    // What is forgone with the best of those that are chosen for certain.
    let certain = highest(choice.certain).map(|row| truth.difference(best, row));
    let certain = certain.unwrap_or(f64::INFINITY);
    // Equal scores stand ascending by truth. Going down, each of the `left` rows is drawn, given
    // that none above it was, with probability drawn / left; the first that is drawn is the best
    // drawn.
    let mut regret = 0.0;
    let mut none_yet = 1.0;
    let tied = choice.tied.len();
    for (row, left) in choice.tied.rev().zip((1..=tied).rev()) {
        let drawn = (choice.drawn as f64 / left as f64).min(1.0);
        regret += none_yet * drawn * certain.min(truth.difference(best, row));
        none_yet *= 1.0 - drawn;
        // A difference beyond the range of floats must not meet a probability of zero.
        if none_yet == 0.0 {
            break;
        }
    }
    Some(regret)
}

/// The k pairs with the highest scores.
struct Choice {
    /// Chosen for certain.
    certain: Range<usize>,
    /// Those with the k-th highest score, at least one.
    tied: Range<usize>,
    /// How many of `tied` are drawn, at least one.
    drawn: usize,
}

impl Choice {
    /// `None` unless `0 < k <= pairs.len()`.
    fn of(pairs: &Pairs, k: usize) -> Option<Self> {
        let scores = pairs.score().places();
        let last = *scores.get(scores.len().checked_sub(k)?)?;
        let tied = scores.partition_point(|score| *score < last);
        let certain = scores.partition_point(|score| *score <= last);
        Some(Self {
            certain: certain..scores.len(),
            tied: tied..certain,
            drawn: k - (scores.len() - certain),
        })
    }
}

/// `(count, probability)` of drawing `count` of `marked` among `total` rows in `drawn` draws
/// without replacement. In logarithms: the terms span more than a float.
fn hypergeometric(total: usize, marked: usize, drawn: usize) -> impl Iterator<Item = (usize, f64)> {
    let least = (drawn + marked).saturating_sub(total);
    let most = drawn.min(marked);
    let mut log = 0.0;
    let logs: Vec<f64> = (least..=most)
        .map(|count| {
            if count > least {
                let ways = (marked - count + 1) as f64 * (drawn - count + 1) as f64;
                log += (ways / (count as f64 * (total + count - marked - drawn) as f64)).ln();
            }
            log
        })
        .collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
    (least..=most).zip(logs).map(move |(count, log)| (count, (log - largest).exp() / sum))
}
