//! The basis of the network simplex: a spanning tree of rows and columns, with flows and
//! potentials, and the pivot that exchanges one of its arcs.
//!
//! The tree is kept as parents and as a ring that goes through all nodes in preorder, in both
//! directions. A subtree is a run of that ring, and so is all that is not in it: shifting the
//! potentials of either side of a cut is a walk along a list from both its ends, which is where
//! most of a pivot's time goes. (Walking down children with a stack took three times as long.)
//! Hanging a subtree elsewhere by another of its nodes relinks as many runs as there are nodes on
//! the path between its old and its new root.
//!
//! References: Ahuja, Magnanti and Orlin, *Network Flows*, 1993, chapter 11; Barr, Glover and
//! Klingman, "Enhancements of spanning tree labelling procedures for network optimization", INFOR
//! 17, 1979.

use crate::transport::costs::cost_rows::CostRows;
use crate::transport::exact::pricing::PricedArc;

const NONE: u32 = u32::MAX;

/// Spanning tree over the points with mass: rows are nodes `0..n`, columns `n..n + m`. The root is
/// the last column. `flow[v]` belongs to the arc between `v` and its parent.
#[derive(Debug, Clone)]
pub struct SpanningTree {
    n: usize,
    parent: Vec<u32>,
    /// The neighbours of each node in the ring.
    next: Vec<u32>,
    previous: Vec<u32>,
    /// The last node, in preorder, of the subtree below each node.
    last: Vec<u32>,
    /// Nodes in the subtree below each node, itself included.
    size: Vec<u32>,
    flow: Vec<i64>,
    potential: Vec<f64>,
}

/// An arc of the tree, with the flow that it carries.
#[derive(Debug, Clone, Copy)]
pub struct TreeArc {
    pub row: u32,
    pub column: u32,
    pub flow: i64,
}

/// An arc of the tree, with the flow that it carries at its cost.
#[derive(Debug, Clone, Copy)]
pub struct FlowArc {
    pub row: usize,
    pub column: usize,
    pub flow: i64,
    pub cost: f64,
}

/// The cycle that an arc closes.
struct Cycle {
    /// The lowest node that is above both ends.
    join: u32,
    /// The lower node of the blocking arc.
    leaving: u32,
    /// The most flow that the blocking arc allows.
    bottleneck: i64,
    /// Whether the blocking arc lies between the row and the join, not between the column and the
    /// join.
    on_row_side: bool,
}

impl SpanningTree {
    /// Makes the tree of its `n + m - 1` arcs. Potentials are not set.
    #[must_use]
    pub fn new(n: usize, m: usize, arcs: &[TreeArc]) -> Self {
        let nodes = n + m;
        let root = nodes - 1;
        let mut adjacent: Vec<Vec<(u32, i64)>> = vec![Vec::new(); nodes];
        for &TreeArc { row, column, flow } in arcs {
            adjacent[row as usize].push((n as u32 + column, flow));
            adjacent[n + column as usize].push((row, flow));
        }
        let mut tree = Self {
            n,
            parent: vec![NONE; nodes],
            next: vec![0; nodes],
            previous: vec![0; nodes],
            last: vec![0; nodes],
            size: vec![1; nodes],
            flow: vec![0; nodes],
            potential: vec![0.0; nodes],
        };
        let mut stack = vec![root as u32];
        let mut preorder = Vec::with_capacity(nodes);
        while let Some(node) = stack.pop() {
            preorder.push(node);
            for &(below, flow) in &adjacent[node as usize] {
                if below != tree.parent[node as usize] {
                    tree.parent[below as usize] = node;
                    tree.flow[below as usize] = flow;
                    stack.push(below);
                }
            }
        }
        for (place, &node) in preorder.iter().enumerate() {
            tree.link(node, preorder[(place + 1) % preorder.len()]);
        }
        for (place, &node) in preorder.iter().enumerate().rev() {
            let size = tree.size[node as usize];
            tree.last[node as usize] = preorder[place + size as usize - 1];
            if node != root as u32 {
                tree.size[tree.parent[node as usize] as usize] += size;
            }
        }
        tree
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.parent.len()
    }

    /// The potentials of the rows, and those of the columns.
    #[must_use]
    pub fn potentials(&self) -> (&[f64], &[f64]) {
        self.potential.split_at(self.n)
    }

    /// All arcs with their flows and costs, given the cost of the arc between each node and its
    /// parent.
    #[must_use]
    pub fn flow_arcs(&self, arc_cost: &[f64]) -> Vec<FlowArc> {
        // The root is the last node.
        let nodes = 0..self.nodes() - 1;
        nodes
            .map(|node| {
                let (row, column) = self.ends(node);
                FlowArc { row, column, flow: self.flow[node], cost: arc_cost[node] }
            })
            .collect()
    }

    /// The cost of the arc between each node and its parent, read in the order of the rows.
    fn arc_costs(&self, costs: &mut CostRows<'_>) -> Vec<f64> {
        let mut order: Vec<u32> = (0..self.nodes() as u32 - 1).collect();
        order.sort_by_key(|&node| self.ends(node as usize).0);
        let mut found = vec![0.0; self.nodes()];
        for node in order {
            let (i, j) = self.ends(node as usize);
            found[node as usize] = costs.row(i)[j];
        }
        found
    }

    /// Recompute potentials from the tree: pivots shift them, and every shift rounds. Returns the
    /// cost of the arc between each node and its parent.
    pub fn refresh_potentials(&mut self, costs: &mut CostRows<'_>) -> Vec<f64> {
        let arc_cost = self.arc_costs(costs);
        self.set_potentials(&arc_cost);
        arc_cost
    }

    /// The row and the column of the arc between each node and its parent; the root has none.
    #[must_use]
    pub fn arc_ends(&self) -> Vec<(usize, usize)> {
        (0..self.nodes() - 1).map(|node| self.ends(node)).collect()
    }

    /// Computes potentials from the tree, given the cost of the arc between each node and its
    /// parent.
    pub fn set_potentials(&mut self, arc_cost: &[f64]) {
        let root = self.nodes() - 1;
        self.potential[root] = 0.0;
        let mut node = self.next[root] as usize;
        while node != root {
            self.potential[node] = arc_cost[node] - self.potential[self.parent[node] as usize];
            node = self.next[node] as usize;
        }
    }

    /// Bring an arc into the basis.
    pub fn pivot(&mut self, entering: &PricedArc) {
        let (row, column) = (entering.row, self.n as u32 + entering.column);
        let Cycle { join, leaving, bottleneck, on_row_side } = self.cycle(row, column);
        if bottleneck > 0 {
            self.push_flow(row, column, join, bottleneck);
        }
        let (entry, anchor) = if on_row_side { (row, column) } else { (column, row) };
        let moved = self.size[leaving as usize];
        self.resize(self.parent[leaving as usize], join, moved.wrapping_neg());
        self.resize(anchor, join, moved);
        self.cut(leaving);
        let end = self.reroot(entry, leaving, anchor, bottleneck);
        self.hang(entry, end, anchor);
        let shift = if on_row_side { entering.reduced } else { -entering.reduced };
        // Only differences matter, so the smaller side of the cut is the one to shift.
        let others = self.nodes() - moved as usize;
        if moved as usize <= others {
            self.shift(entry, end, moved as usize, shift);
        } else {
            self.shift(self.next[end as usize], self.previous[entry as usize], others, -shift);
        }
    }

    /// The row and the column between which the arc of `node` and its parent runs.
    fn ends(&self, node: usize) -> (usize, usize) {
        let parent = self.parent[node] as usize;
        if node < self.n {
            (node, parent - self.n)
        } else {
            (parent, node - self.n)
        }
    }

    fn link(&mut self, node: u32, next: u32) {
        self.next[node as usize] = next;
        self.previous[next as usize] = node;
    }

    /// The cycle that the arc from `row` to `column` closes.
    ///
    /// The new flow runs row -> column -> ... -> join -> ... -> row. On the row's side it runs down
    /// the tree, against arcs that leave a row upward; on the column's side it runs up, against
    /// arcs that leave a row downward. Among ties the last blocking arc met along the cycle,
    /// starting at the join, must leave: that is what keeps the tree strongly feasible.
    fn cycle(&self, row: u32, column: u32) -> Cycle {
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
        let on_row_side = below_column.0 == NONE || below_column.1 > below_row.1;
        let (leaving, bottleneck) = if on_row_side { below_row } else { below_column };
        Cycle { join: a, leaving, bottleneck, on_row_side }
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

    /// Add `change` (modulo 2^32, so that it can be negative) to the sizes from `node` up to below
    /// `join`.
    fn resize(&mut self, mut node: u32, join: u32, change: u32) {
        while node != join {
            self.size[node as usize] = self.size[node as usize].wrapping_add(change);
            node = self.parent[node as usize];
        }
    }

    /// Take the subtree below `top` out of the ring.
    fn cut(&mut self, top: u32) {
        let (before, end) = (self.previous[top as usize], self.last[top as usize]);
        self.link(before, self.next[end as usize]);
        self.set_last(self.parent[top as usize], end, before);
    }

    /// Put the run from `top` to `end`, which is all of a subtree, into the ring below `anchor`.
    fn hang(&mut self, top: u32, end: u32, anchor: u32) {
        let after = self.next[anchor as usize];
        self.link(anchor, top);
        self.link(end, after);
        self.set_last(anchor, anchor, end);
    }

    /// From `node` upward, subtrees that ended with `old` end with `new`.
    fn set_last(&mut self, mut node: u32, old: u32, new: u32) {
        while node != NONE && self.last[node as usize] == old {
            self.last[node as usize] = new;
            node = self.parent[node as usize];
        }
    }

    /// Makes `entry` the root of the subtree below `leaving`, which is out of the ring: reverses
    /// the path between the two, and makes `entry` a child of `anchor` by an arc that carries
    /// `flow`. Returns the last node of the subtree's new preorder.
    ///
    /// The new preorder starts with the old subtree below `entry`. After it come the further nodes
    /// of the path, each followed by those of its old descendants that are not below the path's
    /// node before it: first those that stood before that node in the old preorder, then those that
    /// stood after it.
    fn reroot(&mut self, entry: u32, leaving: u32, anchor: u32, flow: i64) -> u32 {
        let total = self.size[leaving as usize];
        let (mut node, mut new_parent, mut new_flow, mut below) = (entry, anchor, flow, 0);
        // `end` is the node at which the new preorder ends so far. `before` and `after` are the
        // nodes that stood before and after the last subtree in the old preorder.
        let mut end = self.last[entry as usize];
        let mut old_end = end;
        let mut before = self.previous[entry as usize];
        let mut after = self.next[end as usize];
        loop {
            let at = node as usize;
            let (old_parent, old_flow, old_size) = (self.parent[at], self.flow[at], self.size[at]);
            self.parent[at] = new_parent;
            self.flow[at] = new_flow;
            self.size[at] = total - below;
            if node == leaving {
                break;
            }
            (new_parent, node, new_flow, below) = (node, old_parent, old_flow, old_size);
            let before_node = self.previous[node as usize];
            self.link(end, node);
            end = before;
            if self.last[node as usize] != old_end {
                self.link(end, after);
                end = self.last[node as usize];
                old_end = end;
                after = self.next[end as usize];
            }
            before = before_node;
        }
        while node != anchor {
            self.last[node as usize] = end;
            node = self.parent[node as usize];
        }
        end
    }

    /// Raise the potentials of the rows among the `count` nodes of the ring from `first` to `last`,
    /// and lower those of the columns.
    fn shift(&mut self, first: u32, last: u32, count: usize, amount: f64) {
        let (mut front, mut back) = (first as usize, last as usize);
        let signed = |node: usize| if node < self.n { amount } else { -amount };
        // From both ends, so that one step need not wait for the other.
        for _ in 0..count / 2 {
            self.potential[front] += signed(front);
            self.potential[back] += signed(back);
            front = self.next[front] as usize;
            back = self.previous[back] as usize;
        }
        if count % 2 == 1 {
            self.potential[front] += signed(front);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the links with what follows from the parents alone.
    fn check(tree: &SpanningTree) {
        let nodes = tree.nodes();
        let mut preorder = vec![nodes as u32 - 1];
        while preorder.len() < nodes {
            let node = preorder[preorder.len() - 1];
            let next = tree.next[node as usize];
            assert_eq!(tree.previous[next as usize], node);
            preorder.push(next);
        }
        assert_eq!(tree.next[preorder[nodes - 1] as usize], preorder[0]);
        let mut size = vec![1; nodes];
        for &node in preorder[1..].iter().rev() {
            size[tree.parent[node as usize] as usize] += size[node as usize];
        }
        assert_eq!(size, tree.size);
        for (place, &node) in preorder.iter().enumerate() {
            let run = &preorder[place..place + size[node as usize] as usize];
            assert_eq!(run[run.len() - 1], tree.last[node as usize]);
            for below in &run[1..] {
                assert!(run.contains(&tree.parent[*below as usize]));
            }
        }
    }

    /// Pivots by arcs that are not in the tree, whatever their costs, leave links, flows and
    /// potentials that belong together.
    #[test]
    fn pivots_keep_the_tree() {
        let (n, m) = (7, 9);
        // A staircase: supplies of 9 a row, demands of 7 a column.
        let mut arcs = Vec::new();
        let (mut i, mut j, mut supply, mut demand) = (0, 0, 9, 7);
        while i < n && j < m {
            let flow = supply.min(demand);
            arcs.push(TreeArc { row: i as u32, column: j as u32, flow });
            (supply, demand) = (supply - flow, demand - flow);
            if supply == 0 {
                (i, supply) = (i + 1, 9);
            }
            if demand == 0 {
                (j, demand) = (j + 1, 7);
            }
        }
        let mut tree = SpanningTree::new(n, m, &arcs);
        check(&tree);
        let cost: Vec<f64> = (0..n * m).map(|k| ((k * k + 3 * k) % 41) as f64).collect();
        let mut costs = CostRows::of_matrix(&cost, n, m).unwrap();
        tree.refresh_potentials(&mut costs);
        for step in 0..500_usize {
            let (row, column) = (step * 5 % n, step * 11 % m);
            if tree.flow_arcs(&cost).iter().any(|arc| (arc.row, arc.column) == (row, column)) {
                continue;
            }
            let (source, target) = tree.potentials();
            let cost = cost[row * m + column];
            let reduced = cost - source[row] - target[column];
            tree.pivot(&PricedArc { row: row as u32, column: column as u32, cost, reduced });
            check(&tree);
            let arc_cost = tree.arc_costs(&mut costs);
            let (mut sent, mut received) = (vec![0; n], vec![0; m]);
            let (source, target) = tree.potentials();
            for FlowArc { row, column, flow, cost } in tree.flow_arcs(&arc_cost) {
                assert!(flow >= 0);
                assert!((cost - source[row] - target[column]).abs() < 1e-9);
                sent[row] += flow;
                received[column] += flow;
            }
            assert_eq!(sent, vec![9; n]);
            assert_eq!(received, vec![7; m]);
        }
    }
}
