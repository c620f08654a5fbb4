//! PACTran, PAC-Bayesian transferability (Ding et al., ECCV 2022, arXiv 2203.05126).
//!
//! Each variant bounds the target risk of a head on frozen features: the mean loss plus the
//! divergence of a posterior over heads from a prior, at the posterior that makes the bound least.
//! The paper's bounds are losses, lower is better; here they are negated, so that higher is better,
//! in nats per row.
//!
//! [`dirichlet`] and [`gamma`] take the source model's probabilities `s` (`N x Z`), with `n_c` rows
//! of class `c` and the prior `a0_c = alpha n_c / N`:
//!
//! * Dirichlet: `p(y | x) = sum_z w_yz s_z`, with `w_z ~ Dirichlet(a0)` for each source class;
//! * Gamma: `p(y | x) = sum_z w_yz s_z / sum_cz w_cz s_z`, with `w_cz ~ Gamma(a0_c, beta)`.
//!
//! With responsibilities `q_i` over source classes and `a_cz = a0_c + sum_{i: y_i = c} q_iz`, the
//! score is the evidence bound `F / N`, where
//!
//! ```text
//! F = sum_z [log B(a_z) - log B(a0)] - sum_i KL(q_i || s_i)                          Dirichlet
//! F = sum_cz [lnGamma(a_cz) - lnGamma(a0_c) - a_cz ln b_z + a0_c ln beta + a_cz - beta a_cz / b_z]
//!     - sum_i [KL(q_i || s_i) + ln sum_cz (a_cz / b_z) s_iz]                         Gamma
//! ```
//!
//! raised by coordinate ascent from `q = s` until a step gains less than 1e-9 nats a row. At most
//! 0. A responsibility is `q_iz ~ s_iz g(y_i, z)`, so no step needs more than `C x Z` numbers.
//!
//! [`gaussian`] takes features: with `L` the mean cross-entropy of a linear head `W`, a normal
//! prior of variance `sigma0^2` on the weights of the centred features, a free bias, and `k = d C`,
//!
//! ```text
//! min_W [L(W) + |W|^2 / (2 lambda sigma0^2)]
//!     + k / (2 lambda) ln(1 + lambda sigma0^2 tr(Hessian L) / k)
//! ```
//!
//! at that minimum, negated. At most 0.
//!
//! The authors' code differs. All: 1e-10 is added to probabilities and counts. Dirichlet and Gamma:
//! ten steps, converged or not (up to 0.1 nats short on real rows); the last `q` is combined with
//! the `a` of the step before, so that the value need not be a bound; it is divided by `N C`
//! instead of `N`; memory `N C Z`. Gamma: `b` stays at the prior `beta`, which loosens the bound by
//! about a nat, and 1 is added after that division. Gaussian: starts from unseeded random numbers,
//! where this starts at zero (the minimum is the same: the objective is strictly convex in `W`);
//! stops after 100 steps (ETran's copy after 10); the Hessian is a sum over rows where `L` is a
//! mean, and includes the bias, which has no prior; the caller's features are centred in place.

use std::ops::RangeInclusive;

use serde::Deserialize;
use special::Gamma;

use crate::estimators::head::{log_sum_exp, logistic, LinearHead};
use crate::linalg::matrix::dot_in_order;
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::basis::Scale;
use crate::rows::{AffineRows, Basis, ClassedTable};
use crate::scores::distributions::check_distributions;
use crate::scores::{check_classes, check_within, ProbabilityScore, RowScore, ScoreError};

const DIRICHLET: &str = "PACTran-Dirichlet";
const GAMMA: &str = "PACTran-Gamma";
/// The name of [`gaussian`] in errors.
pub const GAUSSIAN: &str = "PACTran-Gaussian";
/// Gain per row at which the bound counts as reached.
const GAIN: f64 = 1e-9;
/// The most iterations, some tens of times what is usual: the bound rises by every one, so more can
/// only mean a defect.
const MAX_ITERATIONS: usize = 10_000;
/// Logarithm below which a factor is held, against underflow: still nothing beside the largest, 0.
const LEAST_LOG_FACTOR: f64 = -600.0;
/// Gradient at which the Gaussian variant's head counts as fitted: the curvature in the score is
/// that of the head, so an error in the head shows in it, divided by the penalty.
const TOLERANCE: f64 = 1e-10;
/// Weights of a prior for which differences of log-gamma functions keep nine digits or so.
const PRIOR_WEIGHTS: RangeInclusive<f64> = 1e-6..=1e6;
/// Strengths and variances whose ratios are floats.
const GAUSSIAN_PRIORS: RangeInclusive<f64> = 1e-100..=1e100;
/// Rows whose logits are computed at a time.
const BLOCK_ROWS: usize = 256;

/// A Dirichlet prior.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct DirichletPrior {
    /// Total weight of the prior.
    pub alpha: f64,
}

impl ProbabilityScore for DirichletPrior {
    fn of_probabilities(&self, rows: ClassedTable<'_>) -> Result<f64, ScoreError> {
        dirichlet(rows, self.alpha)
    }
}

/// A Gamma prior.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct GammaPrior {
    /// Total weight of the prior.
    pub alpha: f64,
    /// Rate of the prior.
    pub beta: f64,
}

impl ProbabilityScore for GammaPrior {
    fn of_probabilities(&self, rows: ClassedTable<'_>) -> Result<f64, ScoreError> {
        gamma(rows, self.alpha, self.beta)
    }
}

impl RowScore for GaussianPrior {
    fn of_rows(&self, rows: ClassedTable<'_>) -> Result<Vec<f64>, ScoreError> {
        Ok(vec![gaussian(rows, *self)?])
    }
}

/// PACTran with a Dirichlet prior of total weight `alpha` (the authors take 1). `O(N Z + C Z)` an
/// iteration, some tens of iterations; `O(C Z)` memory.
///
/// # Errors
/// Fewer than two classes, rows that are not distributions, an `alpha` outside of 1e-6 to 1e6, no
/// convergence.
pub fn dirichlet(probabilities: ClassedTable<'_>, alpha: f64) -> Result<f64, ScoreError> {
    check_within(DIRICHLET, "alpha", alpha, &PRIOR_WEIGHTS)?;
    let prior = check_input(DIRICHLET, probabilities, alpha)?;
    let ClassedTable { table, .. } = probabilities;
    let log_prior_norm = log_beta(&prior);
    let mut step = SourceShares::prior(probabilities);
    ascend(DIRICHLET, probabilities.count(), || {
        let mut bound = -step.divergence;
        let mut log_factors = step.posterior(&prior);
        for z in 0..table.width() {
            let column: Vec<f64> = log_factors.rows().map(|row| row[z]).collect();
            bound += log_beta(&column) - log_prior_norm;
            let total = column.iter().sum::<f64>().digamma();
            for (c, v) in column.iter().enumerate() {
                log_factors.row_mut(c)[z] = v.digamma() - total;
            }
        }
        step = SourceShares::new(probabilities, log_factors, |_| {});
        bound
    })
}

/// PACTran with a Gamma prior (the authors take `alpha = beta = 1`). `O(N Z + C Z)` an iteration,
/// some hundreds of iterations; `O(C Z + N)` memory.
///
/// # Errors
/// Fewer than two classes, rows that are not distributions, an `alpha` or `beta` outside of 1e-6 to
/// 1e6, no convergence.
pub fn gamma(probabilities: ClassedTable<'_>, alpha: f64, beta: f64) -> Result<f64, ScoreError> {
    check_within(GAMMA, "alpha", alpha, &PRIOR_WEIGHTS)?;
    check_within(GAMMA, "beta", beta, &PRIOR_WEIGHTS)?;
    let prior = check_input(GAMMA, probabilities, alpha)?;
    let sources = probabilities.table.width();
    let log_prior =
        sources as f64 * prior.iter().map(|a0| a0 * beta.ln() - log_gamma(*a0)).sum::<f64>();
    let mut step = SourceShares::prior(probabilities);
    // Sums of s_iz over the expected total weight of row i; before the first step the prior's,
    // alpha / beta.
    let mut pull: Vec<f64> = (0..sources)
        .map(|z| step.mass.rows().map(|row| row[z]).sum::<f64>() * beta / alpha)
        .collect();
    ascend(GAMMA, probabilities.count(), || {
        let a = step.posterior(&prior);
        let shape: Vec<f64> = (0..sources).map(|z| a.rows().map(|row| row[z]).sum()).collect();
        let mut rate: Vec<f64> = pull.iter().map(|p| beta + p).collect();
        // Probabilities do not depend on the scale of all weights, so that it would drift to its
        // optimum slowly. It is known.
        let weight: f64 = shape.iter().zip(&rate).map(|(a, b)| a / b).sum();
        let scale = beta * weight / (alpha * sources as f64);
        for b in &mut rate {
            *b *= scale;
        }
        let mut bound = log_prior - step.divergence;
        let mut log_factors = a;
        for row in log_factors.rows_mut() {
            for (v, b) in row.iter_mut().zip(&rate) {
                bound += log_gamma(*v) - *v * b.ln() + *v - beta * *v / b;
                *v = v.digamma() - b.ln();
            }
        }
        let expected: Vec<f64> = shape.iter().zip(&rate).map(|(a, b)| a / b).collect();
        pull.fill(0.0);
        let mut log_totals = 0.0;
        step = SourceShares::new(probabilities, log_factors, |s| {
            let total = dot_in_order(s, &expected);
            log_totals += total.ln();
            for (p, s) in pull.iter_mut().zip(s) {
                *p += s / total;
            }
        });
        bound - log_totals
    })
}

/// The prior of [`gaussian`]. The authors' code tries a `strength` of 10, 1 and 0.1, with a
/// `variance` of 100 and 10 times the strength each.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct GaussianPrior {
    /// `lambda sigma0^2 / N`: the larger, the less the weights are held back.
    pub strength: f64,
    /// `d sigma0^2`: the larger, the more the curvature counts.
    pub variance: f64,
}

impl Default for GaussianPrior {
    fn default() -> Self {
        Self { strength: 1.0, variance: 10.0 }
    }
}

/// PACTran with a Gaussian prior. `O(N d C)` an iteration, `O(N + d C)` memory.
///
/// # Errors
/// Fewer than two classes, constant features, a prior outside of 1e-100 to 1e100, no convergence.
pub fn gaussian(features: ClassedTable<'_>, prior: GaussianPrior) -> Result<f64, ScoreError> {
    check_classes(GAUSSIAN, features.classes.len())?;
    check_within(GAUSSIAN, "strength", prior.strength, &GAUSSIAN_PRIORS)?;
    check_within(GAUSSIAN, "variance", prior.variance, &GAUSSIAN_PRIORS)?;
    if is_constant(features) {
        return Err(ScoreError::ConstantFeatures { score: GAUSSIAN });
    }
    let total = features.count() as f64;
    let (rows, gain) = centred(features);
    if !(gain.is_finite() && gain > 0.0) {
        return Err(ScoreError::Range { score: GAUSSIAN });
    }
    // Weights of the scaled features are smaller than those of the features by the gain.
    let l2 = gain * gain / (prior.strength * total);
    let mut head = LinearHead::zeros(rows.classes(), rows.width());
    logistic::fit(&mut head, &rows, &rows.prior(), l2, TOLERANCE, Parallelism::Sequential)
        .map_err(|reason| ScoreError::Optimize { score: GAUSSIAN, reason })?;
    let (loss, curvature) = loss_and_curvature(&head, &rows);
    let penalty = 0.5 * l2 * head.weight.values().iter().map(|w| w * w).sum::<f64>();
    let classes = rows.classes() as f64;
    let weights = classes * features.table.width() as f64;
    let relative = prior.strength * total * curvature / (gain * gain * weights);
    let volume = classes * prior.variance / (2.0 * prior.strength * total) * relative.ln_1p();
    Ok(-(loss + penalty + volume))
}

/// Whether all rows are the same.
fn is_constant(rows: ClassedTable<'_>) -> bool {
    let mut first = vec![0.0; rows.table.width()];
    let mut other = first.clone();
    let mut numbers = rows.classes.iter().flatten();
    if let Some(&row) = numbers.next() {
        rows.table.copy_row(row as usize, &mut first);
    }
    numbers.all(|&row| {
        rows.table.copy_row(row as usize, &mut other);
        other == first
    })
}

/// The rows with the mean taken out, times the one factor that makes their mean variance 1, so that
/// the solver's tolerance means the same at every scale. And that factor.
fn centred(features: ClassedTable<'_>) -> (AffineRows<'_>, f64) {
    let basis = Basis::unrotated(features.table, &features.classes.concat(), Scale::Kept);
    let mut square = 0.0;
    let rows = basis.coordinates(features.table, features.classes);
    rows.for_each_block(BLOCK_ROWS, |_, block| {
        square += block.row_iter().flat_map(|row| row.iter()).map(|v| v * v).sum::<f64>();
    });
    let gain = ((rows.nrows() * rows.width()) as f64 / square).sqrt();
    (basis.times(gain).coordinates(features.table, features.classes), gain)
}

/// Mean cross-entropy, and the trace of its Hessian in the weights:
/// `1/N sum_i |z_i|^2 sum_c p_ic (1 - p_ic)`.
fn loss_and_curvature(head: &LinearHead, rows: &AffineRows<'_>) -> (f64, f64) {
    let classes = (0..rows.classes()).flat_map(|c| std::iter::repeat_n(c, rows.count(c)));
    let classes: Vec<usize> = classes.collect();
    let (mut loss, mut curvature) = (0.0, 0.0);
    rows.for_each_block(BLOCK_ROWS, |start, block| {
        let mut logits = Matrix::zeros(block.nrows(), rows.classes());
        logits.set_to_affine(block, &head.weight, &head.bias);
        for ((logits, row), class) in logits.rows_mut().zip(block.row_iter()).zip(&classes[start..])
        {
            let normaliser = log_sum_exp(logits);
            loss += normaliser - logits[*class];
            let size: f64 = row.iter().map(|z| z * z).sum();
            let uncertainty: f64 =
                logits.iter().map(|s| (s - normaliser).exp()).map(|p| p * (1.0 - p)).sum();
            curvature += size * uncertainty;
        }
    });
    let total = rows.nrows() as f64;
    (loss / total, curvature / total)
}

/// Which source class each row is taken to come from, summed up.
struct SourceShares {
    /// `C x Z`: responsibilities summed over the rows of each class.
    mass: Matrix,
    /// `sum_i KL(q_i || s_i)`.
    divergence: f64,
}

impl SourceShares {
    /// `q = s`.
    fn prior(probabilities: ClassedTable<'_>) -> Self {
        let zero = Matrix::zeros(probabilities.classes.len(), probabilities.table.width());
        Self::new(probabilities, zero, |_| {})
    }

    /// `q_iz ~ s_iz g_{y_i z}`, given the logarithms of `g`. `visit` sees every row of `s`.
    fn new(
        probabilities: ClassedTable<'_>,
        mut log_factors: Matrix,
        mut visit: impl FnMut(&[f64]),
    ) -> Self {
        let ClassedTable { table, classes } = probabilities;
        let mut mass = Matrix::zeros(classes.len(), table.width());
        let mut divergence = 0.0;
        let mut s = vec![0.0; table.width()];
        for ((rows, logs), mass) in classes.iter().zip(log_factors.rows_mut()).zip(mass.rows_mut())
        {
            let largest = logs.iter().fold(f64::NEG_INFINITY, |acc, v| acc.max(*v));
            for v in logs.iter_mut() {
                *v = (*v - largest).max(LEAST_LOG_FACTOR);
            }
            let factors: Vec<f64> = logs.iter().map(|v| v.exp()).collect();
            for &row in rows {
                table.copy_row(row as usize, &mut s);
                visit(&s);
                let total = dot_in_order(&s, &factors);
                divergence -= total.ln();
                for ((m, s), g) in mass.iter_mut().zip(&s).zip(&factors) {
                    *m += s * g / total;
                }
            }
            divergence += dot_in_order(mass, logs);
        }
        Self { mass, divergence }
    }

    /// The posterior's `a_cz`.
    fn posterior(&self, prior: &[f64]) -> Matrix {
        let mass = &self.mass;
        Matrix::from_fn(mass.nrows(), mass.ncols(), |c, z| prior[c] + mass.row(c)[z])
    }
}

/// Repeat `step`, which returns the bound and never lowers it, until it gains next to nothing.
fn ascend(
    score: &'static str,
    rows: usize,
    mut step: impl FnMut() -> f64,
) -> Result<f64, ScoreError> {
    let mut last = f64::NEG_INFINITY;
    let mut change = f64::INFINITY;
    for _ in 0..MAX_ITERATIONS {
        let bound = step() / rows as f64;
        change = bound - last;
        if change <= GAIN {
            return Ok(bound);
        }
        last = bound;
    }
    Err(ScoreError::NotConverged { score, iterations: MAX_ITERATIONS, change })
}

fn log_gamma(x: f64) -> f64 {
    Gamma::ln_gamma(x).0
}

/// `sum_k lnGamma(a_k) - lnGamma(sum_k a_k)`.
fn log_beta(a: &[f64]) -> f64 {
    a.iter().map(|v| log_gamma(*v)).sum::<f64>() - log_gamma(a.iter().sum())
}

/// The prior weight of each class, after checking the rows.
fn check_input(
    score: &'static str,
    probabilities: ClassedTable<'_>,
    alpha: f64,
) -> Result<Vec<f64>, ScoreError> {
    check_classes(score, probabilities.classes.len())?;
    check_distributions(probabilities.table, probabilities.classes.iter().flatten())?;
    let total = probabilities.count() as f64;
    Ok(probabilities.classes.iter().map(|rows| alpha * rows.len() as f64 / total).collect())
}
