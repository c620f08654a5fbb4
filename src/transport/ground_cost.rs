//! Ground costs: what it costs to move one source point to one target point.
//!
//! `Euclidean` and `SquaredEuclidean` compare points of one space. The margin cost compares logits,
//! and is asymmetric: `max_c delta_c - min_{c in S} delta_c` with `delta = s(target) - s(source)`;
//! it is an upper bound on how much the loss of any label whose sources are `S` can rise from one
//! point to the other (Lipschitz in the margins, constant 1). The paper's Euclidean cost and the
//! head cost are a Lipschitz constant of the head times `Euclidean` in their own coordinates.
//!
//! Matrices are row-major, one row per source point.

use faer::MatRef;
use pulp::{Simd, WithSimd};

use super::distance_rows::{DistanceRows, Power};
use crate::parallelism::Parallelism;

/// Pairwise Euclidean distances between the rows of `source` (`n x d`) and `target` (`m x d`),
/// squared or not. Flat row-major `n x m`.
#[must_use]
pub fn euclidean(source: MatRef<'_, f64>, target: MatRef<'_, f64>, squared: bool) -> Vec<f64> {
    let power = if squared { Power::Two } else { Power::One };
    DistanceRows::new(source.into(), target.into(), power).matrix(Parallelism::Sequential)
}

/// The margin cost of moving logits `source` to logits `target`, for a label whose sources are the
/// classes in `support`.
#[must_use]
pub fn margin(source: &[f64], target: &[f64], support: &[u32]) -> f64 {
    let (high, low) = margin_extremes(source, target, support);
    (target[high] - source[high]) - (target[low] - source[low])
}

/// The classes at which the margin cost's max and min are attained: it is
/// `(t_h - s_h) - (t_l - s_l)` for the pair `(h, l)` returned.
#[must_use]
pub fn margin_extremes(source: &[f64], target: &[f64], support: &[u32]) -> (usize, usize) {
    let delta = |c: usize| target[c] - source[c];
    let mut high = 0;
    for c in 1..source.len() {
        if delta(c) > delta(high) {
            high = c;
        }
    }
    let mut low = support.first().map_or(0, |&c| c as usize);
    for &c in support {
        if delta(c as usize) < delta(low) {
            low = c as usize;
        }
    }
    (high, low)
}

/// Margin costs between all pairs, flat row-major `n x m`. `source` and `target` hold logits, one
/// row of `k` per point.
#[must_use]
pub fn margin_matrix(source: &[f64], target: &[f64], k: usize, support: &[u32]) -> Vec<f64> {
    let m = target.len() / k;
    // One contiguous run of targets per class, so that the inner loop vectorises over targets.
    let mut by_class = vec![0.0; k * m];
    for (j, row) in target.chunks_exact(k).enumerate() {
        for (c, &value) in row.iter().enumerate() {
            by_class[c * m + j] = value;
        }
    }
    let mut cost = vec![0.0; source.len() / k * m];
    let arch = pulp::Arch::new();
    for (row, out) in source.chunks_exact(k).zip(cost.chunks_exact_mut(m)) {
        arch.dispatch(Margins { row, by_class: &by_class, support, out });
    }
    cost
}

/// The margin costs of moving one source row to each target row.
struct Margins<'a> {
    row: &'a [f64],
    /// Target logits, those of one class after the other.
    by_class: &'a [f64],
    support: &'a [u32],
    out: &'a mut [f64],
}

impl WithSimd for Margins<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { row, by_class, support, out } = self;
        let (m, lanes) = (out.len(), S::F64_LANES);
        let (body, tail) = S::as_mut_simd_f64s(out);
        for (k, out) in body.iter_mut().enumerate() {
            let targets = |c: usize| S::as_simd_f64s(&by_class[c * m + k * lanes..][..lanes]).0[0];
            *out = margins(simd, row, support, targets);
        }
        if !tail.is_empty() {
            let (at, count) = (m - tail.len(), tail.len());
            let targets = |c: usize| simd.partial_load_f64s(&by_class[c * m + at..][..count]);
            simd.partial_store_f64s(tail, margins(simd, row, support, targets));
        }
    }
}

/// The margin costs of moving one source row to a vector of target rows, whose logits of a class `targets` gives: the
/// extremes stay in registers over all classes.
#[inline(always)]
fn margins<S: Simd>(
    simd: S,
    row: &[f64],
    support: &[u32],
    targets: impl Fn(usize) -> S::f64s,
) -> S::f64s {
    let delta = |c: usize| simd.sub_f64s(targets(c), simd.splat_f64s(row[c]));
    let mut highest = simd.splat_f64s(f64::NEG_INFINITY);
    for c in 0..row.len() {
        highest = simd.max_f64s(delta(c), highest);
    }
    let mut lowest = simd.splat_f64s(f64::INFINITY);
    for &c in support {
        lowest = simd.min_f64s(delta(c as usize), lowest);
    }
    simd.sub_f64s(highest, lowest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrix_equals_the_pairwise_margin() {
        let logits: Vec<f64> = (0..60).map(|k| (k as f64 * 1.7).sin() * 3.0).collect();
        let (source, target) = logits.split_at(24);
        let support = [1, 3];
        let all = margin_matrix(source, target, 4, &support);
        for (i, s) in source.chunks_exact(4).enumerate() {
            for (j, t) in target.chunks_exact(4).enumerate() {
                assert_eq!(all[i * 9 + j], margin(s, t, &support));
            }
        }
    }
}
