//! Optimal transport between two finite weighted point sets: the ground costs, exact transport
//! ([`exact`], with its two solvers: network simplex for any marginals, shortest augmenting paths
//! for assignments), the Wasserstein distance built on it, and the distances used where that is too
//! slow. Nothing here knows about classes, heads or bounds. Exact transport returns an optimum with
//! its duality gap, or an error.

pub mod costs;
pub mod exact;
pub mod gaussian;
pub mod interval;
pub mod line;
mod side;
pub mod sinkhorn;
pub mod sliced;
pub mod wasserstein;
mod weights;

use thiserror::Error;

use costs::cost_rows::CostRows;
use exact::lowest_difference::lowest_difference;

pub use side::Side;
pub use weights::{WeightedPoints, Weights};

/// Why a transport problem, or the distance that it gives, has no answer.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TransportError {
    #[error("one side of the transport problem has no points")]
    EmptySide,
    #[error("the {side} weights must be finite and non-negative, but weight {index} is {value}")]
    BadMass { side: Side, index: usize, value: f64 },
    #[error("the {side} weights sum to zero, so there is no mass to transport")]
    NoMass { side: Side },
    #[error(
        "the {side} weights span too many orders of magnitude (smallest {smallest:e} of a total \
         of {total:e}); drop the points with next to no weight"
    )]
    MassRange { side: Side, smallest: f64, total: f64 },
    #[error("the ground cost of pair ({row}, {column}) is {value}, which is not finite")]
    BadCost { row: usize, column: usize, value: f64 },
    #[error("the cost matrix has {found} entries, but {rows} x {columns} points need \
        {expected}", expected = rows * columns)]
    Shape { rows: usize, columns: usize, found: usize },
    #[error(
        "the transport solver stopped with a duality gap of {gap:e} (optimum {value:e}); this is \
         a defect, please report it with the input"
    )]
    NotOptimal { gap: f64, value: f64 },
    #[error(
        "the costs of {rows} x {columns} points take {:.0} GB, which is more than is held in \
         memory; at most {most} points a side fit, so use fewer rows",
        *rows as f64 * *columns as f64 * 8e-9
    )]
    Memory { rows: usize, columns: usize, most: usize },
    #[error(
        "the distances to the power {p} are too large or too small for a floating-point \
        number; scale the points"
    )]
    PowerRange { p: f64 },
    #[error("the distance is too large for a floating-point number; scale the points down")]
    Overflow,
    #[error(
        "there are {found} {side} weights for {expected} points; give one for each, or none at all"
    )]
    MassCount { side: Side, found: usize, expected: usize },
    #[error(
        "the source points have {source_width} coordinates and the target points \
        {target_width}; distances need points of one space"
    )]
    Width { source_width: usize, target_width: usize },
    #[error("the power p of {distance} must be {allowed}, but is {found}")]
    Power { distance: &'static str, allowed: &'static str, found: f64 },
}

impl TransportError {
    /// The error of the same problem with its sides swapped.
    #[must_use]
    fn transposed(self) -> Self {
        match self {
            Self::BadMass { side, index, value } => {
                Self::BadMass { side: side.other(), index, value }
            }
            Self::NoMass { side } => Self::NoMass { side: side.other() },
            Self::MassRange { side, smallest, total } => {
                Self::MassRange { side: side.other(), smallest, total }
            }
            Self::BadCost { row, column, value } => {
                Self::BadCost { row: column, column: row, value }
            }
            same => same,
        }
    }
}

/// Mass that goes from one source point to one target point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Move {
    pub source: u32,
    pub target: u32,
    pub mass: f64,
}

/// A move at its cost.
#[derive(Debug, Clone, Copy, PartialEq)]
struct PricedMove {
    what: Move,
    cost: f64,
}

/// An optimal transport plan with its certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The moves that the plan is made of, at most `n + m - 1`; their masses sum to 1.
    pub moves: Vec<Move>,
    /// The optimum, `sum(mass * cost)`.
    pub value: f64,
    /// `sum(mass * |cost|)`: what `value` is where costs are not negative.
    pub moved: f64,
    /// The largest absolute cost at which mass is moved.
    pub largest_cost: f64,
    /// Dual potentials of the source points: `u[i] + v[j] <= cost[i, j]`.
    pub source_dual: Vec<f64>,
    /// Dual potentials of the target points.
    pub target_dual: Vec<f64>,
    /// What the value may be above the optimum: `sum(mass * (cost - u - v))`, and what rounding may
    /// hide in it.
    pub gap: f64,
}

impl Plan {
    /// Makes a plan of moves and target potentials, of which the source potentials are made by the
    /// c-transform, `u[i] = min_j cost[i, j] - v[j]`. No dual objective falls by it, so the gap is
    /// honest.
    fn new(
        costs: &mut CostRows<'_>,
        moves: impl IntoIterator<Item = PricedMove>,
        target_dual: Vec<f64>,
    ) -> Self {
        let arch = pulp::Arch::new();
        let source_dual = (0..costs.nrows())
            .map(|i| lowest_difference(arch, costs.row(i), &target_dual).0)
            .collect();
        let mut plan = Self {
            moves: Vec::new(),
            value: 0.0,
            moved: 0.0,
            largest_cost: 0.0,
            source_dual,
            target_dual,
            gap: 0.0,
        };
        for PricedMove { what, cost } in moves {
            let Move { source, target, mass } = what;
            let (u, v) = (plan.source_dual[source as usize], plan.target_dual[target as usize]);
            let hidden = f64::EPSILON * (cost.abs() + u.abs() + v.abs());
            plan.moves.push(what);
            plan.value += mass * cost;
            plan.moved += mass * cost.abs();
            plan.largest_cost = plan.largest_cost.max(cost.abs());
            plan.gap += mass * ((cost - v) - u + hidden);
        }
        plan
    }

    /// The plan of the same problem with its sides swapped.
    #[must_use]
    fn transposed(self) -> Self {
        let swapped = |Move { source, target, mass }| Move { source: target, target: source, mass };
        let mut moves: Vec<Move> = self.moves.into_iter().map(swapped).collect();
        moves.sort_unstable_by_key(|one| (one.source, one.target));
        Self { moves, source_dual: self.target_dual, target_dual: self.source_dual, ..self }
    }
}

/// One side's weights scaled to sum to 1.
fn normalised_mass(side: Side, points: WeightedPoints<'_>) -> Result<Vec<f64>, TransportError> {
    let count = points.count();
    if count == 0 {
        return Err(TransportError::EmptySide);
    }
    let Some(mass) = points.weight else {
        return Ok(vec![1.0 / count as f64; count]);
    };
    if mass.len() != count {
        return Err(TransportError::MassCount { side, found: mass.len(), expected: count });
    }
    weights::check(side, mass)?;
    let largest = mass.iter().fold(0.0_f64, |acc, w| acc.max(*w));
    // Dividing by the largest first keeps the sum finite for weights near f64::MAX.
    let sum: f64 = mass.iter().map(|w| w / largest).sum();
    Ok(mass.iter().map(|w| w / largest / sum).collect())
}

fn check_width(
    source: WeightedPoints<'_>,
    target: WeightedPoints<'_>,
) -> Result<(), TransportError> {
    let (source_width, target_width) = (source.points.ncols(), target.points.ncols());
    if source_width == target_width {
        return Ok(());
    }
    Err(TransportError::Width { source_width, target_width })
}
