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
use super::pricing::{Arc, Pricing};
use super::shortlists::Shortlists;
use super::{certify, tighten_duals, Plan, TransportError};

const NONE: u32 = u32::MAX;

/// After every so many pivots per node, twice as large a reduced cost counts as rounding. A potential
/// carries the rounding of its path through the tree, which can pass through numbers much larger than
/// its own, so two arcs can each look profitable after the other for ever. Problems without that end
/// before the first doubling, and the gap is checked in any case.
const PATIENCE: usize = 16;

/// A start is looked for on every so many points, for problems of at least so many points a side.
const COARSENING: usize = 4;
const COARSE_FROM: usize = 400;

/// Rows get short lists of columns in problems of at least so many points a side, where costs are held.
const SHORTLISTS_FROM: usize = 1500;

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
    tree: Option<Tree>,
}

/// Spanning tree over the points with mass: rows are nodes `0..n`, columns `n..n + m`. The root is
/// the last column. `flow[v]` belongs to the arc between `v` and its parent.
#[derive(Debug, Clone)]
struct Tree {
    n: usize,
    parent: Vec<u32>,
    below: Vec<Below>,
    previous_sibling: Vec<u32>,
    /// Nodes in the subtree below each node, itself included.
    size: Vec<u32>,
    flow: Vec<i64>,
    potential: Vec<f64>,
    stack: Vec<u32>,
}

/// Where a walk down the tree goes on; apart from the other links, so that more of it is in the cache.
#[derive(Debug, Clone, Copy)]
struct Below {
    first_child: u32,
    next_sibling: u32,
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
        let (mut tree, shortlists) = match self.tree.take() {
            Some(tree) => (tree, None),
            None => {
                let dual = self.coarse_target_dual(costs)?;
                let tree = Tree::greedy(costs, &dual, &self.source_units, &self.target_units);
                let pays = costs.nrows().min(costs.ncols()) >= SHORTLISTS_FROM
                    && costs.at_hand(0) == (0..costs.nrows());
                (tree, pays.then(|| Shortlists::new(costs, &dual)))
            }
        };
        let (arc_cost, pivots) = tree.optimise(costs, shortlists)?;
        let basis = Basis { arcs: tree.arcs(&arc_cost), potential: tree.potential.clone(), pivots };
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
        let (source_potential, target_potential) = basis.potential.split_at(self.rows.len());
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
        for (&j, potential) in self.columns.iter().zip(target_potential) {
            target_dual[j as usize] = *potential;
        }
        // Points without mass do not bind: their potentials come from the c-transforms.
        let massless: Vec<usize> =
            (0..target_dual.len()).filter(|&j| self.target_mass[j] == 0.0).collect();
        if !massless.is_empty() {
            for (&i, u) in self.rows.iter().zip(source_potential) {
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
    /// Of rows, then columns.
    potential: Vec<f64>,
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

impl Tree {
    /// A strongly feasible starting basis: rows served in order of how much a bad column would cost
    /// them (in their own order where rows are computed), each from the columns with demand left that are
    /// cheapest after `dual`.
    ///
    /// Strong feasibility comes from solving the problem in which every row has one more
    /// infinitesimal unit and the root column takes them all: its bases have no zero flows, so they
    /// are trees, and where the real flow is zero the infinitesimal one points to the root.
    fn greedy(costs: &mut CostRows<'_>, dual: &[f64], supply: &[i64], demand: &[i64]) -> Self {
        let (n, m) = (supply.len(), demand.len());
        let root = m - 1;
        // (real units, infinitesimal units), compared in that order.
        let mut left: Vec<(i64, i64)> = demand.iter().map(|&d| (d, 0)).collect();
        left[root].1 = n as i64;
        let mut open: Vec<u32> = (0..m as u32).collect();
        let mut arcs: Vec<(u32, u32, i64)> = Vec::with_capacity(n + m - 1);
        let mut row = vec![0.0; m];
        let order = if costs.at_hand(0) == (0..n) {
            regret_order(costs, dual)
        } else {
            (0..n as u32).collect()
        };
        for i in order {
            for ((r, c), v) in row.iter_mut().zip(costs.row(i as usize)).zip(dual) {
                *r = c - v;
            }
            let mut need = (supply[i as usize], 1_i64);
            while need > (0, 0) {
                let Some((at, &j)) = open
                    .iter()
                    .enumerate()
                    .min_by(|a, b| row[*a.1 as usize].total_cmp(&row[*b.1 as usize]))
                else {
                    break;
                };
                let take = need.min(left[j as usize]);
                arcs.push((i, j, take.0));
                need = (need.0 - take.0, need.1 - take.1);
                left[j as usize] = (left[j as usize].0 - take.0, left[j as usize].1 - take.1);
                if left[j as usize] == (0, 0) {
                    open.swap_remove(at);
                }
            }
        }
        Self::from_arcs(n, m, &arcs)
    }

    fn from_arcs(n: usize, m: usize, arcs: &[(u32, u32, i64)]) -> Self {
        let nodes = n + m;
        let root = nodes - 1;
        let mut tree = Self {
            n,
            parent: vec![NONE; nodes],
            below: vec![Below { first_child: NONE, next_sibling: NONE }; nodes],
            previous_sibling: vec![NONE; nodes],
            size: vec![1; nodes],
            flow: vec![0; nodes],
            potential: vec![0.0; nodes],
            stack: Vec::with_capacity(nodes),
        };
        let mut adjacent: Vec<Vec<(u32, i64)>> = vec![Vec::new(); nodes];
        for &(i, j, flow) in arcs {
            adjacent[i as usize].push((n as u32 + j, flow));
            adjacent[n + j as usize].push((i, flow));
        }
        let mut stack = vec![root as u32];
        let mut order = Vec::with_capacity(nodes);
        while let Some(node) = stack.pop() {
            for &(next, flow) in &adjacent[node as usize] {
                if next != tree.parent[node as usize] {
                    tree.attach(next, node);
                    tree.flow[next as usize] = flow;
                    stack.push(next);
                    order.push(next);
                }
            }
        }
        for node in order.into_iter().rev() {
            let size = tree.size[node as usize];
            tree.size[tree.parent[node as usize] as usize] += size;
        }
        tree
    }

    /// The (row, column) of the arc between `node` and its parent.
    fn arc(&self, node: usize) -> (usize, usize) {
        let parent = self.parent[node] as usize;
        if node < self.n {
            (node, parent - self.n)
        } else {
            (parent, node - self.n)
        }
    }

    fn attach(&mut self, node: u32, parent: u32) {
        let first = self.below[parent as usize].first_child;
        self.parent[node as usize] = parent;
        self.previous_sibling[node as usize] = NONE;
        self.below[node as usize].next_sibling = first;
        if first != NONE {
            self.previous_sibling[first as usize] = node;
        }
        self.below[parent as usize].first_child = node;
    }

    fn detach(&mut self, node: u32) {
        let previous = self.previous_sibling[node as usize];
        let next = self.below[node as usize].next_sibling;
        if previous == NONE {
            self.below[self.parent[node as usize] as usize].first_child = next;
        } else {
            self.below[previous as usize].next_sibling = next;
        }
        if next != NONE {
            self.previous_sibling[next as usize] = previous;
        }
    }

    /// `(row, column, flow, cost)` of all arcs.
    fn arcs(&self, arc_cost: &[f64]) -> Vec<(usize, usize, i64, f64)> {
        let nodes = 0..self.parent.len() - 1;
        nodes
            .map(|node| {
                let (i, j) = self.arc(node);
                (i, j, self.flow[node], arc_cost[node])
            })
            .collect()
    }

    /// The cost of the arc between each node and its parent, read in the order of the rows.
    fn arc_costs(&self, costs: &mut CostRows<'_>) -> Vec<f64> {
        let mut found = vec![0.0; self.parent.len()];
        for i in 0..self.n {
            let row = costs.row(i);
            found[i] = row[self.parent[i] as usize - self.n];
            let mut child = self.below[i].first_child;
            while child != NONE {
                found[child as usize] = row[child as usize - self.n];
                child = self.below[child as usize].next_sibling;
            }
        }
        found
    }

    /// Recompute potentials from the tree: pivots shift them, and every shift rounds.
    fn refresh_potentials(&mut self, arc_cost: &[f64]) {
        let root = self.parent.len() as u32 - 1;
        self.potential[root as usize] = 0.0;
        let mut stack = std::mem::take(&mut self.stack);
        stack.push(root);
        while let Some(node) = stack.pop() {
            let mut child = self.below[node as usize].first_child;
            while child != NONE {
                self.potential[child as usize] =
                    arc_cost[child as usize] - self.potential[node as usize];
                stack.push(child);
                child = self.below[child as usize].next_sibling;
            }
        }
        self.stack = stack;
    }

    /// Pivot until no arc has a negative reduced cost. Returns the costs of the tree's arcs and the number
    /// of pivots.
    fn optimise(
        &mut self,
        costs: &mut CostRows<'_>,
        shortlists: Option<Shortlists>,
    ) -> Result<(Vec<f64>, usize), TransportError> {
        let nodes = self.parent.len();
        // Pivots are finite in exact arithmetic; the cap is only there so that a defect ends as an
        // error. Observed counts are a few times n + m.
        let cap = 1000 + 200 * nodes * (1 + nodes.ilog2() as usize);
        let mut pricing = Pricing::new(shortlists);
        let mut pivots = 0;
        loop {
            let arc_cost = self.arc_costs(costs);
            self.refresh_potentials(&arc_cost);
            let before = pivots;
            loop {
                let (source, target) = self.potential.split_at(self.n);
                let Some(entering) = pricing.entering_arc(costs, source, target) else {
                    break;
                };
                self.pivot(&entering);
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
            if pivots == before {
                return Ok((arc_cost, pivots));
            }
        }
    }

    /// Bring an arc into the basis.
    fn pivot(&mut self, entering: &Arc) {
        let (row, column) = (entering.row, self.n as u32 + entering.column);
        let (join, leaving, bottleneck, on_row_side) = self.cycle(row, column);
        if bottleneck > 0 {
            self.push_flow(row, column, join, bottleneck);
        }
        let (entry, anchor) = if on_row_side { (row, column) } else { (column, row) };
        let moved = self.size[leaving as usize];
        self.resize(self.parent[leaving as usize], join, moved.wrapping_neg());
        self.resize(anchor, join, moved);
        self.reroot(entry, leaving, anchor, bottleneck);
        let shift = if on_row_side { entering.reduced } else { -entering.reduced };
        // Only differences matter, so the smaller side of the cut is the one to shift.
        if 2 * moved as usize <= self.parent.len() {
            self.shift(entry, NONE, shift);
        } else {
            self.shift(self.parent.len() as u32 - 1, entry, -shift);
        }
    }

    /// Add `change` (modulo 2^32, so that it can be negative) to the sizes from `node` up to below `join`.
    fn resize(&mut self, mut node: u32, join: u32, change: u32) {
        while node != join {
            self.size[node as usize] = self.size[node as usize].wrapping_add(change);
            node = self.parent[node as usize];
        }
    }

    /// Raise the potentials of the rows below `top`, but not below `except`, and lower the columns'.
    fn shift(&mut self, top: u32, except: u32, amount: f64) {
        let mut stack = std::mem::take(&mut self.stack);
        let is_row = |node: u32| (node as usize) < self.n;
        self.potential[top as usize] += if is_row(top) { amount } else { -amount };
        stack.push(top);
        while let Some(node) = stack.pop() {
            // Below a row are columns, below a column rows.
            let change = if is_row(node) { -amount } else { amount };
            let mut child = self.below[node as usize].first_child;
            while child != NONE {
                let Below { first_child, next_sibling } = self.below[child as usize];
                if child != except {
                    self.potential[child as usize] += change;
                    if first_child != NONE {
                        stack.push(child);
                    }
                }
                child = next_sibling;
            }
        }
        self.stack = stack;
    }

    /// The cycle that `row -> column` closes: its join, the lowest node that is above both, and its blocking
    /// arc, as the node below it, with the flow it allows and whether it lies on the row's side of the join.
    ///
    /// The new flow runs row -> column -> ... -> join -> ... -> row. On the row's side it runs down
    /// the tree, against arcs that leave a row upward; on the column's side it runs up, against arcs
    /// that leave a row downward. Among ties the last blocking arc met along the cycle, starting at
    /// the join, must leave: that is what keeps the tree strongly feasible.
    fn cycle(&self, row: u32, column: u32) -> (u32, u32, i64, bool) {
        let (mut a, mut b) = (row, column);
        let (mut below_row, mut below_column) = ((NONE, i64::MAX), (NONE, i64::MAX));
        while a != b {
            if self.size[a as usize] < self.size[b as usize] {
                if (a as usize) < self.n && self.flow[a as usize] < below_row.1 {
                    below_row = (a, self.flow[a as usize]);
                }
                a = self.parent[a as usize];
            } else {
                if (b as usize) >= self.n && self.flow[b as usize] <= below_column.1 {
                    below_column = (b, self.flow[b as usize]);
                }
                b = self.parent[b as usize];
            }
        }
        if below_column.0 != NONE && below_column.1 <= below_row.1 {
            (a, below_column.0, below_column.1, false)
        } else {
            (a, below_row.0, below_row.1, true)
        }
    }

    fn push_flow(&mut self, row: u32, column: u32, join: u32, amount: i64) {
        let mut node = row;
        while node != join {
            let sign = if (node as usize) < self.n { -1 } else { 1 };
            self.flow[node as usize] += sign * amount;
            node = self.parent[node as usize];
        }
        node = column;
        while node != join {
            let sign = if (node as usize) < self.n { 1 } else { -1 };
            self.flow[node as usize] += sign * amount;
            node = self.parent[node as usize];
        }
    }

    /// Cut the subtree at `leaving`, turn the path from `entry` up to `leaving` around, and hang it
    /// below `anchor` by an arc that carries `flow`.
    fn reroot(&mut self, entry: u32, leaving: u32, anchor: u32, flow: i64) {
        let total = self.size[leaving as usize];
        let (mut node, mut new_parent, mut new_flow, mut below) = (entry, anchor, flow, 0);
        loop {
            let at = node as usize;
            let (old_parent, old_flow, old_size) = (self.parent[at], self.flow[at], self.size[at]);
            self.detach(node);
            self.attach(node, new_parent);
            self.flow[at] = new_flow;
            self.size[at] = total - below;
            if node == leaving {
                return;
            }
            (new_parent, node, new_flow, below) = (node, old_parent, old_flow, old_size);
        }
    }
}

/// Rows in order of decreasing regret, the gap between their cheapest and second cheapest column.
fn regret_order(costs: &mut CostRows<'_>, dual: &[f64]) -> Vec<u32> {
    let n = costs.nrows();
    let regret: Vec<f64> = (0..n)
        .map(|i| {
            let (mut first, mut second) = (f64::INFINITY, f64::INFINITY);
            for (c, v) in costs.row(i).iter().zip(dual) {
                let reduced = c - v;
                if reduced < first {
                    (first, second) = (reduced, first);
                } else if reduced < second {
                    second = reduced;
                }
            }
            second - first
        })
        .collect();
    let mut order: Vec<u32> = (0..n as u32).collect();
    order.sort_by(|a, b| regret[*b as usize].total_cmp(&regret[*a as usize]));
    order
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
    fn agrees_with_brute_force_on_ties() {
        let n = 6;
        let cost: Vec<f64> = (0..n * n).map(|k| ((k * 7 + k / 3) % 4) as f64).collect();
        let mut problem = NetworkSimplex::new(&vec![1.0; n], &vec![1.0; n]).unwrap();
        let plan = problem.solve(&cost).unwrap();
        assert!((plan.value - brute_force(&cost, n)).abs() < 1e-14);
    }
}
