//! The exact p-Wasserstein distance between two weighted point sets.
//!
//! `W_p = (min_plan sum_ij plan_ij |x_i - y_j|^p)^(1/p)`, by the assignment solver where both sides
//! are uniform, equally many and few, by the network simplex elsewhere.

use super::cost_rows::{fits, CostRows};
use super::distance_rows::{DistanceRows, Power};
use super::network_simplex::NetworkSimplex;
use super::point_rows::PointRows;
use super::{assignment, Plan, TransportError};
use crate::parallelism::Parallelism;

/// Up to so many rows the assignment solver is faster; beyond, its paths grow long where costs cluster
/// (2000 rows of a LeNet: 2.2 s against 0.2 s). Margin costs cluster more than distances.
const ASSIGNMENT_ROWS: usize = 256;
const ASSIGNMENT_ROWS_OF_MARGINS: usize = 64;

/// With at least so many points on either side the solver looks at short lists of each row's columns. It is then
/// up to a third faster with few long rows than with many short ones, and distances are the same either way.
const LONG_ROWS_FROM: usize = 500;

/// Bytes that a cost matrix may take (11,585 rows on each side). Beyond, costs are computed from the
/// points each time they are read, in blocks: the same optimum, but more computing.
pub const COST_MEMORY: usize = 1 << 30;

/// `W_p` between the rows of `source` and `target`; `None` weighs a side uniformly.
///
/// # Errors
/// An empty side, unusable weights, or costs that overflow.
pub fn wasserstein<'a>(
    source: PointRows<'a>,
    target: PointRows<'a>,
    source_mass: Option<&[f64]>,
    target_mass: Option<&[f64]>,
    p: f64,
    parallelism: Parallelism,
) -> Result<f64, TransportError> {
    let (plan, scale) =
        plan(source, target, source_mass, target_mass, p, COST_MEMORY, parallelism)?;
    Ok(plan.value.max(0.0).powf(1.0 / p) * scale)
}

/// An optimal plan for the costs `(|x_i - y_j| / scale)^p`, and the scale, with at most `memory` bytes of
/// costs held at a time (a block of a few rows is held in any case).
///
/// # Errors
/// As [`wasserstein`].
pub fn plan<'a>(
    source: PointRows<'a>,
    target: PointRows<'a>,
    source_mass: Option<&[f64]>,
    target_mass: Option<&[f64]>,
    p: f64,
    memory: usize,
    parallelism: Parallelism,
) -> Result<(Plan, f64), TransportError> {
    let (n, m) = (source.nrows(), target.nrows());
    if n > m && m >= LONG_ROWS_FROM {
        return self::plan(target, source, target_mass, source_mass, p, memory, parallelism)
            .map(|(plan, scale)| (plan.transposed(), scale))
            .map_err(TransportError::transposed);
    }
    if fits(n, m, memory) {
        let (cost, scale) = power_cost(source, target, p, parallelism);
        return Ok((transport(&cost, n, m, source_mass, target_mass)?, scale));
    }
    let mut solver = network_simplex(n, m, source_mass, target_mass)?;
    let costs = |power| {
        let distances = DistanceRows::new(source.clone(), target.clone(), power);
        CostRows::of_distances(distances, memory, parallelism)
    };
    let largest = || costs(Power::One).largest();
    let (power, scale) = match p {
        1.0 => (Power::One, 1.0),
        2.0 => (Power::Two, 1.0),
        _ => match largest()? {
            0.0 => (Power::One, 1.0),
            scale => (Power::Scaled { p, scale }, scale),
        },
    };
    Ok((solver.solve_rows(&mut costs(power))?, scale))
}

/// `(|x_i - y_j| / scale)^p` and the scale; dividing first keeps large powers from overflowing.
pub(crate) fn power_cost<'a>(
    source: PointRows<'a>,
    target: PointRows<'a>,
    p: f64,
    parallelism: Parallelism,
) -> (Vec<f64>, f64) {
    if p == 2.0 {
        return (DistanceRows::new(source, target, Power::Two).matrix(parallelism), 1.0);
    }
    let mut cost = DistanceRows::new(source, target, Power::One).matrix(parallelism);
    if p == 1.0 {
        return (cost, 1.0);
    }
    let largest = cost.iter().fold(0.0_f64, |acc, c| acc.max(*c));
    if largest == 0.0 || !largest.is_finite() {
        return (cost, 1.0);
    }
    for c in &mut cost {
        *c = (*c / largest).powf(p);
    }
    (cost, largest)
}

/// An optimal plan for a row-major `n x m` matrix of distances, by whichever solver fits.
///
/// # Errors
/// As the solvers.
pub fn transport(
    cost: &[f64],
    n: usize,
    m: usize,
    source_mass: Option<&[f64]>,
    target_mass: Option<&[f64]>,
) -> Result<Plan, TransportError> {
    solve(cost, [n, m], [source_mass, target_mass], ASSIGNMENT_ROWS)
}

/// The same for margin costs.
///
/// # Errors
/// As the solvers.
pub fn transport_margins(
    cost: &[f64],
    n: usize,
    m: usize,
    source_mass: Option<&[f64]>,
) -> Result<Plan, TransportError> {
    solve(cost, [n, m], [source_mass, None], ASSIGNMENT_ROWS_OF_MARGINS)
}

fn solve(
    cost: &[f64],
    [n, m]: [usize; 2],
    [source_mass, target_mass]: [Option<&[f64]>; 2],
    assignment_rows: usize,
) -> Result<Plan, TransportError> {
    if n == m && n <= assignment_rows && source_mass.is_none() && target_mass.is_none() {
        return assignment::solve(cost, n);
    }
    network_simplex(n, m, source_mass, target_mass)?.solve(cost)
}

fn network_simplex(
    n: usize,
    m: usize,
    source_mass: Option<&[f64]>,
    target_mass: Option<&[f64]>,
) -> Result<NetworkSimplex, TransportError> {
    let uniform = |count: usize| vec![1.0; count];
    let source_mass = source_mass.map_or_else(|| uniform(n), <[f64]>::to_vec);
    let target_mass = target_mass.map_or_else(|| uniform(m), <[f64]>::to_vec);
    NetworkSimplex::new(&source_mass, &target_mass)
}
