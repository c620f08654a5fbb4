//! The p-Wasserstein distance within a certified interval, in memory that is linear in the points.
//!
//! `lower <= W_p <= upper`: the upper end is what a coupling costs, the lower end is what
//! potentials prove, `sum_i a_i u_i + sum_j b_j v_j` with `u_i + v_j <= |x_i - y_j|^p` for *all*
//! pairs, which the c-transform makes of any potentials. Both ends are moved outward by what
//! rounding may hide.
//! So the interval holds however the coupling and the potentials were found ([`refinement`]); how
//! they were found only says how wide it is.
//!
//! Reference: Halmos, Gold, Liu and Raphael, "Hierarchical refinement: optimal transport to
//! infinity and beyond", arXiv 2503.03025, 2025. They split both sides into parts of equal mass
//! again and again, by couplings of low rank, until a part is one pair: a coupling in linear
//! memory, which does not say how far it is from an optimum, and in which points that a split
//! separated are never coupled.
//! What is refined here from a coarse problem to a fine one are the potentials. They choose, in one
//! pass over all pairs, the few pairs of each point that a coupling may use; the coupling is then
//! optimal among these, wherever they are, and the next pass says what it still lacks. Memory is
//! linear too, time is not: a pass is `O(n m d)`, but there are few.

pub mod candidates;
pub mod distinct;
pub mod pass;
pub mod problem;
pub mod refinement;
pub mod start;

use std::borrow::Cow;

use crate::parallelism::Parallelism;
use crate::transport::costs::cost_rows::fits;
use crate::transport::costs::distance_rows::{relative_error, Power};
use crate::transport::costs::point_rows::{unit, PointRows};
use crate::transport::exact::COST_MEMORY;
use crate::transport::interval::distinct::DistinctPoints;
use crate::transport::interval::refinement::Refinement;
use crate::transport::{wasserstein, weights, Side, TransportError, Weights};

/// Costs of so many bytes or fewer (2048 rows on each side) are solved exactly: that takes no
/// longer than an interval.
const EXACT_MEMORY: usize = 32 << 20;
/// In problems of fewer points a side a coarse start costs more than it saves.
const COARSE_FROM: usize = 400;

/// What interval is wanted, and of which problems it is computed how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub p: f64,
    /// The gap that is small enough; zero for the exact optimum.
    pub tolerance: f64,
    /// Problems whose costs take no more bytes are solved exactly.
    pub exact_memory: usize,
    /// Problems of at least so many points a side start from a coarse one.
    pub coarse_from: usize,
}

impl Settings {
    #[must_use]
    pub fn new(p: f64, tolerance: f64) -> Self {
        Self { p, tolerance, exact_memory: EXACT_MEMORY, coarse_from: COARSE_FROM }
    }
}

/// What is known of a distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The root of what a coupling costs.
    pub distance: f64,
    /// No distance is below.
    pub lower: f64,
    /// The distance is not above: `distance`, and what rounding may hide in it.
    pub upper: f64,
    /// Whether the coupling is known to be an optimum up to rounding.
    pub exact: bool,
}

impl Interval {
    /// How far `distance` may be above the optimum, as a share of it: from 0 to 1.
    #[must_use]
    pub fn gap(&self) -> f64 {
        if self.distance > 0.0 {
            1.0 - self.lower / self.distance
        } else {
            0.0
        }
    }
}

/// An interval of `W_p` between the rows of `source` and `target`.
///
/// # Errors
/// An empty side, unusable weights, or coordinates that are not finite.
pub fn interval<'a>(
    source: PointRows<'a>,
    target: PointRows<'a>,
    weights: Weights<'_>,
    settings: Settings,
    parallelism: Parallelism,
) -> Result<Interval, TransportError> {
    let (n, m) = (source.nrows(), target.nrows());
    if settings.tolerance == 0.0 || fits(n, m, settings.exact_memory) {
        exact(source, target, weights, settings.p, parallelism)
    } else {
        refined(&source, &target, weights, settings, parallelism)
    }
}

/// The optimum, and what its duality gap and rounding leave open.
fn exact<'a>(
    source: PointRows<'a>,
    target: PointRows<'a>,
    weights: Weights<'_>,
    p: f64,
    parallelism: Parallelism,
) -> Result<Interval, TransportError> {
    let points = source.nrows() + target.nrows();
    let error = relative_error(source.width(), p);
    let found = wasserstein::plan(source, target, weights, p, COST_MEMORY, parallelism)?;
    let plan = &found.plan;
    let ends = Ends {
        value: plan.value,
        bound: plan.value - plan.gap,
        share: error + f64::EPSILON * plan.moves.len() as f64,
        beside: mass_error(weights, points) * plan.largest_cost,
    };
    ends.interval(p, true, |value| value.max(0.0).powf(1.0 / p) * found.scale)
}

/// A coupling and potentials as near to each other as is asked for.
fn refined<'a>(
    source: &PointRows<'a>,
    target: &PointRows<'a>,
    weights: Weights<'_>,
    settings: Settings,
    parallelism: Parallelism,
) -> Result<Interval, TransportError> {
    let Settings { p, tolerance, coarse_from, .. } = settings;
    let points = source.nrows() + target.nrows();
    let rounding = relative_error(source.width(), p) + f64::EPSILON * points as f64;
    let unit = unit(source.largest_coordinate().max(target.largest_coordinate()));
    let distinct = |side: Side, points: &PointRows<'a>, weight: Cow<'_, [f64]>| {
        let (found, expected) = (weight.len(), points.nrows());
        if found != expected {
            return Err(TransportError::MassCount { side, found, expected });
        }
        weights::check(side, &weight)?;
        Ok(DistinctPoints::new(&points.in_units_of(unit), &weight))
    };
    let source = distinct(Side::Source, source, weights.of_source(source.nrows()))?;
    let target = distinct(Side::Target, target, weights.of_target(target.nrows()))?;
    let norms = source.largest_norm().zip(target.largest_norm());
    let (source_norm, target_norm) = norms.ok_or(TransportError::Overflow)?;
    // No distance is larger.
    let limit = source_norm + target_norm;
    let power = Power::new(p, || if limit > 0.0 { limit } else { 1.0 });
    let refinement = Refinement { power, p, tolerance, rounding, coarse_from, parallelism };
    // Lists are read by rows. If the rows are the side with more points, each has few pairs.
    let found = if source.count() < target.count() {
        refinement.solve(&target, &source).map_err(TransportError::transposed)?
    } else {
        refinement.solve(&source, &target)?
    };
    let ends = Ends {
        value: found.value,
        bound: found.bound,
        share: rounding,
        beside: mass_error(weights, points) * power.of(limit),
    };
    ends.interval(p, false, |value| power.root(value) * unit)
}

/// The mass that may be moved otherwise than the weights say: their shares round, and may be
/// rounded to units of `2^-60`. Equal weights are exact.
fn mass_error(weights: Weights<'_>, points: usize) -> f64 {
    if weights == Weights::UNIFORM {
        0.0
    } else {
        16.0 * f64::EPSILON + points as f64 * 2f64.powi(-58)
    }
}

/// What a coupling costs and what potentials prove, in the units of the costs.
struct Ends {
    value: f64,
    bound: f64,
    /// What rounding may hide, as a share of the value, and beside it.
    share: f64,
    beside: f64,
}

impl Ends {
    /// The interval of distances, of which `root` makes them.
    fn interval(
        &self,
        p: f64,
        exact: bool,
        root: impl Fn(f64) -> f64,
    ) -> Result<Interval, TransportError> {
        // Powers other than the second are computed of distances in units of the largest, and may
        // underflow.
        let underflow = if p == 1.0 || p == 2.0 { 0.0 } else { f64::MIN_POSITIVE };
        let above = self.value * (1.0 + self.share) + self.beside + underflow;
        let below = self.bound - self.share * self.value - self.beside - underflow;
        let rounding = 4.0 * f64::EPSILON;
        let distance = root(self.value);
        let found = Interval {
            distance,
            lower: (root(below.max(0.0)) * (1.0 - rounding)).min(distance),
            upper: root(above) * (1.0 + rounding),
            exact: exact || self.bound >= self.value,
        };
        if found.upper.is_finite() {
            Ok(found)
        } else {
            Err(TransportError::Overflow)
        }
    }
}
