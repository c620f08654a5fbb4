//! Dense bipartite network simplex with arbitrary marginals.
//!
//! Minimises `sum_ij flow_ij cost_ij` over couplings of two discrete distributions. The basis is a
//! spanning tree of the `n + m` points; each pivot brings in an arc of negative reduced cost (`pricing`)
//! and takes out the arc that blocks first.
//!
//! Two choices make it safe at any scale. Masses are held as integers, so flows are exact, ties are
//! exact, and marginals never drift. The tree is kept *strongly feasible* (every arc without flow
//! points to the root), which rules out cycling through degenerate pivots (Cunningham 1976). Costs
//! and potentials are `f64`; a pivot shifts the potentials of the smaller side of the cut, and they are
//! recomputed from the tree before a solution is accepted. The solution carries its duality gap.
//!
//! A solver keeps its tree between calls: the next `solve` with the same masses and other costs
//! starts from the last optimal basis, which stays feasible whatever the costs.
//!
//! Memory `O(n + m)` beyond the cost matrix. A pivot reads a few rows of costs, and visits the cycle
//! and the smaller side of the cut; pivots are a small multiple of `n + m` in practice, so time grows
//! like `n^2.2` to `n^2.5` (measured, see `benches/README.md`).
//!
//! Reference: Ahuja, Magnanti and Orlin, *Network Flows*, 1993, chapter 11.

use super::cost_rows::CostRows;
use super::lowest_difference::lowest_difference;
use super::pricing::Pricing;
use super::shortlists::Shortlists;
use super::spanning_tree::SpanningTree;
use super::{certify, tighten_duals, Plan, TransportError};

/// After every so many pivots per node, twice as large a reduced cost counts as rounding. A potential
/// carries the rounding of its path through the tree, which can pass through numbers much larger than
/// its own, so two arcs can each look profitable after the other for ever. Problems without that end
/// before the first doubling, and the gap is checked in any case.
const PATIENCE: usize = 16;

/// A start is looked for on every so many points, for problems of at least so many points a side.
const COARSENING: usize = 8;
const COARSE_FROM: usize = 400;

/// Rows get short lists of columns in problems of at least so many points a side, and where rows are computed.
const SHORTLISTS_FROM: usize = 500;

/// Integer masses of one side sum to this many units.
const UNITS: i64 = 1 << 60;

/// A transport problem's masses and its current basis.
#[derive(Debug, Clone)]
pub struct NetworkSimplex {
    /// Positions, in the caller's numbering, of the points that have mass.
    rows: Vec<u32>,
    columns: Vec<u32>,
    source_mass: Vec<f64>,
    target_mass: Vec<f64>,
    source_units: Vec<i64>,
    target_units: Vec<i64>,
    tree: Option<SpanningTree>,
}

impl NetworkSimplex {
    /// Set up the problem for two weight vectors. Each is normalised to sum to 1.
    ///
    /// # Errors
    /// An empty side, a negative or non-finite weight, weights that sum to zero, or weights too far
    /// apart to be told from zero.
    pub fn new(source_mass: &[f64], target_mass: &[f64]) -> Result<Self, TransportError> {
        let source = Side::new("source", source_mass)?;
        let target = Side::new("target", target_mass)?;
        Ok(Self {
            rows: source.kept,
            columns: target.kept,
            source_mass: source.mass,
            target_mass: target.mass,
            source_units: source.units,
            target_units: target.units,
            tree: None,
        })
    }

    /// Solve for a row-major `n x m` cost matrix, from the last optimal basis if there is one.
    ///
    /// # Errors
    /// A cost that is not finite, a matrix of the wrong shape, or (a defect) no optimum found.
    pub fn solve(&mut self, cost: &[f64]) -> Result<Plan, TransportError> {
        let (n, m) = (self.source_mass.len(), self.target_mass.len());
        self.solve_rows(&mut CostRows::of_matrix(cost, n, m)?)
    }

    /// [`Self::solve`] for costs that need not be in memory all at once.
    pub(super) fn solve_rows(&mut self, costs: &mut CostRows<'_>) -> Result<Plan, TransportError> {
        let largest = costs.largest()?;
        let massive = (self.rows.len(), self.columns.len());
        if massive == (costs.nrows(), costs.ncols()) {
            let basis = self.optimise(costs)?;
            return self.plan(&basis, costs, largest);
        }
        let basis = self.optimise(&mut costs.select(&self.rows, &self.columns))?;
        self.plan(&basis, costs, largest)
    }

    /// The optimal basis for the costs among points that have mass; its tree is kept for the next call.
    fn optimise(&mut self, costs: &mut CostRows<'_>) -> Result<Basis, TransportError> {
        let pays = !costs.are_held() || costs.nrows().min(costs.ncols()) >= SHORTLISTS_FROM;
        let mut shortlists = None;
        let mut list = |costs: &mut CostRows<'_>, dual: &[f64]| {
            shortlists = pays.then(|| Shortlists::new(costs, dual));
        };
        let mut tree = if let Some(tree) = self.tree.take() {
            list(costs, tree.potentials().1);
            tree
        } else {
            let dual = self.coarse_target_dual(costs)?;
            list(costs, &dual);
            let start = Start { dual, shortlists: shortlists.as_ref() };
            start.greedy_tree(costs, &self.source_units, &self.target_units)
        };
        let (arc_cost, pivots) = optimise(&mut tree, costs, shortlists)?;
        let (source, target) = tree.potentials();
        let basis = Basis {
            arcs: tree.arcs(&arc_cost),
            source_potential: source.to_vec(),
            target_potential: target.to_vec(),
            pivots,
        };
        self.tree = Some(tree);
        Ok(basis)
    }

    /// Target potentials to start from: those of the problem of every fourth point of each side, extended
    /// to all columns by the c-transform. A start that knows which columns are wanted needs a fifth fewer
    /// pivots; finding it costs a twentieth of the time. Zero for problems too small to gain.
    fn coarse_target_dual(&self, costs: &mut CostRows<'_>) -> Result<Vec<f64>, TransportError> {
        let (n, m) = (costs.nrows(), costs.ncols());
        if n.min(m) < COARSE_FROM {
            return Ok(vec![0.0; m]);
        }
        let every = |count: usize| -> Vec<u32> { (0..count as u32).step_by(COARSENING).collect() };
        let (rows, columns) = (every(n), every(m));
        let masses = |coarse: &[u32], kept: &[u32], mass: &[f64]| -> Vec<f64> {
            coarse.iter().map(|&k| mass[kept[k as usize] as usize]).collect()
        };
        let mut coarse = Self::new(
            &masses(&rows, &self.rows, &self.source_mass),
            &masses(&columns, &self.columns, &self.target_mass),
        )?;
        let plan = coarse.solve_rows(&mut costs.select(&rows, &columns))?;
        let mut dual = vec![f64::INFINITY; m];
        for (&i, u) in rows.iter().zip(&plan.source_dual) {
            for (v, c) in dual.iter_mut().zip(costs.row(i as usize)) {
                *v = v.min(c - u);
            }
        }
        Ok(dual)
    }

    fn plan(
        &self,
        basis: &Basis,
        costs: &mut CostRows<'_>,
        largest: f64,
    ) -> Result<Plan, TransportError> {
        let mut pairs = Vec::with_capacity(basis.arcs.len());
        let mut value = 0.0;
        for &(i, j, flow, cost) in &basis.arcs {
            if flow > 0 {
                let mass = flow as f64 / UNITS as f64;
                value += mass * cost;
                pairs.push((self.rows[i], self.columns[j], mass));
            }
        }
        let mut target_dual = vec![f64::INFINITY; self.target_mass.len()];
        for (&j, potential) in self.columns.iter().zip(&basis.target_potential) {
            target_dual[j as usize] = *potential;
        }
        // Points without mass do not bind: their potentials come from the c-transforms.
        let massless: Vec<usize> =
            (0..target_dual.len()).filter(|&j| self.target_mass[j] == 0.0).collect();
        if !massless.is_empty() {
            for (&i, u) in self.rows.iter().zip(&basis.source_potential) {
                let row = costs.row(i as usize);
                for &j in &massless {
                    target_dual[j] = target_dual[j].min(row[j] - u);
                }
            }
        }
        let mut source_dual = vec![0.0; self.source_mass.len()];
        let dual = tighten_duals(
            costs,
            &self.source_mass,
            &self.target_mass,
            &mut source_dual,
            &target_dual,
        );
        let gap = certify(value, dual, largest, basis.pivots)?;
        Ok(Plan { pairs, value, source_dual, target_dual, gap })
    }
}

/// What an optimal tree says, in the numbering of the points that have mass.
struct Basis {
    /// `(row, column, flow, cost)`
    arcs: Vec<(usize, usize, i64, f64)>,
    source_potential: Vec<f64>,
    target_potential: Vec<f64>,
    pivots: usize,
}

/// One side's masses, normalised, and in integer units without the points of zero mass.
struct Side {
    kept: Vec<u32>,
    mass: Vec<f64>,
    units: Vec<i64>,
}

impl Side {
    fn new(side: &'static str, mass: &[f64]) -> Result<Self, TransportError> {
        if mass.is_empty() {
            return Err(TransportError::EmptySide);
        }
        if let Some(index) = mass.iter().position(|w| !w.is_finite() || *w < 0.0) {
            return Err(TransportError::BadMass { side, index, value: mass[index] });
        }
        let largest = mass.iter().fold(0.0_f64, |acc, w| acc.max(*w));
        if largest == 0.0 {
            return Err(TransportError::NoMass { side });
        }
        // Dividing by the largest first keeps the sum finite for weights near f64::MAX.
        let sum: f64 = mass.iter().map(|w| w / largest).sum();
        let mass: Vec<f64> = mass.iter().map(|w| w / largest / sum).collect();
        let kept: Vec<u32> = (0..mass.len() as u32).filter(|&i| mass[i as usize] > 0.0).collect();
        let mut units: Vec<i64> =
            kept.iter().map(|&i| (mass[i as usize] * UNITS as f64).round() as i64).collect();
        if let Some(k) = units.iter().position(|&u| u < 1 << 10) {
            return Err(TransportError::MassRange {
                side,
                smallest: mass[kept[k] as usize],
                total: 1.0,
            });
        }
        // Rounding leaves a few units over or short; spread them so that no point is changed by more
        // than its own rounding error allows.
        let mut left = UNITS - units.iter().sum::<i64>();
        let count = units.len() as i64;
        let share = left / count;
        if share != 0 {
            for unit in &mut units {
                *unit += share;
            }
            left -= share * count;
        }
        for unit in units.iter_mut().take(left.unsigned_abs() as usize) {
            *unit += left.signum();
        }
        Ok(Self { kept, mass, units })
    }
}

/// What is known before there is a basis: target potentials, and short lists made by them.
struct Start<'a> {
    dual: Vec<f64>,
    shortlists: Option<&'a Shortlists>,
}

impl Start<'_> {
    /// A strongly feasible starting basis: rows served in order of how much a bad column would cost
    /// them (in their own order where rows are computed), each from the columns with demand left that are
    /// cheapest after the potentials.
    ///
    /// Strong feasibility comes from solving the problem in which every row has one more
    /// infinitesimal unit and the root column takes them all: its bases have no zero flows, so they
    /// are trees, and where the real flow is zero the infinitesimal one points to the root.
    fn greedy_tree(
        mut self,
        costs: &mut CostRows<'_>,
        supply: &[i64],
        demand: &[i64],
    ) -> SpanningTree {
        let (n, m) = (supply.len(), demand.len());
        let root = m - 1;
        // (real units, infinitesimal units), compared in that order.
        let mut left: Vec<(i64, i64)> = demand.iter().map(|&d| (d, 0)).collect();
        left[root].1 = n as i64;
        let mut arcs: Vec<(u32, u32, i64)> = Vec::with_capacity(n + m - 1);
        let order: Vec<u32> =
            if costs.are_held() { self.regret_order(costs) } else { (0..n as u32).collect() };
        for i in order {
            let mut need = (supply[i as usize], 1_i64);
            while need > (0, 0) {
                let mut j = self.cheapest(costs, i as usize);
                if left[j] == (0, 0) {
                    // Differences overflow: any column will do, and the certificate will tell.
                    j = left.iter().position(|l| *l != (0, 0)).unwrap_or(root);
                }
                let take = need.min(left[j]);
                arcs.push((i, j as u32, take.0));
                need = (need.0 - take.0, need.1 - take.1);
                left[j] = (left[j].0 - take.0, left[j].1 - take.1);
                if left[j] == (0, 0) {
                    // No longer the cheapest of any row.
                    self.dual[j] = f64::NEG_INFINITY;
                }
            }
        }
        SpanningTree::new(n, m, &arcs)
    }

    /// The column with the lowest cost after the potentials.
    fn cheapest(&self, costs: &mut CostRows<'_>, i: usize) -> usize {
        let listed = self.shortlists.and_then(|s| s.lowest_below(f64::INFINITY, i, &self.dual));
        match listed {
            Some((_, j, _)) => j,
            None => lowest_difference(pulp::Arch::new(), costs.row(i), &self.dual).1,
        }
    }

    /// Rows in order of decreasing regret, the gap between their cheapest and second cheapest column.
    fn regret_order(&self, costs: &mut CostRows<'_>) -> Vec<u32> {
        let n = costs.nrows();
        let regret: Vec<f64> = (0..n)
            .map(|i| match self.shortlists {
                Some(lists) => {
                    let (columns, costs) = lists.row(i);
                    regret(costs.iter().zip(columns).map(|(c, &j)| c - self.dual[j as usize]))
                }
                None => regret(costs.row(i).iter().zip(&self.dual).map(|(c, v)| c - v)),
            })
            .collect();
        let mut order: Vec<u32> = (0..n as u32).collect();
        order.sort_by(|a, b| regret[*b as usize].total_cmp(&regret[*a as usize]));
        order
    }
}

/// The gap between the lowest and the second lowest.
fn regret(values: impl Iterator<Item = f64>) -> f64 {
    let (mut first, mut second) = (f64::INFINITY, f64::INFINITY);
    for value in values {
        if value < first {
            (first, second) = (value, first);
        } else if value < second {
            second = value;
        }
    }
    second - first
}

/// Pivot until no arc has a negative reduced cost. Returns the costs of the tree's arcs and the number
/// of pivots.
fn optimise(
    tree: &mut SpanningTree,
    costs: &mut CostRows<'_>,
    shortlists: Option<Shortlists>,
) -> Result<(Vec<f64>, usize), TransportError> {
    let nodes = tree.nodes();
    // Pivots are finite in exact arithmetic; the cap is only there so that a defect ends as an
    // error. Observed counts are a few times n + m.
    let cap = 1000 + 200 * nodes * (1 + nodes.ilog2() as usize);
    let mut pricing = Pricing::new(shortlists);
    let mut pivots = 0;
    let mut arc_cost = tree.refresh_potentials(costs);
    loop {
        let before = pivots;
        loop {
            let (source, target) = tree.potentials();
            let Some(entering) = pricing.entering_arc(costs, source, target) else {
                break;
            };
            tree.pivot(&entering);
            pivots += 1;
            if pivots % (PATIENCE * nodes) == 0 {
                pricing.tolerate_more();
            }
            if pivots > cap {
                return Err(TransportError::NotOptimal {
                    pivots,
                    gap: f64::INFINITY,
                    value: f64::NAN,
                });
            }
        }
        if pivots > before {
            arc_cost = tree.refresh_potentials(costs);
            continue;
        }
        let (source, target) = tree.potentials();
        if !pricing.renew_shortlists(costs, source, target) {
            return Ok((arc_cost, pivots));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The optimum by trying every assignment, for equal uniform sides.
    fn brute_force(cost: &[f64], n: usize) -> f64 {
        fn go(cost: &[f64], n: usize, row: usize, used: u32) -> f64 {
            if row == n {
                return 0.0;
            }
            (0..n)
                .filter(|j| used & (1 << j) == 0)
                .map(|j| cost[row * n + j] + go(cost, n, row + 1, used | (1 << j)))
                .fold(f64::INFINITY, f64::min)
        }
        go(cost, n, 0, 0) / n as f64
    }

    #[test]
    fn one_point_sides() {
        let mut single = NetworkSimplex::new(&[2.0], &[1.0, 3.0]).unwrap();
        let plan = single.solve(&[4.0, 8.0]).unwrap();
        assert_eq!(plan.value, 7.0);
        let mut both = NetworkSimplex::new(&[1.0], &[1.0]).unwrap();
        assert_eq!(both.solve(&[-3.0]).unwrap().value, -3.0);
    }

    #[test]
    fn costs_that_overflow_end() {
        let (n, m) = (30, 40);
        let cost: Vec<f64> =
            (0..n * m).map(|k| if k % 3 == 0 { f64::MAX } else { -f64::MAX }).collect();
        let mut problem = NetworkSimplex::new(&vec![1.0; n], &vec![1.0; m]).unwrap();
        let outcome = problem.solve(&cost);
        assert!(matches!(outcome, Err(TransportError::NotOptimal { .. })), "{outcome:?}");
    }

    #[test]
    fn agrees_with_brute_force_on_ties() {
        let n = 6;
        let cost: Vec<f64> = (0..n * n).map(|k| ((k * 7 + k / 3) % 4) as f64).collect();
        let mut problem = NetworkSimplex::new(&vec![1.0; n], &vec![1.0; n]).unwrap();
        let plan = problem.solve(&cost).unwrap();
        assert!((plan.value - brute_force(&cost, n)).abs() < 1e-14);
    }
}
