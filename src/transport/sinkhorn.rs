//! The Sinkhorn divergence: entropic optimal transport without its bias.
//!
//! `OT_e(a, b) = min_P sum P_ij C_ij + e KL(P | a b^T)` over couplings `P` of `a` and `b`, with
//! `C_ij = |x_i - y_j|^p`, and
//!
//! `S_e(a, b) = OT_e(a, b) - OT_e(a, a) / 2 - OT_e(b, b) / 2`,
//!
//! in the units of the costs (a `p`-th power: no root is taken). For `1 <= p <= 2`, the only powers
//! allowed, `S_e >= 0`, and it is 0 only between equal distributions; `e -> 0` gives `W_p^p`.
//! Higher is further.
//!
//! The duals live in the log domain: scaling factors relative to them are applied to the kernel
//! `exp((f_i + g_j - C_ij) / t)` and folded into the duals before they can overflow (Schmitzer).
//! Where `e` is small beside the costs, the temperature `t` falls to it by halves. Between two
//! sides the updates alternate, with a Newton step where that is slow; of one side with itself they
//! are symmetric, `f <- (f + T f) / 2`, which halves the error each time whatever `e` is. Iteration
//! ends by the marginal error, and the answer carries a duality gap: the plan is completed to a
//! feasible one, whose objective bounds the optimum from above as the duals do from below.
//!
//! Time `O(n m)` an iteration, of which there are some tens to hundreds. Memory: the cost matrix
//! and the kernel, of one of the three problems at a time.
//!
//! References: Feydy et al., "Interpolating between optimal transport and MMD using Sinkhorn
//! divergences", AISTATS 2019; Schmitzer, "Stabilized sparse scaling algorithms for entropy
//! regularized transport problems", *SIAM J. Sci. Comput.* 41, 2019. Public code differs: POT's
//! `empirical_sinkhorn_divergence` combines the transport costs `<P, C>` without the entropies,
//! which can be negative, and with the entropy instead of the KL term; geomloss takes
//! `|x - y|^p / p` and a fixed number of iterations.

use thiserror::Error;

use crate::linalg::matrix::dot;
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::transport::costs::cost_rows::{check_memory, CostRows};
use crate::transport::costs::distance_rows::{DistanceRows, Power};
use crate::transport::costs::point_rows::{unit, PointRows};
use crate::transport::exact::COST_MEMORY;
use crate::transport::{check_width, normalised_mass, Side, TransportError, WeightedPoints};

/// The default regularisation, as a share of the mean cost between the two sides.
const RELATIVE_EPSILON: f64 = 0.05;
/// The largest cost at the first temperature: `exp(-HOTTEST)` is well inside the range of floats,
/// and less would spend passes on temperatures that alternating from zero does not need.
const HOTTEST: f64 = 64.0;
/// Marginal error at which the temperature falls, and the most iterations spent to get there: a
/// warm start need not be better.
const COARSE_TOLERANCE: f64 = 1e-2;
const COARSE_ITERATIONS: usize = 50;
/// Alternating updates before each Newton step, and the conjugate-gradient passes and halvings of
/// its length that the step may take.
const ROUND: usize = 10;
const NEWTON_PASSES: usize = 100;
const HALVINGS: usize = 20;
/// No dual moves further than this in one Newton step, in units of the temperature.
const LONGEST_STEP: f64 = 50.0;
/// Share of the rise that the slope promises which a step must bring, but for what rounding takes.
const ENOUGH: f64 = 1e-4;
const ROUNDING: f64 = 1e-14;
/// Factors further than this from 1 are folded into the duals, well before products of two of them
/// and a kernel entry could leave the range of floats.
const LARGEST_FACTOR: f64 = 1e50;
/// Masses below this share would make the first factors of a new temperature too large.
const SMALLEST_MASS: f64 = 1e-15;

/// Why there is no Sinkhorn divergence.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SinkhornError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(
        "the regularisation epsilon must be a positive number not too small for the costs, \
        but is {epsilon:e}; leave it out for one relative to the mean cost"
    )]
    BadEpsilon { epsilon: f64 },
    #[error(
        "the Sinkhorn iteration stopped after {iterations} iterations with a marginal error of \
         {marginal_error:e}, above the tolerance of {tolerance:e}; raise the regularisation \
         epsilon (now {epsilon:e}), the number of iterations or the tolerance"
    )]
    NotConverged { iterations: usize, marginal_error: f64, tolerance: f64, epsilon: f64 },
    #[error(
        "the largest cost is {ratio:e} times the regularisation epsilon of {epsilon:e}, which \
        leaves rounding as large as the masses; raise it, or leave it out for one relative to the \
        mean cost"
    )]
    Range { epsilon: f64, ratio: f64 },
}

/// What to compute and how closely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// `p` of the cost `|x - y|^p`, from 1 to 2.
    pub power: f64,
    /// The regularisation `e`, in the units of the cost. `None` takes 0.05 of the mean cost between
    /// the two sides (with their weights), which makes the divergence scale as the costs do. Far
    /// below 1e-3 of the largest cost a solution may not be reached, which is an error.
    pub epsilon: Option<f64>,
    /// `sum |marginal of the plan - mass|` at which an iteration has converged. The divergence is
    /// off by the order of its square, and by more where the iteration is slow; `gap` says how much
    /// at most.
    pub tolerance: f64,
    /// Most iterations, which are passes over the costs, of each of the three problems at the last
    /// temperature. A Newton step counts the passes of its conjugate gradients.
    pub max_iterations: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { power: 2.0, epsilon: None, tolerance: 1e-9, max_iterations: 10_000 }
    }
}

/// A Sinkhorn divergence with its certificate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SinkhornDivergence {
    pub divergence: f64,
    /// The regularisation used; 0 where all points of both sides coincide and none was given.
    pub epsilon: f64,
    /// The exact divergence lies within this of `divergence`.
    pub gap: f64,
    /// The largest marginal error of the three problems.
    pub marginal_error: f64,
    /// Iterations of all three problems together.
    pub iterations: usize,
}

/// `S_e` between points `x` (`n x d`) and `y` (`m x d`).
///
/// # Errors
/// An empty side, points of different width, unusable weights, a power outside 1 to 2, an `epsilon`
/// that is not positive, costs that are not finite, or no convergence.
pub fn sinkhorn_divergence(
    x: WeightedPoints<'_>,
    y: WeightedPoints<'_>,
    settings: &Settings,
) -> Result<SinkhornDivergence, SinkhornError> {
    let p = settings.power;
    if !(1.0..=2.0).contains(&p) {
        let allowed = "between 1 and 2, where it cannot be negative";
        return Err(TransportError::Power {
            distance: "the Sinkhorn divergence",
            allowed,
            found: p,
        }
        .into());
    }
    check_width(x, y)?;
    let (x, x_mass) = with_mass(Side::Source, x)?;
    let (y, y_mass) = with_mass(Side::Target, y)?;
    let between = Costs::new(&x, &y, p)?;
    let epsilon = match settings.epsilon {
        Some(epsilon) => epsilon,
        None => RELATIVE_EPSILON * between.mean(&x_mass, &y_mass),
    };
    if settings.epsilon.is_none() && epsilon == 0.0 {
        return Ok(SinkhornDivergence {
            divergence: 0.0,
            epsilon,
            gap: 0.0,
            marginal_error: 0.0,
            iterations: 0,
        });
    }
    if !(epsilon.is_finite() && epsilon >= f64::MIN_POSITIVE) {
        return Err(SinkhornError::BadEpsilon { epsilon });
    }
    let between = solve_between(&between.over(epsilon)?, &x_mass, &y_mass, settings, epsilon)?;
    let within = |points: &Matrix, mass: &[f64]| {
        let cost = Costs::new(points, points, p)?.over(epsilon)?;
        solve_within(&cost, mass, settings, epsilon)
    };
    let (within_x, within_y) = (within(&x, &x_mass)?, within(&y, &y_mass)?);
    let all = [&between, &within_x, &within_y];
    let value = between.value - 0.5 * within_x.value - 0.5 * within_y.value;
    Ok(SinkhornDivergence {
        divergence: epsilon * value.max(0.0),
        epsilon,
        gap: epsilon * (between.gap + 0.5 * within_x.gap + 0.5 * within_y.gap),
        marginal_error: all.iter().fold(0.0, |acc, part| part.marginal_error.max(acc)),
        iterations: all.iter().map(|part| part.iterations).sum(),
    })
}

/// The points of one side that have mass, and their masses.
fn with_mass(side: Side, points: WeightedPoints<'_>) -> Result<(Matrix, Vec<f64>), TransportError> {
    let mass = normalised_mass(side, points)?;
    let points = points.points;
    let kept: Vec<usize> = (0..mass.len()).filter(|&i| mass[i] > 0.0).collect();
    let points = Matrix::from_fn(kept.len(), points.ncols(), |i, k| points[(kept[i], k)]);
    let mass: Vec<f64> = kept.into_iter().map(|i| mass[i]).collect();
    let smallest = mass.iter().fold(f64::INFINITY, |acc, w| acc.min(*w));
    if smallest < SMALLEST_MASS {
        return Err(TransportError::MassRange { side, smallest, total: 1.0 });
    }
    Ok((points, mass))
}

/// A cost matrix, in a unit that keeps powers in range.
struct Costs {
    /// Row-major, one row per source point.
    values: Vec<f64>,
    unit: f64,
}

impl Costs {
    fn new(x: &Matrix, y: &Matrix, p: f64) -> Result<Self, TransportError> {
        check_memory(x.nrows(), y.nrows(), COST_MEMORY)?;
        let (x, y) = (PointRows::from(x.view()), PointRows::from(y.view()));
        let unit = unit(x.largest_coordinate().max(y.largest_coordinate()));
        let (x, y) = (x.in_units_of(unit), y.in_units_of(unit));
        let power = match p {
            1.0 => Power::One,
            2.0 => Power::Two,
            _ => Power::Scaled { p, scale: x.largest_norm() + y.largest_norm() },
        };
        let (n, m) = (x.nrows(), y.nrows());
        let values = DistanceRows::new(x, y, power).matrix(Parallelism::Sequential);
        let largest = CostRows::of_matrix(&values, n, m)?.extremes()?.largest;
        let unit = (unit * power.scale()).powf(p);
        if largest > 0.0 && !(unit * largest).is_normal() {
            return Err(TransportError::PowerRange { p });
        }
        Ok(Self { values, unit })
    }

    fn mean(&self, x_mass: &[f64], y_mass: &[f64]) -> f64 {
        let rows = self.values.chunks_exact(y_mass.len()).map(|row| dot(row, y_mass));
        self.unit * rows.zip(x_mass).map(|(cost, mass)| cost * mass).sum::<f64>()
    }

    /// The costs in units of `epsilon`.
    fn over(mut self, epsilon: f64) -> Result<Vec<f64>, SinkhornError> {
        for cost in &mut self.values {
            *cost = *cost * self.unit / epsilon;
        }
        if self.values.iter().all(|cost| cost.is_finite()) {
            Ok(self.values)
        } else {
            Err(SinkhornError::BadEpsilon { epsilon })
        }
    }
}

/// One entropic transport problem's optimum, in units of epsilon.
struct Entropic {
    value: f64,
    gap: f64,
    marginal_error: f64,
    iterations: usize,
}

/// Factors by which the duals are to rise, as the exponential of the rise; the marginal error
/// before the last update, which is at least the one after it; and the iterations spent.
struct Scaling {
    source: Vec<f64>,
    target: Vec<f64>,
    marginal_error: f64,
    iterations: usize,
}

/// `OT` between two sides for costs in units of epsilon.
fn solve_between(
    cost: &[f64],
    a: &[f64],
    b: &[f64],
    settings: &Settings,
    epsilon: f64,
) -> Result<Entropic, SinkhornError> {
    let (mut f, mut g) = (vec![0.0; a.len()], vec![0.0; b.len()]);
    let mut kernel = Matrix::zeros(a.len(), b.len());
    let (marginal_error, iterations) =
        anneal(cost, settings, epsilon, |temperature, goal, budget| {
            fill_kernel(&mut kernel, cost, &f, &g, temperature);
            let mut scaling = scale_between(&kernel, a, b, goal, budget.min(ROUND));
            raise(&mut f, &scaling.source, temperature);
            raise(&mut g, &scaling.target, temperature);
            let left = budget.saturating_sub(scaling.iterations);
            if scaling.marginal_error > goal && left > 0 {
                fill_kernel(&mut kernel, cost, &f, &g, temperature);
                let step = newton_step(&kernel, a, b, left);
                raise(&mut f, &step.source, temperature);
                raise(&mut g, &step.target, temperature);
                scaling.iterations += step.iterations;
            }
            scaling
        })?;
    let duals = Pair { source: &f, target: &g };
    let Certificate { value, gap } = certify(cost, Pair { source: a, target: b }, duals, kernel);
    Ok(Entropic { value, gap, marginal_error, iterations })
}

/// `OT` of one side with itself for costs in units of epsilon.
fn solve_within(
    cost: &[f64],
    a: &[f64],
    settings: &Settings,
    epsilon: f64,
) -> Result<Entropic, SinkhornError> {
    let mut f = vec![0.0; a.len()];
    let mut kernel = Matrix::zeros(a.len(), a.len());
    let (marginal_error, iterations) =
        anneal(cost, settings, epsilon, |temperature, goal, budget| {
            fill_kernel(&mut kernel, cost, &f, &f, temperature);
            let scaling = scale_within(&kernel, a, goal, budget);
            raise(&mut f, &scaling.source, temperature);
            scaling
        })?;
    // A last update of one side alone makes its marginal exact, as `certify` expects.
    fill_kernel(&mut kernel, cost, &f, &f, 1.0);
    let factor: Vec<f64> = kernel.rows().map(|row| 1.0 / dot(row, a)).collect();
    let mut g = f.clone();
    raise(&mut g, &factor, 1.0);
    let duals = Pair { source: &f, target: &g };
    let Certificate { value, gap } = certify(cost, Pair { source: a, target: a }, duals, kernel);
    Ok(Entropic { value, gap, marginal_error, iterations })
}

/// Run `scale(temperature, goal, budget)` from the largest cost down to temperature 1, and there
/// until the tolerance holds. Returns the marginal error and the iterations.
fn anneal(
    cost: &[f64],
    settings: &Settings,
    epsilon: f64,
    mut scale: impl FnMut(f64, f64, usize) -> Scaling,
) -> Result<(f64, usize), SinkhornError> {
    let largest = cost.iter().fold(0.0_f64, |acc, c| acc.max(*c));
    let mut temperature = largest / HOTTEST;
    let mut iterations = 0;
    while temperature > 1.0 {
        iterations += scale(temperature, COARSE_TOLERANCE, COARSE_ITERATIONS).iterations;
        temperature *= 0.5;
    }
    let mut spent = 0;
    let mut marginal_error = f64::INFINITY;
    while spent < settings.max_iterations {
        let scaling = scale(1.0, settings.tolerance, settings.max_iterations - spent);
        spent += scaling.iterations;
        marginal_error = scaling.marginal_error;
        if marginal_error <= settings.tolerance {
            return Ok((marginal_error, iterations + spent));
        }
        if !marginal_error.is_finite() {
            return Err(SinkhornError::Range { epsilon, ratio: largest });
        }
    }
    Err(SinkhornError::NotConverged {
        iterations: spent,
        marginal_error,
        tolerance: settings.tolerance,
        epsilon,
    })
}

/// `exp((f_i + g_j - C_ij) / temperature)`.
fn fill_kernel(kernel: &mut Matrix, cost: &[f64], f: &[f64], g: &[f64], temperature: f64) {
    for ((out, row), f) in kernel.rows_mut().zip(cost.chunks_exact(g.len())).zip(f) {
        for ((k, c), g) in out.iter_mut().zip(row).zip(g) {
            *k = ((f + g - c) / temperature).exp();
        }
    }
}

/// Alternate the two marginals: rows, then columns, in one pass over the kernel.
fn scale_between(kernel: &Matrix, a: &[f64], b: &[f64], goal: f64, budget: usize) -> Scaling {
    let (mut source, mut target) = (vec![1.0; a.len()], vec![1.0; b.len()]);
    let mut weighted = b.to_vec();
    let mut sums = vec![0.0; b.len()];
    let mut iterations = 0;
    loop {
        iterations += 1;
        sums.fill(0.0);
        for ((row, u), a) in kernel.rows().zip(&mut source).zip(a) {
            *u = 1.0 / dot(row, &weighted);
            let scale = a * *u;
            for (sum, k) in sums.iter_mut().zip(row) {
                *sum += scale * k;
            }
        }
        let mut marginal_error = 0.0;
        for (((v, w), sum), b) in target.iter_mut().zip(&mut weighted).zip(&sums).zip(b) {
            marginal_error += b * (*v * sum - 1.0).abs();
            *v = 1.0 / sum;
            *w = b * *v;
        }
        let done = marginal_error <= goal || iterations >= budget;
        if done || !in_range(&source) || !in_range(&target) {
            return Scaling { source, target, marginal_error, iterations };
        }
    }
}

/// A Newton step on the dual as a function of the source duals alone, the target duals following so
/// that columns keep their masses, as they must have them in `kernel`.
///
/// Where mass hardly moves between clusters of points, alternating gains next to nothing a pass,
/// but few directions are slow, and conjugate gradients need about as many passes as there are.
fn newton_step(kernel: &Matrix, a: &[f64], b: &[f64], budget: usize) -> Scaling {
    let found: Vec<f64> = kernel.rows().map(|row| dot(row, b)).collect();
    let missing: Vec<f64> = found.iter().map(|found| 1.0 - found).collect();
    let budget = budget.min(NEWTON_PASSES);
    let (direction, passes) = newton_direction(kernel, a, b, &found, &missing, budget);
    let slope = weighted_dot(a, &missing, &direction);
    let longest = direction.iter().fold(0.0_f64, |acc, d| acc.max(d.abs()));
    let mut length = (LONGEST_STEP / longest.max(f64::MIN_POSITIVE)).min(1.0);
    for halving in 0..HALVINGS {
        let source: Vec<f64> = direction.iter().map(|d| (length * d).exp()).collect();
        let weighted: Vec<f64> = source.iter().zip(a).map(|(u, a)| u * a).collect();
        let target: Vec<f64> =
            column_sums(kernel, &weighted).into_iter().map(|sum| 1.0 / sum).collect();
        let rise = length * dot(a, &direction)
            + target.iter().zip(b).map(|(v, b)| b * v.ln()).sum::<f64>();
        if rise >= ENOUGH * length * slope - ROUNDING {
            return Scaling {
                source,
                target,
                marginal_error: f64::INFINITY,
                iterations: passes + halving + 1,
            };
        }
        length *= 0.5;
    }
    Scaling {
        source: vec![1.0; a.len()],
        target: vec![1.0; b.len()],
        marginal_error: f64::INFINITY,
        iterations: passes + HALVINGS,
    }
}

/// Conjugate gradients for `found * d - K b K^T a d = missing` in the inner product weighted by
/// `a`, in which the left-hand side is the negated Hessian; and the passes spent.
fn newton_direction(
    kernel: &Matrix,
    a: &[f64],
    b: &[f64],
    found: &[f64],
    missing: &[f64],
    budget: usize,
) -> (Vec<f64>, usize) {
    let mut direction = vec![0.0; a.len()];
    let mut residual = missing.to_vec();
    let mut search = missing.to_vec();
    let mut square = weighted_dot(a, &residual, &residual);
    // Closer as the optimum comes near, so that the last steps converge faster than linearly.
    let goal = square * square.sqrt().min(0.01);
    for pass in 0..budget {
        if square <= goal {
            return (direction, pass);
        }
        let weighted: Vec<f64> = search.iter().zip(a).map(|(d, a)| d * a).collect();
        let mut across = column_sums(kernel, &weighted);
        across.iter_mut().zip(b).for_each(|(w, b)| *w *= b);
        let image: Vec<f64> = kernel
            .rows()
            .zip(found)
            .zip(&search)
            .map(|((row, found), d)| found * d - dot(row, &across))
            .collect();
        let curvature = weighted_dot(a, &search, &image);
        if curvature <= 0.0 {
            // Rounding: the rest of the gradient lies where the dual is flat.
            return (direction, pass + 1);
        }
        let length = square / curvature;
        for (((x, r), s), i) in direction.iter_mut().zip(&mut residual).zip(&search).zip(&image) {
            *x += length * s;
            *r -= length * i;
        }
        let last = std::mem::replace(&mut square, weighted_dot(a, &residual, &residual));
        for (s, r) in search.iter_mut().zip(&residual) {
            *s = r + square / last * *s;
        }
    }
    (direction, budget)
}

/// `K^T weights`.
fn column_sums(kernel: &Matrix, weights: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; kernel.ncols()];
    for (row, weight) in kernel.rows().zip(weights) {
        for (sum, k) in sums.iter_mut().zip(row) {
            *sum += weight * k;
        }
    }
    sums
}

fn weighted_dot(weights: &[f64], a: &[f64], b: &[f64]) -> f64 {
    weights.iter().zip(a).zip(b).map(|((w, a), b)| w * a * b).sum()
}

/// Move both marginals of a symmetric kernel halfway at a time.
fn scale_within(kernel: &Matrix, a: &[f64], goal: f64, budget: usize) -> Scaling {
    let mut factor = vec![1.0; a.len()];
    let mut weighted = a.to_vec();
    let mut iterations = 0;
    loop {
        iterations += 1;
        let sums: Vec<f64> = kernel.rows().map(|row| dot(row, &weighted)).collect();
        let mut marginal_error = 0.0;
        for (((u, w), sum), a) in factor.iter_mut().zip(&mut weighted).zip(&sums).zip(a) {
            marginal_error += a * (*u * sum - 1.0).abs();
            *u = (*u / sum).sqrt();
            *w = a * *u;
        }
        if marginal_error <= goal || iterations >= budget || !in_range(&factor) {
            return Scaling { target: factor.clone(), source: factor, marginal_error, iterations };
        }
    }
}

fn in_range(factors: &[f64]) -> bool {
    factors.iter().all(|u| (1.0 / LARGEST_FACTOR..=LARGEST_FACTOR).contains(u))
}

fn raise(dual: &mut [f64], factor: &[f64], temperature: f64) {
    for (f, u) in dual.iter_mut().zip(factor) {
        *f += temperature * u.ln();
    }
}

/// A number for each point of either side.
#[derive(Clone, Copy)]
struct Pair<'a> {
    source: &'a [f64],
    target: &'a [f64],
}

/// A dual value, and how far above it the optimum may lie.
struct Certificate {
    value: f64,
    gap: f64,
}

/// The dual value, and how far the objective of a feasible plan lies above it. The columns of the
/// duals' plan must have their masses; rows that have too much are scaled down, and what is then
/// missing in rows and columns is filled in as their product (Altschuler, Weed and Rigollet 2017).
fn certify(cost: &[f64], mass: Pair<'_>, duals: Pair<'_>, mut plan: Matrix) -> Certificate {
    let Pair { source: a, target: b } = mass;
    let Pair { source: f, target: g } = duals;
    fill_kernel(&mut plan, cost, f, g, 1.0);
    let mut missing_columns = b.to_vec();
    let mut missing_rows = vec![0.0; a.len()];
    let mut mass = 0.0;
    for ((row, a), missing) in plan.rows_mut().zip(a).zip(&mut missing_rows) {
        // Relative to the product of the marginals, as the KL term wants it.
        let found = dot(row, b);
        mass += a * found;
        let scale = 1.0 / found.max(1.0);
        for ((k, b), missing) in row.iter_mut().zip(b).zip(&mut missing_columns) {
            *k *= scale;
            *missing -= a * b * *k;
        }
        *missing = a * (1.0 - found * scale).max(0.0);
    }
    let total: f64 = missing_rows.iter().sum();
    let mut primal = 0.0;
    for (((row, costs), a), missing_row) in
        plan.rows().zip(cost.chunks_exact(g.len())).zip(a).zip(&missing_rows)
    {
        let share = if total > 0.0 { missing_row / (a * total) } else { 0.0 };
        for (((k, c), b), missing_column) in row.iter().zip(costs).zip(b).zip(&missing_columns) {
            let density = k + share * missing_column.max(0.0) / b;
            if density > 0.0 {
                primal += a * b * density * (c + density.ln());
            }
        }
    }
    let dual = dot(a, f) + dot(b, g) + (1.0 - mass);
    Certificate { value: dual, gap: (primal - dual).max(0.0) }
}
