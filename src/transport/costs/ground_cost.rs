//! Ground costs: what it costs to move one source point to one target point.
//!
//! Powers of the Euclidean distance compare points of one space. The margin cost compares logits,
//! and is asymmetric: `max_c delta_c - min_{c in S} delta_c` with `delta = s(target) - s(source)`;
//! it is an upper bound on how much the loss of any label whose sources are `S` can rise from one
//! point to the other (Lipschitz in the margins, constant 1). The paper's Euclidean cost and the
//! head cost are a Lipschitz constant of the head times the distance in their own coordinates.
//!
//! Matrices are row-major, one row per source point.

use std::borrow::Cow;

use faer::MatRef;
use pulp::{Simd, WithSimd};

use crate::parallelism::Parallelism;
use crate::transport::costs::distance_rows::{DistanceRows, Power};

/// A power of the Euclidean distances between the rows of `source` (`n x d`) and `target`
/// (`m x d`), flat and row-major, `n x m`.
#[must_use]
pub fn euclidean(source: MatRef<'_, f64>, target: MatRef<'_, f64>, power: Power) -> Vec<f64> {
    DistanceRows::new(source.into(), target.into(), power).matrix(Parallelism::Sequential)
}

/// The classes at which the max and the min of a margin cost are attained: the cost is
/// `(t_h - s_h) - (t_l - s_l)` with the class `h` of the max and the class `l` of the min.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarginClasses {
    pub high: usize,
    pub low: usize,
}

/// The classes at which the margin cost from `source` to `target` is attained.
#[must_use]
pub fn margin_classes(source: &[f64], target: &[f64], support: &[u32]) -> MarginClasses {
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
    MarginClasses { high, low }
}

/// Margin costs between all pairs, flat row-major `n x m`. `source` and `target` hold logits, one
/// row of `k` per point.
#[must_use]
pub fn margin_matrix(source: &[f64], target: &[f64], k: usize, support: &[u32]) -> Vec<f64> {
    MarginRows::new(source.into(), target, k, support).matrix()
}

/// Points of a run of targets that a vector may hold; runs end with whole vectors.
const MOST_LANES: usize = 8;

/// The margin costs from each source point to each target point, a block of rows at a time.
#[derive(Debug, Clone)]
pub struct MarginRows<'a> {
    /// One row of `classes` logits per point.
    source: Cow<'a, [f64]>,
    classes: usize,
    targets: usize,
    /// The targets' logits: one contiguous run per class, so that the inner loops are over vectors
    /// of targets.
    target_by_class: Vec<f64>,
    support: Vec<u32>,
    arch: pulp::Arch,
}

impl<'a> MarginRows<'a> {
    /// Prepares the costs between logits, one row of `classes` per point, for a label whose sources
    /// are the classes in `support`.
    #[must_use]
    pub fn new(source: Cow<'a, [f64]>, target: &[f64], classes: usize, support: &[u32]) -> Self {
        let targets = target.len() / classes;
        let run = targets.next_multiple_of(MOST_LANES);
        let mut target_by_class = vec![0.0; classes * run];
        for (j, row) in target.chunks_exact(classes).enumerate() {
            for (c, &value) in row.iter().enumerate() {
                target_by_class[c * run + j] = value;
            }
        }
        let (support, arch) = (support.to_vec(), pulp::Arch::new());
        Self { source, classes, targets, target_by_class, support, arch }
    }

    #[must_use]
    pub fn nrows(&self) -> usize {
        self.source.len() / self.classes
    }

    #[must_use]
    pub fn ncols(&self) -> usize {
        self.targets
    }

    /// The costs among some of the points.
    #[must_use]
    pub fn select(&self, rows: &[u32], columns: &[u32]) -> Self {
        let k = self.classes;
        let source: Vec<f64> =
            rows.iter().flat_map(|&i| &self.source[i as usize * k..][..k]).copied().collect();
        let run = self.targets.next_multiple_of(MOST_LANES);
        let logits = |&j: &u32| (0..k).map(move |c| self.target_by_class[c * run + j as usize]);
        let target: Vec<f64> = columns.iter().flat_map(logits).collect();
        Self::new(source.into(), &target, k, &self.support)
    }

    /// The matrix of all costs, row-major.
    #[must_use]
    pub fn matrix(&self) -> Vec<f64> {
        let mut cost = vec![0.0; self.nrows() * self.targets];
        self.fill(0, &mut cost);
        cost
    }

    /// Fill whole rows from row `first` on, row-major.
    pub fn fill(&self, first: usize, out: &mut [f64]) {
        self.arch.dispatch(FillMargins { rows: self, first, out });
    }
}

struct FillMargins<'a, 'r> {
    rows: &'a MarginRows<'r>,
    first: usize,
    out: &'a mut [f64],
}

impl WithSimd for FillMargins<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        const { assert!(S::F64_LANES <= MOST_LANES) };
        let MarginRows { source, classes, targets, target_by_class, support, .. } = self.rows;
        let stride = targets.next_multiple_of(MOST_LANES) / S::F64_LANES;
        let by_class = S::as_simd_f64s(target_by_class).0;
        let source = source[self.first * classes..].chunks_exact(*classes);
        for (row, out) in source.zip(self.out.chunks_exact_mut(*targets)) {
            let (body, tail) = S::as_mut_simd_f64s(out);
            let whole = body.len();
            for (at, out) in body.iter_mut().enumerate() {
                *out = margins(simd, row, support, &by_class[at..], stride);
            }
            if !tail.is_empty() {
                let last = margins(simd, row, support, &by_class[whole..], stride);
                simd.partial_store_f64s(tail, last);
            }
        }
    }
}

/// The margin costs of moving one source row to a vector of target rows. `targets` starts with
/// their logits of the first class, and each next class is `stride` further: the extremes stay in
/// registers over all classes.
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

    /// The margin cost of moving logits `source` to logits `target`, for a label whose sources are
    /// the classes in `support`.
    fn margin(source: &[f64], target: &[f64], support: &[u32]) -> f64 {
        let MarginClasses { high, low } = margin_classes(source, target, support);
        (target[high] - source[high]) - (target[low] - source[low])
    }

    #[test]
    fn matrix_equals_the_pairwise_margin() {
        let logits: Vec<f64> = (0..60).map(|k| (k as f64 * 1.7).sin() * 3.0).collect();
        let (source, target) = logits.split_at(24);
        let support = [1, 3];
        let all = margin_matrix(source, target, 4, &support);
        let some = MarginRows::new(source.into(), target, 4, &support).select(&[5, 2], &[8, 0]);
        assert_eq!(some.matrix(), [all[5 * 9 + 8], all[5 * 9], all[2 * 9 + 8], all[2 * 9]]);
        for (i, s) in source.chunks_exact(4).enumerate() {
            for (j, t) in target.chunks_exact(4).enumerate() {
                assert_eq!(all[i * 9 + j], margin(s, t, &support));
            }
        }
    }
}
