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
    let mut cost = vec![0.0; source.len() / k * (target.len() / k)];
    pulp::Arch::new().dispatch(MarginMatrix { source, target, k, support, cost: &mut cost });
    cost
}

struct MarginMatrix<'a> {
    source: &'a [f64],
    target: &'a [f64],
    k: usize,
    support: &'a [u32],
    cost: &'a mut [f64],
}

impl WithSimd for MarginMatrix<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { source, target, k, support, cost } = self;
        let m = target.len() / k;
        let width = m.next_multiple_of(S::F64_LANES);
        // One contiguous run of targets per class, so that the inner loops are over vectors of targets. Runs end
        // with whole vectors.
        let mut by_class = vec![0.0; k * width];
        for (j, row) in target.chunks_exact(k).enumerate() {
            for (c, &value) in row.iter().enumerate() {
                by_class[c * width + j] = value;
            }
        }
        let by_class = S::as_simd_f64s(&by_class).0;
        for (row, out) in source.chunks_exact(k).zip(cost.chunks_exact_mut(m)) {
            let (body, tail) = S::as_mut_simd_f64s(out);
            let vectors = width / S::F64_LANES;
            for (at, out) in body.iter_mut().enumerate() {
                *out = margins(simd, row, support, &by_class[at..], vectors);
            }
            if !tail.is_empty() {
                let last = margins(simd, row, support, &by_class[vectors - 1..], vectors);
                simd.partial_store_f64s(tail, last);
            }
        }
    }
}

/// The margin costs of moving one source row to a vector of target rows. `targets` starts with their logits of the
/// first class, and each next class is `stride` further: the extremes stay in registers over all classes.
#[inline(always)]
fn margins<S: Simd>(
    simd: S,
    row: &[f64],
    support: &[u32],
    targets: &[S::f64s],
    stride: usize,
) -> S::f64s {
    let mut highest = simd.splat_f64s(f64::NEG_INFINITY);
    for (source, target) in row.iter().zip(targets.iter().step_by(stride)) {
        highest = simd.max_f64s(simd.sub_f64s(*target, simd.splat_f64s(*source)), highest);
    }
    let mut lowest = simd.splat_f64s(f64::INFINITY);
    for &c in support {
        let c = c as usize;
        let delta = simd.sub_f64s(targets[c * stride], simd.splat_f64s(row[c]));
        lowest = simd.min_f64s(delta, lowest);
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
