//! The assignment problem: the fast path of exact transport for uniform sides of equal size.
//!
//! Finds the permutation that minimises `sum_i cost[i, permutation[i]]` by shortest augmenting
//! paths, after a column reduction and a row reduction that usually assign most rows at once.
//! Returns the duals with it, so the answer certifies itself.
//!
//! Worst case `O(n^3)` time; memory `O(n)` beyond the cost matrix.
//!
//! Reference: Jonker and Volgenant, "A shortest augmenting path algorithm for dense and sparse
//! linear assignment problems", *Computing* 38, 1987.

use pulp::{Simd, WithSimd};

use crate::transport::costs::cost_rows::CostRows;
use crate::transport::{Move, Plan, PricedMove, TransportError};

const FREE: usize = usize::MAX;

/// A plan with mass `1/n` on each assigned pair, for a row-major square matrix of finite costs.
pub(super) fn solve(cost: &[f64], n: usize) -> Result<Plan, TransportError> {
    let (column_of, target_dual) = optimum(cost, n);
    let mass = 1.0 / n as f64;
    let moves = (0..).zip(column_of).map(|(source, target)| PricedMove {
        what: Move { source, target, mass },
        cost: cost[source as usize * n + target as usize],
    });
    Ok(Plan::new(&mut CostRows::of_matrix(cost, n, n)?, moves, target_dual))
}

/// The column of each row for a row-major square cost matrix: an optimum up to what rounding of the
/// largest cost hides.
///
/// # Errors
/// A matrix that is empty, not square or not finite.
pub fn assign(cost: &[f64], n: usize) -> Result<Vec<u32>, TransportError> {
    if n == 0 {
        return Err(TransportError::EmptySide);
    }
    CostRows::of_matrix(cost, n, n)?.extremes()?;
    Ok(optimum(cost, n).0)
}

/// The column of each row, and the columns' duals.
fn optimum(cost: &[f64], n: usize) -> (Vec<u32>, Vec<f64>) {
    let (row_of, target_dual) = pulp::Arch::new().dispatch(Assign { cost, n });
    let mut column_of = vec![0; n];
    for (j, i) in row_of.into_iter().enumerate() {
        column_of[i] = j as u32;
    }
    (column_of, target_dual)
}

/// The row assigned to each column, and the column duals.
struct Assign<'a> {
    cost: &'a [f64],
    n: usize,
}

impl WithSimd for Assign<'_> {
    type Output = (Vec<usize>, Vec<f64>);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Self::Output {
        let mut search = PartialAssignment::new(simd, self.cost, self.n);
        search.reduce_columns();
        search.reduce_rows();
        for i in 0..self.n {
            if search.column_of[i] == FREE {
                search.augment(i);
            }
        }
        search.dual.truncate(self.n);
        (search.row_of, search.dual)
    }
}

/// A partial assignment, column duals that fit it, and memory to work in. What vectors are read of
/// ends with whole ones: columns from `n` on are infinitely far.
struct PartialAssignment<'a, S> {
    simd: S,
    cost: &'a [f64],
    n: usize,
    row_of: Vec<usize>,
    column_of: Vec<usize>,
    dual: Vec<f64>,
    /// Reduced costs of a row, or distances of columns that are not settled; infinite for the
    /// others.
    distance: Vec<f64>,
    /// `dual`, but minus infinity for settled columns, so that nothing is close to them.
    open_dual: Vec<f64>,
    previous_row: Vec<u64>,
    settled: Vec<(usize, f64)>,
}

impl<'a, S: Simd> PartialAssignment<'a, S> {
    #[inline(always)]
    fn new(simd: S, cost: &'a [f64], n: usize) -> Self {
        let width = n.next_multiple_of(S::F64_LANES);
        Self {
            simd,
            cost,
            n,
            row_of: vec![FREE; n],
            column_of: vec![FREE; n],
            dual: vec![f64::NEG_INFINITY; width],
            distance: vec![f64::INFINITY; width],
            open_dual: vec![f64::NEG_INFINITY; width],
            previous_row: vec![0; width],
            settled: Vec::with_capacity(n),
        }
    }

    #[inline(always)]
    fn row(&self, i: usize) -> &'a [f64] {
        &self.cost[i * self.n..][..self.n]
    }

    /// Each column, the last one first, bids for the row where it is cheapest.
    #[inline(always)]
    fn reduce_columns(&mut self) {
        let simd = self.simd;
        for i in 0..self.n {
            let row = self.row(i);
            relax(simd, &mut self.distance, &mut self.previous_row, i, |at| costs(simd, row, at));
        }
        self.dual[..self.n].copy_from_slice(&self.distance[..self.n]);
        for j in (0..self.n).rev() {
            let i = self.previous_row[j] as usize;
            if self.column_of[i] == FREE {
                self.column_of[i] = j;
                self.row_of[j] = i;
            }
        }
    }

    /// One round of augmenting row reduction: a free row takes its cheapest column and lowers that
    /// column's dual to its second best, which may free another row. Bounded: with rounded duals an
    /// unbounded chain of take-overs need not end.
    #[inline(always)]
    fn reduce_rows(&mut self) {
        let n = self.n;
        let mut free: Vec<usize> = (0..n).filter(|&i| self.column_of[i] == FREE).collect();
        let mut budget = 4 * n;
        while let Some(i) = free.pop() {
            if budget == 0 {
                return;
            }
            budget -= 1;
            let (first, at) = self.reduce_costs(i);
            self.distance[at] = f64::INFINITY;
            let second = self.lowest();
            let evicted = self.row_of[at];
            if second > first && second.is_finite() {
                self.dual[at] -= second - first;
            } else if evicted != FREE {
                // A tie: taking the column over would gain nothing and could go on for ever.
                continue;
            }
            self.row_of[at] = i;
            self.column_of[i] = at;
            if evicted != FREE {
                self.column_of[evicted] = FREE;
                free.push(evicted);
            }
        }
    }

    /// Assign the free row `start` along a shortest augmenting path, by Dijkstra over columns by
    /// reduced cost, and update the duals.
    #[inline(always)]
    fn augment(&mut self, start: usize) {
        let simd = self.simd;
        let (mut reached, mut j) = self.reduce_costs(start);
        self.previous_row.fill(start as u64);
        self.open_dual.copy_from_slice(&self.dual);
        self.settled.clear();
        loop {
            let i = self.row_of[j];
            if i == FREE {
                break;
            }
            self.settled.push((j, reached));
            self.distance[j] = f64::INFINITY;
            self.open_dual[j] = f64::NEG_INFINITY;
            let row = self.row(i);
            let base = simd.splat_f64s(reached - (row[j] - self.dual[j]));
            let open_dual = S::as_simd_f64s(&self.open_dual).0;
            let through =
                |at| simd.sub_f64s(simd.add_f64s(base, costs(simd, row, at)), open_dual[at]);
            (reached, j) = relax(simd, &mut self.distance, &mut self.previous_row, i, through);
        }
        for &(j, distance) in &self.settled {
            self.dual[j] += distance - reached;
        }
        loop {
            let i = self.previous_row[j] as usize;
            self.row_of[j] = i;
            std::mem::swap(&mut self.column_of[i], &mut j);
            if i == start {
                return;
            }
        }
    }

    /// Set the distances to the reduced costs of a row. Returns the lowest, and its place.
    #[inline(always)]
    fn reduce_costs(&mut self, i: usize) -> (f64, usize) {
        let (simd, row) = (self.simd, self.row(i));
        let dual = S::as_simd_f64s(&self.dual).0;
        let mut lowest = LowestPlace::new(simd);
        for (at, (d, v)) in
            S::as_mut_simd_f64s(&mut self.distance).0.iter_mut().zip(dual).enumerate()
        {
            *d = simd.sub_f64s(costs(simd, row, at), *v);
            lowest.look_at(simd, *d);
        }
        lowest.found(simd)
    }

    /// The lowest distance.
    #[inline(always)]
    fn lowest(&self) -> f64 {
        let simd = self.simd;
        let mut lowest = simd.splat_f64s(f64::INFINITY);
        for d in S::as_simd_f64s(&self.distance).0 {
            lowest = simd.min_f64s(*d, lowest);
        }
        simd.reduce_min_f64s(lowest)
    }
}

/// A vector of a row's costs; zero from `n` on.
#[inline(always)]
fn costs<S: Simd>(simd: S, row: &[f64], at: usize) -> S::f64s {
    let (body, tail) = S::as_simd_f64s(row);
    body.get(at).copied().unwrap_or_else(|| simd.partial_load_f64s(tail))
}

/// Where `value(at)` is less than a distance, take it, from row `i`. Returns the lowest distance,
/// and its place.
#[inline(always)]
fn relax<S: Simd>(
    simd: S,
    distance: &mut [f64],
    previous_row: &mut [u64],
    i: usize,
    value: impl Fn(usize) -> S::f64s,
) -> (f64, usize) {
    let from = simd.splat_u64s(i as u64);
    let mut lowest = LowestPlace::new(simd);
    let distance = S::as_mut_simd_f64s(distance).0.iter_mut();
    for (at, (d, row)) in distance.zip(S::as_mut_simd_u64s(previous_row).0).enumerate() {
        let value = value(at);
        let less = simd.less_than_f64s(value, *d);
        // Not a choice by `less`: that is compiled to a store which the next reader has to wait
        // for.
        let lower = simd.min_f64s(value, *d);
        *d = lower;
        *row = simd.select_u64s(less, from, *row);
        lowest.look_at(simd, lower);
    }
    lowest.found(simd)
}

/// The lowest of some values that are looked at in the order of their places, and where it is: for
/// each position within vectors, until all have been seen.
struct LowestPlace<S: Simd> {
    value: S::f64s,
    place: S::f64s,
    next_places: S::f64s,
}

impl<S: Simd> LowestPlace<S> {
    #[inline(always)]
    fn new(simd: S) -> Self {
        const PLACES: [f64; 8] = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        const { assert!(S::F64_LANES <= PLACES.len()) };
        Self {
            value: simd.splat_f64s(f64::INFINITY),
            place: simd.splat_f64s(0.0),
            next_places: simd.partial_load_f64s(&PLACES[..S::F64_LANES]),
        }
    }

    #[inline(always)]
    fn look_at(&mut self, simd: S, values: S::f64s) {
        let less = simd.less_than_f64s(values, self.value);
        self.value = simd.select_f64s(less, values, self.value);
        self.place = simd.select_f64s(less, self.next_places, self.place);
        self.next_places = simd.add_f64s(self.next_places, simd.splat_f64s(S::F64_LANES as f64));
    }

    /// The lowest value, and the first place that it has.
    #[inline(always)]
    fn found(self, simd: S) -> (f64, usize) {
        let value = simd.reduce_min_f64s(self.value);
        let has = simd.equal_f64s(self.value, simd.splat_f64s(value));
        let places = simd.select_f64s(has, self.place, simd.splat_f64s(f64::MAX));
        (value, simd.reduce_min_f64s(places) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::exact::network_simplex::NetworkSimplex;

    #[test]
    fn equals_the_network_simplex() {
        for n in [1, 2, 3, 17, 60] {
            let cost: Vec<f64> =
                (0..n * n).map(|k| ((k as f64 * 12.9898).sin() * 43758.5453).fract()).collect();
            let assignment = solve(&cost, n).unwrap();
            let uniform = vec![1.0; n];
            let mut costs = CostRows::of_matrix(&cost, n, n).unwrap();
            let plan =
                NetworkSimplex::new(&uniform, &uniform).unwrap().attempt(&mut costs).unwrap();
            assert!((assignment.value - plan.value).abs() < 1e-13, "n = {n}");
            assert!(assignment.gap < 1e-13 && plan.gap < 1e-13);
        }
    }

    #[test]
    fn all_costs_equal() {
        let plan = solve(&[2.5; 25], 5).unwrap();
        assert_eq!(plan.value, 2.5);
        let mut columns: Vec<u32> = plan.moves.iter().map(|one| one.target).collect();
        columns.sort_unstable();
        assert_eq!(columns, [0, 1, 2, 3, 4]);
    }
}
