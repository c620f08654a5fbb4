//! Dense bipartite network simplex with arbitrary marginals.
//!
//! Minimises `sum_ij flow_ij cost_ij` over couplings of two discrete distributions. The basis is a
//! spanning tree of the `n + m` points; each pivot brings in an arc of negative reduced cost
//! (`pricing`) and takes out the arc that blocks first.
//!
//! Two choices make it safe at any scale. Masses are held as integers (`masses`), so flows are
//! exact, ties are exact, and marginals never drift. The tree is kept *strongly feasible* (every
//! arc without flow points to the root), which rules out cycling through degenerate pivots
//! (Cunningham 1976). Costs and potentials are `f64`; a pivot shifts the potentials of the smaller
//! side of the cut, and they are recomputed from the tree before a solution is accepted. The
//! solution carries its duality gap.
//!
//! A solver keeps its tree between calls: the next attempt with the same masses and other costs
//! starts from the last optimal basis, which stays feasible whatever the costs.
//!
//! Memory `O(n + m)` beyond the cost matrix. A pivot reads a few rows of costs, and visits the
//! cycle and the smaller side of the cut; pivots are a small multiple of `n + m` in practice, so
//! `benches/README.md` says how time grows, as measured.
//!
//! Reference: Ahuja, Magnanti and Orlin, *Network Flows*, 1993, chapter 11.

use std::borrow::Cow;

use crate::transport::costs::cost_rows::CostRows;
use crate::transport::exact::lowest_difference::lowest_difference;
use crate::transport::exact::masses::Masses;
use crate::transport::exact::pricing::Pricing;
use crate::transport::exact::shortlists::Shortlists;
use crate::transport::exact::spanning_tree::{FlowArc, SpanningTree, TreeArc};
use crate::transport::{weights, Move, Plan, PricedMove, Side, TransportError};

/// After so many pivots per node, and after every further pivot per node, twice as large a reduced
/// cost counts as rounding. A potential carries the rounding of its path through the tree, which
/// can pass through numbers much larger than its own, so two arcs can each look profitable after
/// the other for ever. Problems without that end before the first doubling, and the gap is checked
/// in any case.
const PATIENCE: usize = 16;
/// Pivots per node grow with the problem: with so many nodes, and with every four times as many,
/// patience is twice as long.
const PATIENT_FROM: usize = 3000;

/// A problem of one point of each side in this many is solved first, to start from its potentials.
const COARSENING: usize = 8;
/// In problems of fewer points a side, the coarse start costs more than it saves.
const COARSE_FROM: usize = 400;

/// Rows get short lists of columns in problems of at least so many points a side, and where rows
/// are computed.
const SHORTLISTS_FROM: usize = 500;

/// A transport problem's masses and its current basis.
#[derive(Debug, Clone)]
pub struct NetworkSimplex {
    /// Positions, in the caller's numbering, of the points that have mass.
    rows: Vec<u32>,
    columns: Vec<u32>,
    /// Weights in the caller's numbering.
    source_weight: Vec<f64>,
    target_weight: Vec<f64>,
    /// Masses of the points that have any.
    masses: Masses,
    tree: Option<SpanningTree>,
}

impl NetworkSimplex {
    /// Set up the problem for two weight vectors. Masses are shares of a side's sum.
    ///
    /// # Errors
    /// An empty side, a negative or non-finite weight, weights that sum to zero, or weights too far
    /// apart to be told from zero.
    pub fn new(source_weight: &[f64], target_weight: &[f64]) -> Result<Self, TransportError> {
        let rows = massive(Side::Source, source_weight)?;
        let columns = massive(Side::Target, target_weight)?;
        let of = |kept: &[u32], weight: &[f64]| -> Vec<f64> {
            kept.iter().map(|&k| weight[k as usize]).collect()
        };
        let masses = Masses::new(&of(&rows, source_weight), &of(&columns, target_weight))?;
        let (source_weight, target_weight) = (source_weight.to_vec(), target_weight.to_vec());
        Ok(Self { rows, columns, source_weight, target_weight, masses, tree: None })
    }

    /// The positions of the points that have mass.
    #[must_use]
    pub(super) fn massive(&self) -> (Cow<'_, [u32]>, Cow<'_, [u32]>) {
        ((&self.rows[..]).into(), (&self.columns[..]).into())
    }

    /// A plan for finite costs that is optimal up to what rounding of the largest hides, from the
    /// last optimal basis if there is one.
    ///
    /// # Errors
    /// A matrix of the wrong shape, or (a defect) pivots without end.
    pub(super) fn attempt(&mut self, costs: &mut CostRows<'_>) -> Result<Plan, TransportError> {
        let (n, m) = (costs.nrows(), costs.ncols());
        if (n, m) != (self.source_weight.len(), self.target_weight.len()) {
            let (rows, columns) = (self.source_weight.len(), self.target_weight.len());
            return Err(TransportError::Shape { rows, columns, found: n * m });
        }
        let basis = if (self.rows.len(), self.columns.len()) == (n, m) {
            self.optimise(costs)?
        } else {
            self.optimise(&mut costs.select(&self.rows, &self.columns))?
        };
        Ok(self.plan(&basis, costs))
    }

    /// The optimal basis for the costs among points that have mass; its tree is kept for the next
    /// call.
    fn optimise(&mut self, costs: &mut CostRows<'_>) -> Result<OptimalTree, TransportError> {
        let pays = costs.matrix().is_none() || costs.nrows().min(costs.ncols()) >= SHORTLISTS_FROM;
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
            start.greedy_tree(costs, &self.masses.source, &self.masses.target)
        };
        let arc_cost = optimise(&mut tree, costs, shortlists)?;
        let (source, target) = tree.potentials();
        let basis = OptimalTree {
            arcs: tree.flow_arcs(&arc_cost),
            source_potential: source.to_vec(),
            target_potential: target.to_vec(),
        };
        self.tree = Some(tree);
        Ok(basis)
    }

    /// Target potentials to start from: those of the problem of every eighth point of each side,
    /// extended to all columns by the c-transform. A start that knows which columns are wanted
    /// needs a fifth fewer pivots; finding it costs a twentieth of the time. Zero for problems too
    /// small to gain.
    fn coarse_target_dual(&self, costs: &mut CostRows<'_>) -> Result<Vec<f64>, TransportError> {
        let (n, m) = (costs.nrows(), costs.ncols());
        if n.min(m) < COARSE_FROM {
            return Ok(vec![0.0; m]);
        }
        let every = |count: usize| -> Vec<u32> { (0..count as u32).step_by(COARSENING).collect() };
        let (rows, columns) = (every(n), every(m));
        let weights = |coarse: &[u32], kept: &[u32], weight: &[f64]| -> Vec<f64> {
            coarse.iter().map(|&k| weight[kept[k as usize] as usize]).collect()
        };
        let mut coarse = Self::new(
            &weights(&rows, &self.rows, &self.source_weight),
            &weights(&columns, &self.columns, &self.target_weight),
        )?;
        let plan = coarse.attempt(&mut costs.select(&rows, &columns))?;
        let mut dual = vec![f64::INFINITY; m];
        for (&i, u) in rows.iter().zip(&plan.source_dual) {
            for (v, c) in dual.iter_mut().zip(costs.row(i as usize)) {
                *v = v.min(c - u);
            }
        }
        Ok(dual)
    }

    fn plan(&self, basis: &OptimalTree, costs: &mut CostRows<'_>) -> Plan {
        let mut target_dual = vec![f64::INFINITY; self.target_weight.len()];
        for (&j, potential) in self.columns.iter().zip(&basis.target_potential) {
            target_dual[j as usize] = *potential;
        }
        // Points without mass do not bind: their potentials come from the c-transform.
        let massless: Vec<usize> =
            (0..target_dual.len()).filter(|&j| self.target_weight[j] == 0.0).collect();
        if !massless.is_empty() {
            for (&i, u) in self.rows.iter().zip(&basis.source_potential) {
                let row = costs.row(i as usize);
                for &j in &massless {
                    target_dual[j] = target_dual[j].min(row[j] - u);
                }
            }
        }
        let Masses { total, noise, .. } = self.masses;
        let moved = basis.arcs.iter().filter(|arc| arc.flow > noise);
        let moves = moved.map(|arc| PricedMove {
            what: Move {
                source: self.rows[arc.row],
                target: self.columns[arc.column],
                mass: arc.flow as f64 / total as f64,
            },
            cost: arc.cost,
        });
        Plan::new(costs, moves, target_dual)
    }
}

/// What an optimal tree says, in the numbering of the points that have mass.
struct OptimalTree {
    arcs: Vec<FlowArc>,
    source_potential: Vec<f64>,
    target_potential: Vec<f64>,
}

/// The positions of the points that have mass.
fn massive(side: Side, weight: &[f64]) -> Result<Vec<u32>, TransportError> {
    weights::check(side, weight)?;
    Ok((0..weight.len() as u32).filter(|&i| weight[i as usize] > 0.0).collect())
}

/// What is known before there is a basis: target potentials, and short lists made by them.
struct Start<'a> {
    dual: Vec<f64>,
    shortlists: Option<&'a Shortlists>,
}

impl Start<'_> {
    /// A strongly feasible starting basis: rows served in order of how much a bad column would cost
    /// them (in their own order where rows are computed), each from the columns with demand left
    /// that are cheapest after the potentials.
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
        let mut arcs: Vec<TreeArc> = Vec::with_capacity(n + m - 1);
        let order: Vec<u32> = if costs.matrix().is_some() {
            self.regret_order(costs)
        } else {
            (0..n as u32).collect()
        };
        for i in order {
            let mut need = (supply[i as usize], 1_i64);
            while need > (0, 0) {
                let mut j = self.cheapest(costs, i as usize);
                if left[j] == (0, 0) {
                    // Differences overflow: any column will do, and the certificate will tell.
                    j = left.iter().position(|l| *l != (0, 0)).unwrap_or(root);
                }
                let take = need.min(left[j]);
                arcs.push(TreeArc { row: i, column: j as u32, flow: take.0 });
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

    /// Rows in order of decreasing regret, the gap between their cheapest and second cheapest
    /// column.
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

/// Pivot until no arc has a negative reduced cost. Returns the costs of the tree's arcs.
fn optimise(
    tree: &mut SpanningTree,
    costs: &mut CostRows<'_>,
    shortlists: Option<Shortlists>,
) -> Result<Vec<f64>, TransportError> {
    let nodes = tree.nodes();
    // Pivots are finite in exact arithmetic; the cap is only there so that a defect ends as an
    // error. Observed counts are a few times n + m.
    let cap = 1000 + 200 * nodes * (1 + nodes.ilog2() as usize);
    let patience = PATIENCE * nodes * (1 + nodes / PATIENT_FROM).isqrt();
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
            if pivots >= patience && pivots % nodes == 0 {
                pricing.tolerate_more();
            }
            if pivots > cap {
                return Err(TransportError::NotOptimal { gap: f64::INFINITY, value: f64::NAN });
            }
        }
        if pivots > before {
            arc_cost = tree.refresh_potentials(costs);
            continue;
        }
        let (source, target) = tree.potentials();
        if !pricing.renew_shortlists(costs, source, target) {
            return Ok(arc_cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solve(source: &[f64], target: &[f64], cost: &[f64]) -> Result<Plan, TransportError> {
        let mut costs = CostRows::of_matrix(cost, source.len(), target.len())?;
        NetworkSimplex::new(source, target)?.attempt(&mut costs)
    }

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
        assert_eq!(solve(&[2.0], &[1.0, 3.0], &[4.0, 8.0]).unwrap().value, 7.0);
        assert_eq!(solve(&[1.0], &[1.0], &[-3.0]).unwrap().value, -3.0);
    }

    /// Potentials of 2 hide costs of 1e-16 in their rounding, so arcs look profitable in turn.
    #[test]
    fn arcs_that_look_profitable_in_turn_end() {
        let near = f64::EPSILON / 2.0;
        for rows in [4, 40, 400] {
            let cost = [2.0 - 2.0 * near, near].repeat(rows);
            let weights: Vec<f64> = (0..rows).map(|i| (i as f64 + 2.0).sqrt()).collect();
            let plan = solve(&weights, &[2f64.sqrt(), 3.0], &cost).unwrap();
            let wanted = 2.0 * 2f64.sqrt() / (2f64.sqrt() + 3.0);
            assert!((plan.value - wanted).abs() < 1e-12, "{}", plan.value);
        }
    }

    #[test]
    fn agrees_with_brute_force_on_ties() {
        let n = 6;
        let cost: Vec<f64> = (0..n * n).map(|k| ((k * 7 + k / 3) % 4) as f64).collect();
        let plan = solve(&vec![1.0; n], &vec![1.0; n], &cost).unwrap();
        assert!((plan.value - brute_force(&cost, n)).abs() < 1e-14);
    }
}
