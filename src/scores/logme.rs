//! `LogME`: the logarithm of the maximum evidence of Bayesian linear regression on the features,
//! per row, averaged over targets.
//!
//! For each target `y` (a class's indicator, or a column of real targets)
//! ```text
//! L = d/2 log a + n/2 log b - 1/2 log det(a I + b X^T X) - b/2 |y - X m|^2 - a/2 |m|^2
//!     - n/2 log 2 pi
//! ```
//! with the posterior mean `m = b (a I + b X^T X)^-1 X^T y`, and the score is the mean of `L / n`.
//! Features are not centred and there is no intercept. In nats, unbounded (a density), higher is
//! better. Unchanged by rotations, by features that are all zero, and by the order of rows or
//! classes.
//!
//! You et al., ICML 2021 (arXiv 2102.11005). `a` and `b` start at 1 and follow the fixed point
//! `a = g / |m|^2, b = (n - g) / |y - X m|^2, g = sum(b s / (a + b s))`. The published figures stop
//! at 1 % ([`Stopping::PUBLISHED`]), which can be 1e-3 short of the maximum;
//! [`Stopping::CONVERGED`] goes on to the end. Public code differs: the later "fixed point" version
//! leaves out `(d - n) / 2 log a` with fewer rows than features; transformer-ranker starts each
//! class where the last one stopped; most numbers classes up to the largest label, and empty
//! classes have huge evidence.

use serde::Deserialize;
use thiserror::Error;

use crate::linalg::Matrix;
use crate::rows::spectrum::{ClassSpectrum, Loadings, Spectrum};
use crate::rows::{ClassedTable, Moments, Table};
use crate::scores::{ScoreError, SpectralScore};

const SCORE: &str = "LogME";
/// A squared residual below this share of the squared target is rounding.
const NEGLIGIBLE_RESIDUAL: f64 = 1e-10;
/// A ratio of strengths this far below (above) all eigenvalues changes the evidence no more.
const FAR: f64 = 1e16;

/// Why real-valued targets have no score.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum TargetError {
    #[error(
        "the features reproduce target {target} exactly although there are more rows than \
        independent features, so its evidence is unbounded; look for repeated rows, or for a \
        feature made from the label"
    )]
    ExactFit { target: usize },
    #[error(
        "the targets have {found} rows, but there are {expected} rows of features; give one \
        row of targets for each"
    )]
    TargetRows { found: usize, expected: usize },
    #[error("target {target} is 0 in all rows, so its evidence is unbounded; leave it out")]
    ZeroTarget { target: usize },
    #[error("there are no targets to score")]
    NoTargets,
    #[error("a target value in column {column} is {value}, which is not finite")]
    TargetValue { row: usize, column: usize, value: f64 },
}

/// When the fixed-point iteration ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// Relative change of `a / b` that counts as none.
    pub tolerance: f64,
    pub max_iterations: usize,
}

impl Stopping {
    /// The iteration ends where the authors' ICML code ends, whose figures everyone compares with.
    pub const PUBLISHED: Self = Self { tolerance: 1e-2, max_iterations: 11 };
    /// The iteration goes on to the maximum of the evidence.
    pub const CONVERGED: Self = Self { tolerance: 1e-12, max_iterations: 100_000 };
}

/// The score and how its iterations ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogMe {
    pub value: f64,
    /// The most iterations that a target took.
    pub iterations: usize,
    /// Whether every target reached the tolerance.
    pub converged: bool,
}

impl LogMe {
    /// The value. Stopping early is the published definition; a maximum that was asked for must be
    /// reached.
    fn finished(self, settings: Settings) -> Result<f64, ScoreError> {
        if settings.converge && !self.converged {
            return Err(ScoreError::Iterations { score: SCORE, iterations: self.iterations });
        }
        Ok(self.value)
    }
}

/// Where `LogME` stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// Whether the evidence is maximised to the end, or stops where the published code does.
    pub converge: bool,
}

impl Settings {
    fn stopping(self) -> Stopping {
        if self.converge {
            Stopping::CONVERGED
        } else {
            Stopping::PUBLISHED
        }
    }

    /// `LogME` for real-valued targets, as [`regression`] has it.
    ///
    /// # Errors
    /// Those of [`regression`], and a maximum that was asked for but not reached.
    pub fn of_targets(
        self,
        table: Table<'_>,
        rows: &[u32],
        targets: &Matrix,
    ) -> Result<f64, ScoreError> {
        regression(table, rows, targets, self.stopping())?.finished(self)
    }
}

impl SpectralScore for Settings {
    fn of_rows(
        &self,
        rows: ClassedTable<'_>,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError> {
        let found = match shared {
            Some(shared) => from_spectrum(shared, self.stopping()),
            None => from_rows(rows, self.stopping()),
        };
        found?.finished(*self)
    }

    fn of_moments(
        &self,
        moments: &Moments,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError> {
        let found = match shared {
            Some(shared) => from_spectrum(shared, self.stopping()),
            None => from_moments(moments, self.stopping()),
        };
        found?.finished(*self)
    }
}

/// `LogME` of rows. Time `O(n d min(n, d) + min(n, d)^3)`.
///
/// # Errors
/// Fewer than two classes, a class that the features fit exactly, or a decomposition that did not
/// converge.
pub fn from_rows(input: ClassedTable<'_>, stopping: Stopping) -> Result<LogMe, ScoreError> {
    let spectrum = ClassSpectrum::of(input, 0);
    from_spectrum(&spectrum.map_err(|_| ScoreError::Decomposition { score: SCORE })?, stopping)
}

/// `LogME` of moments. Time `O(d^3)`.
///
/// # Errors
/// Those of [`from_rows`].
pub fn from_moments(moments: &Moments, stopping: Stopping) -> Result<LogMe, ScoreError> {
    let spectrum = ClassSpectrum::of_moments(moments, 0);
    from_spectrum(&spectrum.map_err(|_| ScoreError::Decomposition { score: SCORE })?, stopping)
}

/// `LogME` of a decomposition that is there already. Time `O(C d)` per iteration.
///
/// # Errors
/// Fewer than two classes, or a class that the features fit exactly.
pub fn from_spectrum(classes: &ClassSpectrum, stopping: Stopping) -> Result<LogMe, ScoreError> {
    super::check_classes(SCORE, classes.classes())?;
    average(classes.spectrum(), classes.loadings(), stopping)
}

/// `LogME` for real-valued targets (`rows.len() x t`), one or several; also for labels of which a
/// row may have several, as columns of 0 and 1.
///
/// # Errors
/// Targets that are missing, not finite or of another length, a target that the features fit
/// exactly, or a decomposition that did not converge.
pub fn regression(
    table: Table<'_>,
    rows: &[u32],
    targets: &Matrix,
    stopping: Stopping,
) -> Result<LogMe, ScoreError> {
    if rows.is_empty() {
        return Err(ScoreError::FewRows { score: SCORE, found: 0, needed: 1 });
    }
    if targets.ncols() == 0 {
        return Err(TargetError::NoTargets.into());
    }
    if targets.nrows() != rows.len() {
        return Err(TargetError::TargetRows { found: targets.nrows(), expected: rows.len() }.into());
    }
    if let Some(at) = targets.values().iter().position(|y| !y.is_finite()) {
        let (row, column) = (at / targets.ncols(), at % targets.ncols());
        return Err(TargetError::TargetValue { row, column, value: targets.values()[at] }.into());
    }
    let (spectrum, loadings) = Spectrum::of(table, rows, targets, 0)
        .map_err(|_| ScoreError::Decomposition { score: SCORE })?;
    average(&spectrum, &loadings, stopping)
}

/// Mean over targets.
fn average(
    spectrum: &Spectrum,
    loadings: &Loadings,
    stopping: Stopping,
) -> Result<LogMe, ScoreError> {
    let mut result = LogMe { value: 0.0, iterations: 0, converged: true };
    for (target, loading) in (0..loadings.means.len()).map(|t| (t, loadings.centred.row(t))) {
        let regression =
            Regression::new(spectrum, loading, loadings.means[target], loadings.squares[target]);
        if regression.square == 0.0 {
            return Err(TargetError::ZeroTarget { target }.into());
        }
        if regression.is_exact() {
            return Err(TargetError::ExactFit { target }.into());
        }
        let evidence = regression.maximise(stopping);
        result.value += evidence.value / loadings.means.len() as f64;
        result.iterations = result.iterations.max(evidence.iterations);
        result.converged &= evidence.converged;
    }
    Ok(result)
}

/// One target in the coordinates of the spectrum: the rows' mean direction, the principal
/// directions `V`, and what neither spans.
struct Regression<'a> {
    spectrum: &'a Spectrum,
    /// `V^T y`.
    loading: &'a [f64],
    /// The target along the unit vector of equal entries, `sqrt(n) mean(y)`.
    level: f64,
    /// Squared part of the target that no features of these rows could explain.
    rest: f64,
    /// `|y|^2`.
    square: f64,
}

/// Posterior at `t = a / b`.
struct Posterior {
    /// Effective number of parameters, `g`.
    gamma: f64,
    /// `n - g`, where nothing cancels when the features nearly span the rows.
    free: f64,
    /// `|m|^2`.
    weight: f64,
    /// `|y - X m|^2`.
    residual: f64,
}

impl<'a> Regression<'a> {
    fn new(spectrum: &'a Spectrum, loading: &'a [f64], mean: f64, square: f64) -> Self {
        let level = (spectrum.count() as f64).sqrt() * mean;
        let total = square + level * level;
        let rest = square - loading.iter().map(|q| q * q).sum::<f64>();
        let spans_rows = spectrum.values().len() + 1 >= spectrum.count();
        let rounding = spans_rows || rest <= NEGLIGIBLE_RESIDUAL * total;
        Self { spectrum, loading, level, rest: if rounding { 0.0 } else { rest }, square: total }
    }

    /// Whether the evidence grows without bound: no residual, although the features do not span the
    /// rows. (Where they do, an exact fit says nothing and the evidence is bounded.)
    fn is_exact(&self) -> bool {
        let spectrum = self.spectrum;
        let outside = spectrum.mean_outside() > 0.0;
        // Without an outside part of the mean, the features' span has one direction less than `V`
        // and the equal entries together: this is the target along that one.
        let missed = if outside {
            0.0
        } else {
            let (mut along, mut length) = (self.level, 1.0);
            for ((s, a), q) in spectrum.values().iter().zip(spectrum.mean()).zip(self.loading) {
                along -= a * q / s.sqrt();
                length += a * a / s;
            }
            along * along / length
        };
        self.rank() < spectrum.count() && self.rest + missed <= NEGLIGIBLE_RESIDUAL * self.square
    }

    /// Rank of the uncentred features.
    fn rank(&self) -> usize {
        self.spectrum.values().len() + usize::from(self.spectrum.mean_outside() > 0.0)
    }

    /// The eigenvalues with the mean and the target along their eigenvectors.
    fn axes(&self) -> impl Iterator<Item = (f64, f64, f64)> + '_ {
        let axes = self.spectrum.values().iter().zip(self.spectrum.mean()).zip(self.loading);
        axes.map(|((&s, &a), &q)| (s, a, q))
    }

    /// The posterior, by the formula of Sherman and Morrison, for `X^T X = diag(s) + a a^T` and
    /// `X^T y = sqrt(s) q + level a`. It is written so that nothing cancels when the mean is large.
    fn posterior(&self, t: f64) -> Posterior {
        let outside = self.spectrum.mean_outside();
        let unspanned = self.spectrum.count() as f64 - self.rank() as f64;
        let (mut gamma, mut free, mut slope, mut inside, mut along) =
            (0.0, unspanned, 0.0, 0.0, 0.0);
        for (s, a, q) in self.axes() {
            let shrunk = 1.0 / (s + t);
            gamma += s * shrunk;
            free += t * shrunk;
            slope += a * a * shrunk * shrunk;
            inside += a * a * shrunk;
            along += a * s.sqrt() * q * shrunk;
        }
        let leverage = 1.0 + inside + outside * outside / t;
        gamma += (t * slope + outside * outside / t) / leverage;
        free -= t * slope / leverage;
        if outside > 0.0 {
            free += (1.0 + inside) / leverage;
        }
        let rise = (self.level - along) / leverage;
        let mut weight = (outside * rise / t).powi(2);
        let mut residual = self.rest + rise * rise;
        for (s, a, q) in self.axes() {
            let shrunk = 1.0 / (s + t);
            let root = s.sqrt();
            weight += ((root * q + a * rise) * shrunk).powi(2);
            residual += ((t * q - root * a * rise) * shrunk).powi(2);
        }
        Posterior { gamma, free, weight, residual }
    }

    /// `log det(I + X^T X / t)`.
    fn log_det(&self, t: f64) -> f64 {
        let outside = self.spectrum.mean_outside();
        let (mut sum, mut leverage) = (0.0, outside * outside / t);
        for (s, a, _) in self.axes() {
            sum += (s / t).ln_1p();
            leverage += a * a / (s + t);
        }
        sum + leverage.ln_1p()
    }

    fn maximise(&self, stopping: Stopping) -> LogMe {
        let n = self.spectrum.count() as f64;
        let outside = self.spectrum.mean_outside().powi(2);
        let mean: f64 = self.axes().map(|(_, a, _)| a * a).sum();
        let values = self.spectrum.values();
        let largest = (values.first().copied().unwrap_or(0.0) + mean + outside) * n;
        let smallest = values.last().copied().unwrap_or(f64::INFINITY);
        let smallest = if outside > 0.0 { smallest.min(outside) } else { smallest };

        let mut t: f64 = 1.0;
        let mut iterations = 0;
        loop {
            let at = self.posterior(t);
            if at.weight <= 0.0 || at.gamma <= 0.0 {
                return self.without_weights(iterations);
            }
            let (alpha, beta) = (at.gamma / at.weight, at.free / at.residual);
            let next = alpha / beta;
            iterations += 1;
            let settled = (next - t).abs() <= stopping.tolerance * t
                || next > FAR * largest
                || next * FAR < smallest;
            if settled || iterations >= stopping.max_iterations {
                // As published: the strengths are new, the posterior is the one they came from.
                let value = 0.5
                    * (n * beta.ln()
                        - self.log_det(next)
                        - beta * at.residual
                        - alpha * at.weight
                        - n * std::f64::consts::TAU.ln());
                return LogMe { value: value / n, iterations, converged: settled };
            }
            t = next;
        }
    }

    /// The evidence where the features have nothing to do with the target: all weights are zero.
    fn without_weights(&self, iterations: usize) -> LogMe {
        let noise = self.square / self.spectrum.count() as f64;
        let value = -0.5 * (noise.ln() + 1.0 + std::f64::consts::TAU.ln());
        LogMe { value, iterations, converged: true }
    }
}
