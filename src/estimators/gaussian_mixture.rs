//! Gaussian mixtures fitted by expectation maximisation (Dempster, Laird and Rubin, 1977).
//!
//! Started from k-means clusters; full or diagonal covariances with a ridge on their diagonal;
//! densities stay logarithms until they are normalised. Two things make many components affordable,
//! and neither changes a result by more than rounding:
//!
//! * A responsibility below `e^-70` of a row's largest is taken as zero. It could not be seen in
//!   any sum of the next step, which all contain the component's mass plus ten roundings of 1.
//! * The squared Mahalanobis distance `|L^-1 (x - mean)|^2` is a sum over the coordinates of a
//!   triangular solve, so its first coordinates bound it from below. They are computed a panel at a
//!   time, as matrix products over the rows that are not yet out of reach.

use std::f64::consts::TAU;

use faer::linalg::{matmul::matmul, triangular_inverse};
use faer::{Accum, Par, Side};
use serde::Deserialize;
use thiserror::Error;

use crate::estimators::k_means::{k_means_centred, ClusterError};
use crate::linalg::gram::add_gram;
use crate::linalg::square_distance::square_norm;
use crate::linalg::Matrix;

/// Rows gathered for one product.
const BLOCK_ROWS: usize = 512;
/// Coordinates of a triangular solve that are computed before rows are dropped.
const PANEL: usize = 32;
/// A row's log density under a component is not needed when it is this far below its largest.
const NEGLIGIBLE_LOG: f64 = 70.0;
/// Added to each component's mass, so that one without rows has a mean.
const LEAST_MASS: f64 = 10.0 * f64::EPSILON;

/// Why there is no mixture.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MixtureError {
    #[error(transparent)]
    Clusters(#[from] ClusterError),
    #[error(
        "the covariance of mixture component {component} is not positive definite; raise the ridge"
    )]
    NotPositiveDefinite { component: usize },
}

/// The shape of the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    Full,
    Diagonal,
}

/// What to fit and when to stop. The defaults are those of scikit-learn, except for the rows'
/// scale, which the caller decides: `ridge` is absolute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub components: usize,
    pub covariance: Covariance,
    /// Added to each variance.
    pub ridge: f64,
    /// Stop when the mean log likelihood of a row changes by less than this in an iteration.
    pub tolerance: f64,
    pub max_iterations: usize,
    pub seed: u64,
}

impl Settings {
    #[must_use]
    pub fn new(components: usize, seed: u64) -> Self {
        Self {
            components,
            covariance: Covariance::Full,
            ridge: 1e-6,
            tolerance: 1e-3,
            max_iterations: 100,
            seed,
        }
    }
}

/// A fitted mixture.
#[derive(Debug, Clone)]
pub struct GaussianMixture {
    /// Share of each component.
    pub weights: Vec<f64>,
    /// `K x d`.
    pub means: Matrix,
    whitening: Vec<Whitening>,
}

/// A mixture and how it was found.
#[derive(Debug, Clone)]
pub struct Fit {
    pub mixture: GaussianMixture,
    /// The posterior of the components for the fit rows, under `mixture`.
    pub responsibilities: Responsibilities,
    /// Mean log likelihood of the fit rows under `mixture`.
    pub log_likelihood: f64,
    pub iterations: usize,
    pub converged: bool,
}

/// `P(component | row)`, without those that are zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Responsibilities {
    /// For each component, the rows in ascending order with their probabilities.
    pub by_component: Vec<Vec<(u32, f64)>>,
}

/// The map `x -> W (x - mean)` with `W^T W` the inverse covariance.
#[derive(Debug, Clone)]
enum Whitening {
    /// A lower triangular `W`.
    Full(Matrix),
    Diagonal(Vec<f64>),
}

/// Fit to the rows of a matrix, whose mean should be near zero.
///
/// An iteration takes `O(N d^2 K)` time at worst; with well-separated components little more than
/// `O(N d K)` for their first coordinates. `O(K d^2)` memory with full covariances, and `O(N K)` at
/// worst for responsibilities. Sequential; the same seed gives the same bits.
///
/// # Errors
/// More components than distinct rows, or a covariance that the ridge does not make positive
/// definite.
pub fn fit(rows: &Matrix, settings: &Settings) -> Result<Fit, MixtureError> {
    let mut owner = k_means_centred(rows, settings.components, settings.seed)?.labels;
    let mut responsibilities = Responsibilities::certain(&owner, settings.components);
    let mut mixture = maximise(rows, &responsibilities, settings)?;
    let (mut before, mut iterations, mut converged) = (f64::NEG_INFINITY, 0, false);
    while !converged && iterations < settings.max_iterations {
        iterations += 1;
        let log_likelihood = mixture.expect(rows, &mut owner, &mut responsibilities);
        mixture = maximise(rows, &responsibilities, settings)?;
        converged = (log_likelihood - before).abs() < settings.tolerance;
        before = log_likelihood;
    }
    let log_likelihood = mixture.expect(rows, &mut owner, &mut responsibilities);
    Ok(Fit { mixture, responsibilities, log_likelihood, iterations, converged })
}

impl Responsibilities {
    /// The responsibilities by which each row belongs to its owner alone.
    fn certain(owner: &[u32], components: usize) -> Self {
        let mut by_component = vec![Vec::new(); components];
        for (row, &k) in owner.iter().enumerate() {
            by_component[k as usize].push((row as u32, 1.0));
        }
        Self { by_component }
    }

    /// For each of `rows` rows, the components in ascending order with their probabilities.
    #[must_use]
    pub fn by_row(&self, rows: usize) -> Vec<Vec<(u32, f64)>> {
        let mut by_row = vec![Vec::new(); rows];
        for (k, members) in self.by_component.iter().enumerate() {
            for &(row, p) in members {
                by_row[row as usize].push((k as u32, p));
            }
        }
        by_row
    }
}

impl GaussianMixture {
    /// Responsibilities, the component with the largest of each row, and the mean log likelihood.
    /// `owner` holds a component of high density for each row, the better the faster.
    fn expect(
        &self,
        rows: &Matrix,
        owner: &mut [u32],
        responsibilities: &mut Responsibilities,
    ) -> f64 {
        let everything: Vec<u32> = (0..rows.nrows() as u32).collect();
        let mut reach = vec![f64::NEG_INFINITY; rows.nrows()];
        for (k, owned) in owned_rows(owner, self.weights.len()).iter().enumerate() {
            for (row, density) in self.log_densities(k, rows, owned, &reach) {
                reach[row as usize] = density - NEGLIGIBLE_LOG;
            }
        }
        let joint = &mut responsibilities.by_component;
        for (k, joint) in joint.iter_mut().enumerate() {
            *joint = self.log_densities(k, rows, &everything, &reach);
        }
        normalise(joint, owner)
    }

    /// `log(weight_k N(x; k))` of those `candidates` for which it is at least `reach[row]`.
    fn log_densities(
        &self,
        k: usize,
        rows: &Matrix,
        candidates: &[u32],
        reach: &[f64],
    ) -> Vec<(u32, f64)> {
        let width = rows.ncols();
        let peak = self.weights[k].ln() + self.whitening[k].log_determinant()
            - 0.5 * width as f64 * TAU.ln();
        let mut centred = Matrix::zeros(BLOCK_ROWS.min(candidates.len()), width);
        let mut whitened = Matrix::zeros(centred.nrows(), PANEL);
        let mut found = Vec::new();
        let mut active: Vec<(u32, f64)> = Vec::with_capacity(BLOCK_ROWS);
        for block in candidates.chunks(BLOCK_ROWS) {
            active.clear();
            active.extend(block.iter().map(|&row| (row, 0.0)));
            active.retain(|(row, _)| peak >= reach[*row as usize]);
            for start in (0..width).step_by(PANEL) {
                let panel = start..width.min(start + PANEL);
                for ((row, _), out) in active.iter().zip(centred.rows_mut()) {
                    let mean = &self.means.row(k)[..panel.end];
                    for ((o, x), m) in out.iter_mut().zip(rows.row(*row as usize)).zip(mean) {
                        *o = x - m;
                    }
                }
                self.whitening[k].apply(&centred, active.len(), panel.clone(), &mut whitened);
                for ((_, square), y) in active.iter_mut().zip(whitened.rows()) {
                    *square += square_norm(&y[..panel.len()]);
                }
                active.retain(|(row, square)| peak - 0.5 * square >= reach[*row as usize]);
                if active.is_empty() {
                    break;
                }
            }
            found.extend(active.iter().map(|(row, square)| (*row, peak - 0.5 * square)));
        }
        found
    }
}

impl Whitening {
    /// `log |det W|`.
    fn log_determinant(&self) -> f64 {
        match self {
            Self::Full(map) => map.rows().enumerate().map(|(j, row)| row[j].ln()).sum(),
            Self::Diagonal(scale) => scale.iter().map(|s| s.ln()).sum(),
        }
    }

    /// Coordinates `panel` of the images of the first `count` rows, of which only coordinates
    /// before the panel's end are read.
    fn apply(
        &self,
        centred: &Matrix,
        count: usize,
        panel: std::ops::Range<usize>,
        out: &mut Matrix,
    ) {
        match self {
            Self::Full(map) => matmul(
                out.view_mut().submatrix_mut(0, 0, count, panel.len()),
                Accum::Replace,
                centred.view().submatrix(0, 0, count, panel.end),
                map.view().submatrix(panel.start, 0, panel.len(), panel.end).transpose(),
                1.0,
                Par::Seq,
            ),
            Self::Diagonal(scale) => {
                for (row, out) in centred.rows().zip(out.rows_mut()).take(count) {
                    let entries = row[panel.clone()].iter().zip(&scale[panel.clone()]);
                    for (o, (x, s)) in out.iter_mut().zip(entries) {
                        *o = x * s;
                    }
                }
            }
        }
    }
}

fn owned_rows(owner: &[u32], components: usize) -> Vec<Vec<u32>> {
    let mut owned = vec![Vec::new(); components];
    for (row, &k) in owner.iter().enumerate() {
        owned[k as usize].push(row as u32);
    }
    owned
}

/// Turn joint log densities into responsibilities, and return the mean log likelihood.
fn normalise(joint: &mut [Vec<(u32, f64)>], owner: &mut [u32]) -> f64 {
    let mut largest = vec![f64::NEG_INFINITY; owner.len()];
    for (k, members) in joint.iter().enumerate() {
        for &(row, density) in members {
            if density > largest[row as usize] {
                largest[row as usize] = density;
                owner[row as usize] = k as u32;
            }
        }
    }
    let mut sums = vec![0.0; owner.len()];
    for &(row, density) in joint.iter().flatten() {
        sums[row as usize] += (density - largest[row as usize]).exp();
    }
    let normaliser: Vec<f64> =
        largest.iter().zip(&sums).map(|(l, s): (&f64, &f64)| l + s.ln()).collect();
    for members in joint {
        members.retain_mut(|(row, density)| {
            let kept = *density >= largest[*row as usize] - NEGLIGIBLE_LOG;
            *density = (*density - normaliser[*row as usize]).exp();
            kept
        });
    }
    normaliser.iter().sum::<f64>() / owner.len() as f64
}

/// The mixture that is most likely for given responsibilities.
fn maximise(
    rows: &Matrix,
    responsibilities: &Responsibilities,
    settings: &Settings,
) -> Result<GaussianMixture, MixtureError> {
    let (components, width) = (settings.components, rows.ncols());
    let mut means = Matrix::zeros(components, width);
    let mut whitening = Vec::with_capacity(components);
    let mut weights = Vec::with_capacity(components);
    for (k, members) in responsibilities.by_component.iter().enumerate() {
        let mass = members.iter().map(|(_, p)| p).sum::<f64>() + LEAST_MASS;
        let mean = means.row_mut(k);
        for (row, p) in members {
            for (m, x) in mean.iter_mut().zip(rows.row(*row as usize)) {
                *m += p * x;
            }
        }
        for m in mean.iter_mut() {
            *m /= mass;
        }
        weights.push(mass);
        whitening.push(match settings.covariance {
            Covariance::Full => {
                let covariance = full_covariance(rows, members, mean, mass, settings.ridge);
                whiten(&covariance).ok_or(MixtureError::NotPositiveDefinite { component: k })?
            }
            Covariance::Diagonal => {
                let variances = variances(rows, members, mean, mass, settings.ridge);
                Whitening::Diagonal(variances.iter().map(|v| 1.0 / v.sqrt()).collect())
            }
        });
    }
    let total: f64 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= total;
    }
    Ok(GaussianMixture { weights, means, whitening })
}

/// The lower triangle of a component's covariance.
fn full_covariance(
    rows: &Matrix,
    members: &[(u32, f64)],
    mean: &[f64],
    mass: f64,
    ridge: f64,
) -> Matrix {
    let width = rows.ncols();
    let mut covariance = Matrix::zeros(width, width);
    let mut scaled = Matrix::zeros(BLOCK_ROWS.min(members.len()), width);
    for block in members.chunks(BLOCK_ROWS) {
        for ((row, p), out) in block.iter().zip(scaled.rows_mut()) {
            let root = (p / mass).sqrt();
            for ((o, x), m) in out.iter_mut().zip(rows.row(*row as usize)).zip(mean) {
                *o = root * (x - m);
            }
        }
        let part = scaled.view().subrows(0, block.len());
        add_gram(&mut covariance, 1.0, part.transpose());
    }
    for j in 0..width {
        covariance.row_mut(j)[j] += ridge;
    }
    covariance
}

fn variances(
    rows: &Matrix,
    members: &[(u32, f64)],
    mean: &[f64],
    mass: f64,
    ridge: f64,
) -> Vec<f64> {
    let mut variances = vec![ridge; rows.ncols()];
    for (row, p) in members {
        for ((v, x), m) in variances.iter_mut().zip(rows.row(*row as usize)).zip(mean) {
            *v += p / mass * (x - m) * (x - m);
        }
    }
    variances
}

/// The inverse of the Cholesky factor.
fn whiten(covariance: &Matrix) -> Option<Whitening> {
    let factor = covariance.view().llt(Side::Lower).ok()?;
    let mut inverse = Matrix::zeros(covariance.nrows(), covariance.ncols());
    triangular_inverse::invert_lower_triangular(inverse.view_mut(), factor.L(), Par::Seq);
    Some(Whitening::Full(inverse))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Several panels and blocks, components out of each other's reach, and others near enough that
    /// some rows belong to two.
    #[test]
    fn dropping_rows_out_of_reach_changes_nothing() {
        let rows = Matrix::from_fn(700, 70, |i, j| {
            let (i, j) = (i as f64, j as f64);
            (0.37 * i * i + 0.7 * i * j + 1.3 * j * j).cos() + 3.0 * (i % 2.0) * j.sin()
        });
        for covariance in [Covariance::Full, Covariance::Diagonal] {
            let settings =
                Settings { covariance, max_iterations: 3, ridge: 0.1, ..Settings::new(6, 1) };
            let fit = fit(&rows, &settings).unwrap();
            let everything: Vec<u32> = (0..700).collect();
            let reach = vec![f64::NEG_INFINITY; 700];
            let mut all: Vec<_> =
                (0..6).map(|k| fit.mixture.log_densities(k, &rows, &everything, &reach)).collect();
            assert!(all.iter().all(|densities| densities.len() == 700));
            assert!(fit.responsibilities.by_component.iter().flatten().count() < 6 * 700);
            let mut owner = vec![0; 700];
            let likelihood = normalise(&mut all, &mut owner);
            assert!((likelihood - fit.log_likelihood).abs() < 1e-12 * likelihood.abs());
            let mut shared = 0;
            for (dense, sparse) in all.iter().zip(&fit.responsibilities.by_component) {
                assert_eq!(dense.len(), sparse.len());
                for (a, b) in dense.iter().zip(sparse) {
                    assert_eq!(a.0, b.0);
                    assert!((a.1 - b.1).abs() < 1e-10);
                    shared += usize::from(a.1 > 0.01 && a.1 < 0.99);
                }
            }
            assert!(shared > 0);
        }
    }
}
