//! Exact optimal transport for given costs: the door to the two solvers, and what keeps an optimum
//! exact however far costs and masses are apart.
//!
//! A solver computes potentials as large as the largest cost, and what it can tell apart is `2^-53`
//! of that. Where a few costs are far larger than those that matter, an optimum is lost in
//! rounding. An optimal plan does not use such costs, though: cut off somewhat above the largest
//! cost that a plan needs, they leave the optimum as it is and potentials small. A plan for cut
//! costs that uses none of the cut ones is an optimum for the costs given, because no plan became
//! dearer by cutting; whether it does is checked. Every plan needs the cheapest cost of each row
//! and of each column at least, so costs are cut a little above the largest of those at first, and
//! higher where that was too low.

pub mod assignment;
pub mod lowest_difference;
pub mod masses;
pub mod network_simplex;
pub mod pricing;
pub mod shortlists;
pub mod spanning_tree;

use std::borrow::Cow;

use crate::transport::costs::cost_rows::{CostRows, Extremes};
use crate::transport::exact::network_simplex::NetworkSimplex;
use crate::transport::weights::uniform;
use crate::transport::{Move, Plan, TransportError, Weights};

/// Up to so many rows the assignment solver is faster; beyond, its paths grow long where costs
/// cluster (2000 rows of a LeNet: 2.2 s against 0.2 s). Margin costs cluster more than distances.
const ASSIGNMENT_ROWS: usize = 256;
const ASSIGNMENT_ROWS_OF_MARGINS: usize = 64;

/// Bytes that a cost matrix may take (11,585 rows on each side). Beyond, costs are computed from
/// the points each time they are read, in blocks: the same optimum, but more computing.
pub const COST_MEMORY: usize = 1 << 30;

/// Duality gap, as a share of the value, above which costs are cut: well above what summing rounded
/// products leaves, well below anything that could be seen in a result.
const GAP_TOLERANCE: f64 = 1e-10;
/// Costs are cut at so many times what every plan needs, and at so many times more where a plan
/// uses a cut one.
const HEADROOM: f64 = 1024.0;
/// Where the largest cost is more than so many times what every plan needs, costs are cut at once.
const WIDE: f64 = 1e6;
/// Rows that tell whether costs are that far apart.
const SAMPLED_ROWS: usize = 16;

/// What costs measure: which solver is faster depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Distances,
    Margins,
}

/// A solver for the transport between two sides, which keeps its basis from one set of costs to the
/// next.
#[derive(Debug, Clone)]
pub enum Solver {
    /// For uniform sides of equally many points.
    Assignment,
    /// For any masses.
    Simplex(Box<NetworkSimplex>),
}

impl Solver {
    /// The faster solver for `n` source points and `m` target points with given weights.
    ///
    /// # Errors
    /// An empty side, or weights that are no masses.
    pub fn new(
        [n, m]: [usize; 2],
        weights: Weights<'_>,
        measure: Measure,
    ) -> Result<Self, TransportError> {
        let assignment_rows = match measure {
            Measure::Distances => ASSIGNMENT_ROWS,
            Measure::Margins => ASSIGNMENT_ROWS_OF_MARGINS,
        };
        if n == m && (1..=assignment_rows).contains(&n) && weights == Weights::UNIFORM {
            return Ok(Self::Assignment);
        }
        let simplex = NetworkSimplex::new(&weights.of_source(n), &weights.of_target(m))?;
        Ok(Self::Simplex(Box::new(simplex)))
    }

    /// A plan that is optimal up to what rounding of the largest cost hides.
    fn attempt(&mut self, costs: &mut CostRows<'_>) -> Result<Plan, TransportError> {
        match self {
            Self::Assignment => match costs.matrix() {
                Some(cost) => assignment::solve(cost, costs.nrows()),
                // The assignment solver reads costs in any order; the simplex reads them by rows.
                None => {
                    let uniform = uniform(costs.nrows());
                    NetworkSimplex::new(&uniform, &uniform)?.attempt(costs)
                }
            },
            Self::Simplex(simplex) => simplex.attempt(costs),
        }
    }

    /// An optimal plan.
    ///
    /// # Errors
    /// A cost that is not finite, a matrix of the wrong shape, or (a defect) no optimum found.
    pub fn solve(&mut self, costs: &mut CostRows<'_>) -> Result<Plan, TransportError> {
        let Extremes { smallest, largest } = costs.extremes()?;
        let needed = self.needed_by_some_rows(costs);
        let mut plan = None;
        if smallest < 0.0 || needed == 0.0 || largest <= WIDE * needed {
            let mut direct = self.attempt(costs)?;
            // No plan costs less than the smallest cost.
            direct.gap = direct.gap.min(direct.value - smallest);
            if smallest < 0.0 || direct.gap <= GAP_TOLERANCE * direct.value {
                return accepted(direct, smallest);
            }
            plan = Some(direct);
        }
        let mut cap = HEADROOM * self.needed(costs);
        while cap < largest {
            let cut = self.attempt(&mut costs.capped(cap))?;
            let is_cut = |m: &Move| costs.row(m.source as usize)[m.target as usize] > cap;
            if !cut.moves.iter().any(is_cut) {
                return accepted(cut, smallest);
            }
            cap *= HEADROOM;
        }
        let direct = match plan {
            Some(plan) => plan,
            None => self.attempt(costs)?,
        };
        accepted(direct, smallest)
    }

    /// The positions of the points that have mass.
    fn massive(&self, costs: &CostRows<'_>) -> (Cow<'_, [u32]>, Cow<'_, [u32]>) {
        match self {
            Self::Assignment => {
                let all: Vec<u32> = (0..costs.nrows() as u32).collect();
                (all.clone().into(), all.into())
            }
            Self::Simplex(simplex) => simplex.massive(),
        }
    }

    /// The largest of some rows' cheapest costs.
    fn needed_by_some_rows(&self, costs: &mut CostRows<'_>) -> f64 {
        let (rows, columns) = self.massive(costs);
        let some = rows.iter().step_by(rows.len().div_ceil(SAMPLED_ROWS));
        some.map(|&i| cheapest(costs.row(i as usize), &columns)).fold(0.0, f64::max)
    }

    /// What every plan needs at least: the largest of all rows' and columns' cheapest costs. Where
    /// that is zero, the smallest cost that is not.
    fn needed(&self, costs: &mut CostRows<'_>) -> f64 {
        let (rows, columns) = self.massive(costs);
        let mut by_column = vec![f64::INFINITY; columns.len()];
        let (mut needed, mut smallest) = (0.0_f64, f64::INFINITY);
        for &i in rows.iter() {
            let row = costs.row(i as usize);
            needed = needed.max(cheapest(row, &columns));
            for (low, &j) in by_column.iter_mut().zip(columns.iter()) {
                let cost = row[j as usize];
                *low = low.min(cost);
                if cost > 0.0 {
                    smallest = smallest.min(cost);
                }
            }
        }
        needed = by_column.into_iter().fold(needed, f64::max);
        if needed > 0.0 {
            needed
        } else {
            smallest
        }
    }
}

fn cheapest(row: &[f64], columns: &[u32]) -> f64 {
    columns.iter().map(|&j| row[j as usize]).fold(f64::INFINITY, f64::min)
}

/// The plan, if its gap is small beside the costs that it uses.
fn accepted(plan: Plan, smallest: f64) -> Result<Plan, TransportError> {
    let size = plan.largest_cost.max(-smallest);
    // False for NaN and infinities.
    if plan.value.is_finite() && plan.gap <= GAP_TOLERANCE * size {
        Ok(plan)
    } else {
        Err(TransportError::NotOptimal { gap: plan.gap, value: plan.value })
    }
}

/// An optimal plan for costs of `n x m` points.
///
/// # Errors
/// An empty side, weights that are no masses, a cost that is not finite, or (a defect) no optimum
/// found.
pub fn transport(
    mut costs: CostRows<'_>,
    weights: Weights<'_>,
    measure: Measure,
) -> Result<Plan, TransportError> {
    Solver::new([costs.nrows(), costs.ncols()], weights, measure)?.solve(&mut costs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two clusters whose points move by 1 each, `far` apart: whatever `far` is, the plan costs 1.
    #[test]
    fn far_clusters_do_not_blur_near_costs() {
        for count in [6_usize, 40, 600] {
            for far in [1e3, 1e12, 1e40, 1e300] {
                let cost = |i: usize, j: usize| match (i % 2 == j % 2, i == j) {
                    (true, true) => 1.0,
                    (true, false) => 1.0 + ((i * 7 + j * 3) % 11 + 1) as f64,
                    (false, _) => far,
                };
                let cost: Vec<f64> =
                    (0..count * count).map(|k| cost(k / count, k % count)).collect();
                for masses in [None, Some(vec![0.1; count])] {
                    let costs = CostRows::of_matrix(&cost, count, count).unwrap();
                    let weights = Weights { source: masses.as_deref(), target: masses.as_deref() };
                    let plan = transport(costs, weights, Measure::Distances).unwrap();
                    assert!((plan.value - 1.0).abs() < 1e-12, "{count} {far:e} {}", plan.value);
                    assert!(plan.gap < 1e-10, "{count} {far:e} {:e}", plan.gap);
                }
            }
        }
    }

    /// A point that has to travel far keeps its price.
    #[test]
    fn a_far_cost_that_is_needed_stays() {
        let far = 1e9;
        let cost = [0.0, far, 1e-3, far, far + 1.0, 0.0, 1e-3, far, 0.0];
        let costs = CostRows::of_matrix(&cost, 3, 3).unwrap();
        let plan = transport(costs, Weights::UNIFORM, Measure::Distances).unwrap();
        assert!((plan.value - far / 3.0).abs() < 1e-6 * far, "{}", plan.value);
    }
}
