//! What becomes of choosing the k models with the highest scores.
//!
//! **Ties in the score** are broken by chance, each choice of k that they allow being as likely as any
//! other, and the result is the expected value: a score that is the same for all models is worth as
//! much as a random choice, no more and no less. It is computed exactly, not sampled. (McSherry and
//! Najork, "Computing information retrieval performance measures efficiently in the presence of tied
//! scores", ECIR 2008. Public code takes whatever order the sort leaves, so its values depend on the
//! order of rows.)
//!
//! **Ties in the truth** mean that models are equally good, so either may stand for the other.
//!
//! `k` larger than the number of pairs takes all of them; there is no value for no pairs or `k = 0`.

use super::Pairs;

/// Expected share of the truly best k that are among the k with the highest scores, in `[0, 1]`;
/// higher is better, 1 if the score ranks as the truth does. `O(n log n)`.
#[must_use]
pub fn top_k_recall(pairs: &Pairs, k: usize) -> Option<f64> {
    let k = k.min(pairs.len());
    let choice = Choice::of(pairs, k)?;
    let mut truths = pairs.truths();
    truths.sort_unstable_by(|a, b| b.total_cmp(a));
    let last = *truths.get(k - 1)?;
    let above = |rows: &[(f64, f64)]| rows.iter().filter(|row| row.1 > last).count();
    let at = |rows: &[(f64, f64)]| rows.iter().filter(|row| row.1 == last).count();

    // Places among the best k that models as good as the k-th share; any of them may fill them.
    let places = k - truths.iter().filter(|truth| **truth > last).count();
    let drawn_share = choice.drawn as f64 / choice.tied.len() as f64;
    let certain = above(choice.certain) as f64 + above(choice.tied) as f64 * drawn_share;
    let at_certain = at(choice.certain);
    let filled: f64 = hypergeometric(choice.tied.len(), at(choice.tied), choice.drawn)
        .map(|(count, probability)| probability * places.min(at_certain + count) as f64)
        .sum();
    Some(((certain + filled) / k as f64).min(1.0))
}

/// Expected difference between the best truth of all and the best among the k with the highest
/// scores: what one forgoes by fine-tuning only these. In units of the truth (absolute, not relative to the best); 0 is best. `O(n log n)`.
#[must_use]
pub fn regret_at_k(pairs: &Pairs, k: usize) -> Option<f64> {
    let choice = Choice::of(pairs, k.min(pairs.len()))?;
    let highest = |rows: &[(f64, f64)]| rows.iter().map(|row| row.1).reduce(f64::max);
    let best = highest(pairs.as_slice())?;
    let certain = highest(choice.certain).unwrap_or(f64::NEG_INFINITY);
    // Equal scores stand ascending by truth. Going down, each of the `left` rows is drawn, given that
    // none above it was, with probability drawn / left; the first that is drawn is the best drawn.
    let mut regret = 0.0;
    let mut none_yet = 1.0;
    for (row, left) in choice.tied.iter().rev().zip((1..=choice.tied.len()).rev()) {
        let drawn = (choice.drawn as f64 / left as f64).min(1.0);
        regret += none_yet * drawn * (best - certain.max(row.1));
        none_yet *= 1.0 - drawn;
    }
    Some(regret)
}

/// The k pairs with the highest scores.
struct Choice<'a> {
    /// Chosen for certain.
    certain: &'a [(f64, f64)],
    /// Those with the k-th highest score, at least one.
    tied: &'a [(f64, f64)],
    /// How many of `tied` are drawn, at least one.
    drawn: usize,
}

impl<'a> Choice<'a> {
    /// `None` unless `0 < k <= pairs.len()`.
    fn of(pairs: &'a Pairs, k: usize) -> Option<Self> {
        let rows = pairs.as_slice();
        let last = rows.get(rows.len().checked_sub(k)?)?.0;
        let tied = rows.partition_point(|row| row.0 < last);
        let certain = rows.partition_point(|row| row.0 <= last);
        Some(Self {
            certain: &rows[certain..],
            tied: &rows[tied..certain],
            drawn: k - (rows.len() - certain),
        })
    }
}

/// `(count, probability)` of drawing `count` of `marked` among `total` rows in `drawn` draws without
/// replacement. In logarithms: the terms span more than a float.
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
