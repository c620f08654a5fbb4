//! Kendall's tau-b and its weighted form, by Knight's algorithm: sort by score, then merge-sort by
//! truth and add up the exchanges.
//!
//! With `w_i` the weight of pair i, and `w_i + w_j` that of exchanging i and j,
//!
//! `tau = (concordant - discordant) / sqrt((all - tied in score) (all - tied in truth))`,
//!
//! where each word is the total weight of such pairs of pairs. All weights equal: Kendall's tau-b.
//! Vigna, "A weighted correlation index for rankings with ties" (WWW 2015); Knight, JASA 61 (1966).

use serde::Deserialize;

use crate::ranking::Pairs;

/// What decides the place of a pair, on which its weight in [`weighted_tau`] depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// The mean of two values: ranked by score (equal scores by truth), and by truth (equal truths
    /// by score). The default of scipy, its `rank=True`.
    Both,
    /// Pairs are ranked by score, and equal scores by truth. This is scipy's `rank=None` with the
    /// score as first argument.
    #[serde(rename = "none")]
    Score,
}

/// Kendall's tau-b, in `[-1, 1]`; as `scipy.stats.kendalltau`. `None` for fewer than two pairs, and
/// where a side is constant. `O(n log n)`, exact up to the last division for n < 9e7.
#[must_use]
pub fn kendall_tau(pairs: &Pairs) -> Option<f64> {
    tau(pairs, &vec![1.0; pairs.len()])
}

/// Kendall's tau with hyperbolic additive weights, in `[-1, 1]`: the pair in place `r` from the top
/// weighs `1 / r`, so what happens among the best models counts most. As `scipy.stats.weightedtau`.
/// `None` as [`kendall_tau`]. `O(n log n)`.
#[must_use]
pub fn weighted_tau(pairs: &Pairs, rank: Rank) -> Option<f64> {
    let n = pairs.len();
    let by_score: Vec<f64> = (0..n).map(|at| 1.0 / (n - at) as f64).collect();
    let tau_by_score = tau(pairs, &by_score)?;
    match rank {
        Rank::Score => Some(tau_by_score),
        Rank::Both => {
            let truths = pairs.truth().places();
            let mut order: Vec<usize> = (0..n).collect();
            // Pairs stand in the order of their scores, so a stable sort breaks ties by score.
            order.sort_by_key(|row| truths[*row]);
            let mut by_truth = vec![0.0; n];
            for (at, weight) in order.into_iter().zip(&by_score) {
                by_truth[at] = *weight;
            }
            Some(f64::midpoint(tau_by_score, tau(pairs, &by_truth)?))
        }
    }
}

/// The tau of the module's formula; `weight` has one entry per pair.
fn tau(pairs: &Pairs, weight: &[f64]) -> Option<f64> {
    let places = pairs.score().places().iter().zip(pairs.truth().places());
    let mut rows: Vec<Weighted> = places
        .zip(weight)
        .map(|((&score, &truth), &weight)| Weighted { score, truth, weight })
        .collect();
    if constant(&rows, |row| row.score) || constant(&rows, |row| row.truth) {
        return None;
    }
    let all = exchanges_within(&rows);
    let tied = |rows: &[Weighted], same: fn(&Weighted, &Weighted) -> bool| -> f64 {
        rows.chunk_by(same).map(exchanges_within).sum()
    };
    let tied_in_score = tied(&rows, |a, b| a.score == b.score);
    let tied_in_both = tied(&rows, |a, b| a.score == b.score && a.truth == b.truth);
    let discordant = sort_by_truth(&mut rows);
    let tied_in_truth = tied(&rows, |a, b| a.truth == b.truth);

    let untied = all - (tied_in_score + tied_in_truth - tied_in_both);
    let scale = ((all - tied_in_score) * (all - tied_in_truth)).sqrt();
    Some(((untied - 2.0 * discordant) / scale).clamp(-1.0, 1.0))
}

#[derive(Debug, Clone, Copy)]
struct Weighted {
    score: u32,
    truth: u32,
    weight: f64,
}

/// True for no rows too.
fn constant(rows: &[Weighted], side: impl Fn(&Weighted) -> u32) -> bool {
    rows.windows(2).all(|two| side(&two[0]) == side(&two[1]))
}

/// The weight of exchanging each with each: every weight counts once per other row.
fn exchanges_within(rows: &[Weighted]) -> f64 {
    let others = rows.len().saturating_sub(1) as f64;
    rows.iter().map(|row| row.weight).sum::<f64>() * others
}

/// Sort by truth and return the weight of all exchanges that this took.
fn sort_by_truth(rows: &mut Vec<Weighted>) -> f64 {
    let n = rows.len();
    let mut exchanged = 0.0;
    let mut merged = Vec::with_capacity(n);
    let mut run = 1;
    while run < n {
        merged.clear();
        for two_runs in rows.chunks(2 * run) {
            let (left, right) = two_runs.split_at(run.min(two_runs.len()));
            exchanged += merge(left, right, &mut merged);
        }
        std::mem::swap(rows, &mut merged);
        run *= 2;
    }
    exchanged
}

/// Append the two sorted runs as one; the weight of exchanges between them.
fn merge(left: &[Weighted], right: &[Weighted], merged: &mut Vec<Weighted>) -> f64 {
    let mut exchanged = 0.0;
    let mut left_weight: f64 = left.iter().map(|row| row.weight).sum();
    let mut left = left.iter().peekable();
    for row in right {
        while let Some(smaller) = left.next_if(|l| l.truth <= row.truth) {
            left_weight -= smaller.weight;
            merged.push(*smaller);
        }
        if left.len() > 0 {
            exchanged += left_weight + row.weight * left.len() as f64;
        }
        merged.push(*row);
    }
    merged.extend(left);
    exchanged
}
