//! A transport problem between distinct points, with what is known of its couplings and of its
//! potentials: what a coupling costs, and what potentials prove.

use crate::parallelism::Parallelism;
use crate::transport::costs::distance_rows::{DistanceRows, PairMemory, Power};
use crate::transport::exact::masses::Masses;
use crate::transport::exact::spanning_tree::SpanningTree;
use crate::transport::interval::distinct::DistinctPoints;
use crate::transport::interval::pass::Pass;
use crate::transport::TransportError;

/// Two sides whose costs are computed whenever they are read.
pub struct Problem<'a> {
    pub distances: DistanceRows<'a>,
    pub masses: Masses,
    parallelism: Parallelism,
    transposed: DistanceRows<'a>,
    source_share: Vec<f64>,
    target_share: Vec<f64>,
}

impl<'a> Problem<'a> {
    /// # Errors
    /// Weights that are too far apart.
    pub fn new(
        source: &DistinctPoints<'a>,
        target: &DistinctPoints<'a>,
        power: Power,
        parallelism: Parallelism,
    ) -> Result<Self, TransportError> {
        let masses = Masses::new(&source.weight, &target.weight)?;
        let distances = DistanceRows::new(source.points.clone(), target.points.clone(), power);
        Ok(Self {
            transposed: distances.transposed(),
            distances,
            masses,
            parallelism,
            source_share: source.shares(),
            target_share: target.shares(),
        })
    }

    /// The c-transform of target potentials, and lists of columns for each row.
    #[must_use]
    pub fn pass_over_rows(&self, target_dual: &[f64], length: usize) -> Pass {
        Pass::over(&self.distances, target_dual, length, self.parallelism)
    }

    /// The c-transform of source potentials, and lists of rows for each column.
    #[must_use]
    pub fn pass_over_columns(&self, source_dual: &[f64], length: usize) -> Pass {
        Pass::over(&self.transposed, source_dual, length, self.parallelism)
    }

    /// What no coupling costs less than, given potentials of which one side is the c-transform of
    /// the other: `sum_i a_i u_i + sum_j b_j v_j`, less what rounding may have added to it.
    #[must_use]
    pub fn bound(&self, source_dual: &[f64], target_dual: &[f64]) -> f64 {
        let (mut sum, mut size) = (0.0, 0.0);
        let source = self.source_share.iter().zip(source_dual);
        for (share, dual) in source.chain(self.target_share.iter().zip(target_dual)) {
            sum += share * dual;
            size += share * dual.abs();
        }
        let terms = self.source_share.len() + self.target_share.len() + 8;
        sum - size * f64::EPSILON * terms as f64
    }

    /// Computes a tree's potentials anew, and returns what its coupling costs.
    pub fn reprice(&self, tree: &mut SpanningTree) -> f64 {
        let arc_cost = self.arc_costs(tree);
        tree.set_potentials(&arc_cost);
        self.value(tree, &arc_cost)
    }

    /// What the coupling of a tree costs.
    #[must_use]
    pub fn value_of(&self, tree: &SpanningTree) -> f64 {
        self.value(tree, &self.arc_costs(tree))
    }

    fn arc_costs(&self, tree: &SpanningTree) -> Vec<f64> {
        let mut memory = PairMemory::default();
        let ends = tree.arc_ends();
        let mut costs: Vec<f64> =
            ends.into_iter().map(|(i, j)| self.distances.pair(i, j, &mut memory)).collect();
        // The root has no arc.
        costs.push(0.0);
        costs
    }

    fn value(&self, tree: &SpanningTree, arc_cost: &[f64]) -> f64 {
        let total = self.masses.total as f64;
        tree.flow_arcs(arc_cost).iter().map(|arc| arc.flow as f64 / total * arc.cost).sum()
    }
}
