//! Exact optimal transport between two finite weighted point sets: the ground costs, the two
//! solvers (network simplex for any marginals, shortest augmenting paths for assignments) and the
//! Wasserstein distance built on them. Nothing here knows about classes, heads or bounds, and
//! nothing is approximate: a solver returns an optimum with its duality gap, or an error.

pub mod assignment;
pub mod ground_cost;
mod lowest_difference;
pub mod network_simplex;
mod pricing;
pub mod wasserstein;

use thiserror::Error;

/// Why a transport problem has no answer.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TransportError {
    #[error("one side of the transport problem has no points")]
    EmptySide,
    #[error("the {side} weights must be finite and non-negative, but weight {index} is {value}")]
    BadMass { side: &'static str, index: usize, value: f64 },
    #[error("the {side} weights sum to zero, so there is no mass to transport")]
    NoMass { side: &'static str },
    #[error(
        "the {side} weights span more than 15 orders of magnitude (smallest {smallest:e} of a total of {total:e}); drop the points with next to no weight"
    )]
    MassRange { side: &'static str, smallest: f64, total: f64 },
    #[error("the ground cost of pair ({row}, {column}) is {value}, which is not finite")]
    BadCost { row: usize, column: usize, value: f64 },
    #[error("the cost matrix has {found} entries, but {rows} x {columns} points need {expected}", expected = rows * columns)]
    Shape { rows: usize, columns: usize, found: usize },
    #[error(
        "the transport solver stopped after {pivots} pivots with a duality gap of {gap:e} (optimum {value:e}); this is a defect, please report it with the input"
    )]
    NotOptimal { pivots: usize, gap: f64, value: f64 },
}

/// An optimal transport plan with its certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The pairs that carry mass, `(source, target, mass)`; at most `n + m - 1` of them. The masses
    /// sum to 1.
    pub pairs: Vec<(u32, u32, f64)>,
    /// The optimum, `sum(mass * cost)`.
    pub value: f64,
    /// Dual potentials of the source points: `u[i] + v[j] <= cost[i, j]`.
    pub source_dual: Vec<f64>,
    /// Dual potentials of the target points.
    pub target_dual: Vec<f64>,
    /// `value` minus the value of the feasible duals; zero up to rounding.
    pub gap: f64,
}

/// Relative duality gap above which a solution counts as not optimal: well above what summing
/// rounded products leaves, well below anything that could be seen in a result.
const GAP_TOLERANCE: f64 = 1e-10;

/// Largest absolute cost, after checking that every cost is finite and the shape fits.
fn check_cost(cost: &[f64], rows: usize, columns: usize) -> Result<f64, TransportError> {
    if cost.len() != rows * columns {
        return Err(TransportError::Shape { rows, columns, found: cost.len() });
    }
    let largest = cost.iter().fold(0.0_f64, |acc, c| acc.max(c.abs()));
    // `max` skips NaN, so a NaN must be looked for by itself.
    if largest.is_finite() && !cost.iter().any(|c| c.is_nan()) {
        return Ok(largest);
    }
    let at = cost.iter().position(|c| !c.is_finite()).unwrap_or(0);
    Err(TransportError::BadCost { row: at / columns, column: at % columns, value: cost[at] })
}

/// Make `source_dual` feasible by the c-transform, `u[i] = min_j cost[i, j] - v[j]`, and return the
/// dual objective. A c-transform never lowers a dual objective, so the gap it leaves is honest.
fn tighten_duals(
    cost: &[f64],
    source_mass: &[f64],
    target_mass: &[f64],
    source_dual: &mut [f64],
    target_dual: &[f64],
) -> f64 {
    let columns = target_dual.len();
    for (row, dual) in cost.chunks_exact(columns).zip(source_dual.iter_mut()) {
        *dual = row.iter().zip(target_dual).fold(f64::INFINITY, |acc, (c, v)| acc.min(c - v));
    }
    let dot =
        |mass: &[f64], dual: &[f64]| -> f64 { mass.iter().zip(dual).map(|(a, u)| a * u).sum() };
    dot(source_mass, source_dual) + dot(target_mass, target_dual)
}

/// Turn a primal value and feasible duals into a checked gap.
fn certify(value: f64, dual: f64, largest_cost: f64, pivots: usize) -> Result<f64, TransportError> {
    let gap = (value - dual).max(0.0);
    if gap <= GAP_TOLERANCE * largest_cost {
        Ok(gap)
    } else {
        Err(TransportError::NotOptimal { pivots, gap, value })
    }
}
