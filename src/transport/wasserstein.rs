//! The exact p-Wasserstein distance between two weighted point sets.
//!
//! `W_p = (min_plan sum_ij plan_ij |x_i - y_j|^p)^(1/p)`
//!
//! Points are brought to a size near 1 by a power of two, which rounds nothing, so that squares
//! neither overflow nor underflow. Powers of distances are scaled by a distance: by one that no
//! pair exceeds at first. Where the powers that matter then underflow, as those of high powers do,
//! the power `p` is reached in steps. `W_q` does not fall as `q` rises, and a plan for `q` is a
//! plan for any other power. So with distances in units of the largest one that an optimal plan for
//! `q` uses, the optimum for `p` is at most 1 and at least `W_q^p`, which says how far the power
//! may rise at once.

use crate::parallelism::Parallelism;
use crate::transport::costs::cost_rows::CostRows;
use crate::transport::costs::distance_rows::{DistanceRows, Power};
use crate::transport::costs::point_rows::{unit, PointRows};
use crate::transport::exact::{Measure, Solver, COST_MEMORY};
use crate::transport::{Plan, TransportError, Weights};

/// With at least so many points on either side the solver looks at short lists of each row's
/// columns. It is then up to a third faster with few long rows than with many short ones, and
/// distances are the same either way.
const LONG_ROWS_FROM: usize = 500;

/// The value of an optimal plan below which its costs may have underflowed.
const SMALLEST_VALUE: f64 = 1e-200;

/// A plan that is optimal for the costs `(distance / scale)^p`.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerPlan {
    pub plan: Plan,
    pub scale: f64,
    p: f64,
}

impl PowerPlan {
    /// `W_p`
    ///
    /// # Errors
    /// A distance that no float holds.
    pub fn distance(&self) -> Result<f64, TransportError> {
        let distance = self.plan.value.max(0.0).powf(1.0 / self.p) * self.scale;
        if distance.is_finite() {
            Ok(distance)
        } else {
            Err(TransportError::Overflow)
        }
    }
}

/// `W_p` between the rows of `source` and `target`.
///
/// # Errors
/// An empty side, unusable weights, or coordinates that are not finite.
pub fn wasserstein<'a>(
    source: PointRows<'a>,
    target: PointRows<'a>,
    weights: Weights<'_>,
    p: f64,
    parallelism: Parallelism,
) -> Result<f64, TransportError> {
    plan(source, target, weights, p, COST_MEMORY, parallelism)?.distance()
}

/// A plan for `W_p`, with at most `memory` bytes of costs held at a time (a block of a few rows is
/// held in any case).
///
/// # Errors
/// Those of [`wasserstein`].
pub fn plan<'a>(
    source: PointRows<'a>,
    target: PointRows<'a>,
    weights: Weights<'_>,
    p: f64,
    memory: usize,
    parallelism: Parallelism,
) -> Result<PowerPlan, TransportError> {
    let (n, m) = (source.nrows(), target.nrows());
    if n > m && m >= LONG_ROWS_FROM {
        let found = self::plan(target, source, weights.transposed(), p, memory, parallelism);
        return found
            .map(|found| PowerPlan { plan: found.plan.transposed(), ..found })
            .map_err(TransportError::transposed);
    }
    let solver = Solver::new([n, m], weights, Measure::Distances)?;
    let unit = unit(source.largest_coordinate().max(target.largest_coordinate()));
    let (source, target) = (source.in_units_of(unit), target.in_units_of(unit));
    let costs = |power| {
        let distances = DistanceRows::new(source.clone(), target.clone(), power);
        CostRows::of_distances(distances, memory, parallelism)
    };
    let found = optimal(solver, p, costs, || source.largest_norm() + target.largest_norm())?;
    Ok(PowerPlan { scale: found.scale * unit, ..found })
}

/// A plan for the power `p` of a row-major `n x m` matrix of distances.
///
/// # Errors
/// Those of [`wasserstein`].
pub fn plan_of_distances(
    distances: &[f64],
    [n, m]: [usize; 2],
    p: f64,
) -> Result<PowerPlan, TransportError> {
    let solver = Solver::new([n, m], Weights::UNIFORM, Measure::Distances)?;
    let costs = |power: Power| CostRows::Held {
        cost: distances.iter().map(|&d| power.of(d)).collect(),
        columns: m,
    };
    optimal(solver, p, costs, || distances.iter().copied().fold(0.0, f64::max))
}

/// An optimal plan for the power `p` of distances, of which `costs` makes the costs. No distance is
/// larger than `limit` says.
fn optimal<'a>(
    mut solver: Solver,
    p: f64,
    costs: impl Fn(Power) -> CostRows<'a>,
    limit: impl Fn() -> f64,
) -> Result<PowerPlan, TransportError> {
    let direct = Power::new(p, limit);
    let plan = solver.solve(&mut costs(direct))?;
    if p == 1.0 || plan.value >= SMALLEST_VALUE {
        return Ok(PowerPlan { plan, scale: direct.scale(), p });
    }
    let (mut q, mut power) = (1.0, Power::One);
    loop {
        let plan = solver.solve(&mut costs(power))?;
        if q == p || plan.largest_cost == 0.0 {
            return Ok(PowerPlan { plan, scale: power.scale(), p });
        }
        let value_in_units_of_largest = plan.value / plan.largest_cost;
        // Infinite where all mass moves equally far.
        let rise = SMALLEST_VALUE.ln() / value_in_units_of_largest.min(1.0).ln();
        q = p.min(q * rise.abs());
        power = Power::Scaled { p: q, scale: power.root(plan.largest_cost) };
    }
}
