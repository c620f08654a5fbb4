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

use super::cost_rows::CostRows;
use super::{certify, tighten_duals, Plan, TransportError};

const FREE: usize = usize::MAX;

/// Solve the assignment problem for a row-major square cost matrix, as a transport plan with mass
/// `1/n` on each assigned pair.
///
/// # Errors
/// A matrix that is empty, not square or not finite, or (a defect) no optimum found.
pub fn solve(cost: &[f64], n: usize) -> Result<Plan, TransportError> {
    if n == 0 {
        return Err(TransportError::EmptySide);
    }
    let mut costs = CostRows::of_matrix(cost, n, n)?;
    let largest = costs.largest()?;
    let (row_of, target_dual) = assign(cost, n);
    let mass = 1.0 / n as f64;
    let uniform = vec![mass; n];
    let mut pairs: Vec<(u32, u32, f64)> =
        row_of.iter().enumerate().map(|(j, &i)| (i as u32, j as u32, mass)).collect();
    pairs.sort_unstable_by_key(|pair| pair.0);
    let value =
        pairs.iter().map(|&(i, j, _)| cost[i as usize * n + j as usize]).sum::<f64>() * mass;
    let mut source_dual = vec![0.0; n];
    let dual = tighten_duals(&mut costs, &uniform, &uniform, &mut source_dual, &target_dual);
    let gap = certify(value, dual, largest, n)?;
    Ok(Plan { pairs, value, source_dual, target_dual, gap })
}

/// The row assigned to each column, and the column duals.
fn assign(cost: &[f64], n: usize) -> (Vec<usize>, Vec<f64>) {
    let mut dual = vec![0.0; n];
    let mut row_of = vec![FREE; n];
    let mut column_of = vec![FREE; n];
    // Column reduction, last column first: each column bids for the row where it is cheapest.
    for j in (0..n).rev() {
        let mut best = 0;
        for i in 1..n {
            if cost[i * n + j] < cost[best * n + j] {
                best = i;
            }
        }
        dual[j] = cost[best * n + j];
        if column_of[best] == FREE {
            column_of[best] = j;
            row_of[j] = best;
        }
    }
    reduce_rows(cost, n, &mut dual, &mut row_of, &mut column_of);
    let mut search = PathSearch::new(n);
    for i in 0..n {
        if column_of[i] == FREE {
            search.augment(cost, i, &mut dual, &mut row_of, &mut column_of);
        }
    }
    (row_of, dual)
}

/// One round of augmenting row reduction: a free row takes its cheapest column and lowers that
/// column's dual to its second best, which may free another row. Bounded: with rounded duals an
/// unbounded chain of take-overs need not end.
fn reduce_rows(
    cost: &[f64],
    n: usize,
    dual: &mut [f64],
    row_of: &mut [usize],
    column_of: &mut [usize],
) {
    let mut free: Vec<usize> = (0..n).filter(|&i| column_of[i] == FREE).collect();
    let mut budget = 4 * n;
    while let Some(i) = free.pop() {
        if budget == 0 {
            return;
        }
        budget -= 1;
        let row = &cost[i * n..][..n];
        let (mut first, mut second, mut at) = (f64::INFINITY, f64::INFINITY, 0);
        for (j, (c, v)) in row.iter().zip(dual.iter()).enumerate() {
            let reduced = c - v;
            if reduced < first {
                (second, first, at) = (first, reduced, j);
            } else if reduced < second {
                second = reduced;
            }
        }
        let evicted = row_of[at];
        if second > first && second.is_finite() {
            dual[at] -= second - first;
        } else if evicted != FREE {
            // A tie: taking the column over would gain nothing and could go on for ever.
            continue;
        }
        row_of[at] = i;
        column_of[i] = at;
        if evicted != FREE {
            column_of[evicted] = FREE;
            free.push(evicted);
        }
    }
}

/// Dijkstra over columns by reduced cost, with its buffers.
struct PathSearch {
    n: usize,
    distance: Vec<f64>,
    previous_row: Vec<usize>,
    /// Columns: `..scanned` are settled, the rest are open.
    order: Vec<usize>,
}

impl PathSearch {
    fn new(n: usize) -> Self {
        Self { n, distance: vec![0.0; n], previous_row: vec![FREE; n], order: (0..n).collect() }
    }

    /// Assign the free row `start` along a shortest augmenting path and update the duals.
    fn augment(
        &mut self,
        cost: &[f64],
        start: usize,
        dual: &mut [f64],
        row_of: &mut [usize],
        column_of: &mut [usize],
    ) {
        let n = self.n;
        for j in 0..n {
            self.distance[j] = cost[start * n + j] - dual[j];
            self.previous_row[j] = start;
        }
        let mut scanned = 0;
        let end = loop {
            let at = (scanned..n)
                .min_by(|&a, &b| {
                    self.distance[self.order[a]].total_cmp(&self.distance[self.order[b]])
                })
                .unwrap_or(scanned);
            self.order.swap(scanned, at);
            let j = self.order[scanned];
            let i = row_of[j];
            if i == FREE {
                break j;
            }
            scanned += 1;
            let base = self.distance[j] - (cost[i * n + j] - dual[j]);
            for &k in &self.order[scanned..] {
                let through = base + cost[i * n + k] - dual[k];
                if through < self.distance[k] {
                    self.distance[k] = through;
                    self.previous_row[k] = i;
                }
            }
        };
        let shortest = self.distance[end];
        for &j in &self.order[..scanned] {
            dual[j] += self.distance[j] - shortest;
        }
        let mut j = end;
        loop {
            let i = self.previous_row[j];
            row_of[j] = i;
            std::mem::swap(&mut column_of[i], &mut j);
            if i == start {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::network_simplex::NetworkSimplex;

    #[test]
    fn equals_the_network_simplex() {
        for n in [1, 2, 3, 17, 60] {
            let cost: Vec<f64> =
                (0..n * n).map(|k| ((k as f64 * 12.9898).sin() * 43758.5453).fract()).collect();
            let assignment = solve(&cost, n).unwrap();
            let uniform = vec![1.0; n];
            let plan = NetworkSimplex::new(&uniform, &uniform).unwrap().solve(&cost).unwrap();
            assert!((assignment.value - plan.value).abs() < 1e-13, "n = {n}");
            assert!(assignment.gap < 1e-13 && plan.gap < 1e-13);
        }
    }

    #[test]
    fn all_costs_equal() {
        let plan = solve(&[2.5; 25], 5).unwrap();
        assert_eq!(plan.value, 2.5);
        let mut columns: Vec<u32> = plan.pairs.iter().map(|p| p.1).collect();
        columns.sort_unstable();
        assert_eq!(columns, [0, 1, 2, 3, 4]);
    }
}
