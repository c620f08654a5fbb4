//! From a coarse problem to a fine one, until the interval is narrow enough.
//!
//! One point in four of each side makes the coarse problem, which is solved in the same way; its
//! potentials are extended to all points by a c-transform. By these each row lists the columns of
//! lowest reduced cost and each column the rows, a coupling is made along the lists, and the
//! network simplex improves it among the listed pairs alone. One more pass over all pairs then
//! turns the simplex's potentials into feasible ones, which say how far the coupling can be from an
//! optimum, and lists the pairs that would improve it. That goes on until the two are near enough
//! to each other.

use crate::parallelism::Parallelism;
use crate::transport::costs::distance_rows::{DistanceRows, Power};
use crate::transport::exact::pricing::Pricing;
use crate::transport::exact::shortlists::Shortlists;
use crate::transport::exact::spanning_tree::SpanningTree;
use crate::transport::interval::candidates::candidates;
use crate::transport::interval::distinct::DistinctPoints;
use crate::transport::interval::pass::Pass;
use crate::transport::interval::problem::Problem;
use crate::transport::interval::start::greedy_tree;
use crate::transport::TransportError;

/// A problem of one point of each side in this many gives the potentials to start from. With one in
/// eight the first interval is wider by 30 %, and three times as many pivots are needed (Gaussian
/// points in 64 dimensions, 50,000 a side).
const COARSENING: usize = 4;
/// The tolerance of a coarse problem, as a share of that of the fine one. What its potentials lack
/// is added to what their extension to all points lacks.
const COARSE_SHARE: f64 = 0.25;
/// Columns on the list of a row, and rows on that of a column.
const ROW_LIST: usize = 32;
const COLUMN_LIST: usize = 16;
/// Pairs that would lower the value by less than this share of the tolerance are left alone: the
/// width of an interval is a mean over such pairs.
const THRESHOLD: f64 = 0.5;
/// Rounds after which an interval is returned however wide it is. Usual problems need one to three,
/// points on a plane about seven.
const MOST_ROUNDS: usize = 60;
/// Pivots for each point in one round at most: rounding could otherwise make them go on for ever.
const MOST_PIVOTS: usize = 1000;

/// What costs are, and when an interval is narrow enough.
#[derive(Debug, Clone, Copy)]
pub struct Refinement {
    pub power: Power,
    /// The exponent that `power` has.
    pub p: f64,
    /// The width of the interval of `W_p` that is enough, as a share of its upper end.
    pub tolerance: f64,
    /// What rounding may hide in the costs, as a share of them: it makes an interval wider.
    pub rounding: f64,
    /// Problems of fewer points a side start without potentials of a coarse one.
    pub coarse_from: usize,
    pub parallelism: Parallelism,
}

/// A coupling and feasible potentials.
#[derive(Debug, Clone, PartialEq)]
pub struct Refined {
    /// What the coupling costs.
    pub value: f64,
    /// What no coupling costs less than.
    pub bound: f64,
    /// The source potentials that prove it.
    pub source_dual: Vec<f64>,
}

impl Refined {
    /// Keeps potentials that prove more than those known.
    fn prove(&mut self, bound: f64, source_dual: &[f64]) {
        if bound > self.bound {
            self.bound = bound;
            self.source_dual.clear();
            self.source_dual.extend_from_slice(source_dual);
        }
    }
}

impl Refinement {
    /// A coupling and potentials as near to each other as is wanted.
    ///
    /// # Errors
    /// Weights that are too far apart.
    pub fn solve<'a>(
        &self,
        source: &DistinctPoints<'a>,
        target: &DistinctPoints<'a>,
    ) -> Result<Refined, TransportError> {
        let dual = self.coarse_target_dual(source, target)?;
        let problem = Problem::new(source, target, self.power, self.parallelism)?;
        let of_rows = problem.pass_over_rows(&dual, ROW_LIST);
        let of_columns = problem.pass_over_columns(&of_rows.lowest, COLUMN_LIST);
        let bound = problem.bound(&of_rows.lowest, &of_columns.lowest);
        let (distances, masses) = (&problem.distances, &problem.masses);
        let mut tree = greedy_tree(distances, masses, &dual, &of_rows, self.parallelism);
        let value = problem.reprice(&mut tree);
        let source_dual = of_rows.lowest.clone();
        let mut found = Refined { value, bound, source_dual };
        self.refine(&problem, &mut tree, (of_rows, of_columns), &mut found);
        Ok(found)
    }

    /// Target potentials to start from: those of a coarse problem, extended to all points by the
    /// c-transform. Zero for problems too small to gain.
    fn coarse_target_dual<'a>(
        &self,
        source: &DistinctPoints<'a>,
        target: &DistinctPoints<'a>,
    ) -> Result<Vec<f64>, TransportError> {
        if source.count().min(target.count()) < self.coarse_from {
            return Ok(vec![0.0; target.count()]);
        }
        let coarse = source.thinned(COARSENING);
        let finer = Self { tolerance: COARSE_SHARE * self.tolerance, ..*self };
        let dual = finer.solve(&coarse, &target.thinned(COARSENING))?.source_dual;
        let to_coarse = DistanceRows::new(target.points.clone(), coarse.points, self.power);
        Ok(Pass::over(&to_coarse, &dual, 1, self.parallelism).lowest)
    }

    fn refine(
        &self,
        problem: &Problem<'_>,
        tree: &mut SpanningTree,
        (mut of_rows, mut of_columns): (Pass, Pass),
        found: &mut Refined,
    ) {
        for round in 0..MOST_ROUNDS {
            if self.is_narrow(found.bound, found.value) {
                return;
            }
            let pivots = self.pivot(problem, tree, candidates(&of_rows, &of_columns), found);
            if round > 0 && pivots == 0 {
                // The lists were made by these very potentials: what is left is rounding.
                return;
            }
            found.value = problem.reprice(tree);
            if self.is_narrow(found.bound, found.value) {
                return;
            }
            let (source_dual, target_dual) = tree.potentials();
            of_rows = problem.pass_over_rows(target_dual, ROW_LIST);
            found.prove(problem.bound(&of_rows.lowest, target_dual), &of_rows.lowest);
            if self.is_narrow(found.bound, found.value) {
                return;
            }
            of_columns = problem.pass_over_columns(source_dual, COLUMN_LIST);
            found.prove(problem.bound(source_dual, &of_columns.lowest), source_dual);
        }
    }

    /// Improves the coupling among listed pairs until the interval is narrow enough, or no pair
    /// gains enough. Returns how many pivots that took.
    fn pivot(
        &self,
        problem: &Problem<'_>,
        tree: &mut SpanningTree,
        listed: Shortlists,
        found: &Refined,
    ) -> usize {
        let threshold = THRESHOLD * self.tolerance * found.value;
        let mut pricing = Pricing::approximate(listed, threshold);
        let nodes = tree.nodes();
        for pivots in 0..MOST_PIVOTS * nodes {
            let is_time = pivots > 0 && pivots % nodes == 0;
            if is_time && self.is_narrow(found.bound, problem.value_of(tree)) {
                return pivots;
            }
            let (source_dual, target_dual) = tree.potentials();
            let Some(entering) = pricing.listed_arc(source_dual, target_dual) else {
                return pivots;
            };
            tree.pivot(&entering);
        }
        MOST_PIVOTS * nodes
    }

    fn is_narrow(&self, bound: f64, value: f64) -> bool {
        let lower = (bound - self.rounding * value).max(0.0);
        value <= 0.0 || 1.0 - (lower / value).powf(1.0 / self.p) <= self.tolerance
    }
}
