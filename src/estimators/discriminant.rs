//! Regularised linear discriminant analysis: classes as Gaussians with one shared covariance.
//!
//! With `n_c`, `mu_c` and `m` the class counts, class means and overall mean, `W` the within-class
//! scatter `sum_i (x_i - mu_{c_i})(x_i - mu_{c_i})^T` and `S_w = W / n`, the shrunk covariance is
//!
//! ```text
//! S = (1 - lambda) S_w + lambda tr(S_w) / d I
//! ```
//!
//! and the class posteriors are the softmax of
//!
//! ```text
//! delta_c(x) = (x - m)^T S^-1 (mu_c - m) - 1/2 (mu_c - m)^T S^-1 (mu_c - m) + log(n_c / n)
//! ```
//!
//! The discriminant directions solve the symmetric generalised problem `S_b v = gamma S v`:
//! `S = L L^T` whitens it, and the right singular vectors of the whitened class means are its
//! solutions. Counts, means and `W` are all that a fit needs, so it can be fed from moments that
//! were merged.
//!
//! `S` is scikit-learn's (`solver="eigen"`, `shrinkage=lambda`). Public code of ETran decomposes
//! `inv(S_w) S_b`, which is not symmetric, with a solver for symmetric matrices; what comes out are
//! not the directions, and nothing is whitened. Fisher, Annals of Eugenics 1936; Friedman, JASA
//! 1989.

use faer::linalg::triangular_solve;
use faer::{Par, Side};
use thiserror::Error;

use crate::estimators::head::{log_sum_exp, LinearHead};
use crate::linalg::matrix::cholesky_in_place;
use crate::linalg::Matrix;
use crate::rows::class_scatter::{ClassScatter, RowReader};

/// The strength `a` of SFDA's adaptive shrinkage, as published.
const ADAPTIVE_STRENGTH: f64 = 5.0;
/// The least shrinkage that is applied, so that a covariance without full rank has an inverse.
pub const LEAST_SHRINKAGE: f64 = 1e-10;
/// Relative size, per value, of what rounding leaves of a difference that should be zero.
const ROUNDING: f64 = 8.0 * f64::EPSILON;

/// Why there is no discriminant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DiscriminantError {
    #[error("the rows are all the same")]
    ConstantRows,
    #[error(
        "the rows of each class are all the same, so the covariance within classes is zero: \
        give classes more rows"
    )]
    NoWithinScatter,
    #[error(
        "a decomposition of the covariance within classes failed; this is a defect, please \
        report it with the input"
    )]
    Decomposition,
}

/// Neither everything the same, nor every class by itself, up to rounding.
fn check_variation(scatter: &ClassScatter) -> Result<(), DiscriminantError> {
    let (mut within, mut between) = (false, false);
    // Feature by feature: a small one may vary beside the rounding of a large one.
    for (j, m) in scatter.mean().into_iter().enumerate() {
        let variation = scatter.within.row(j)[j];
        let (mut apart, mut size) = (0.0, variation);
        for (class, &count) in scatter.means.rows().zip(&scatter.counts) {
            apart += count as f64 * (class[j] - m) * (class[j] - m);
            size += count as f64 * class[j] * class[j];
        }
        let noise = ROUNDING * ROUNDING * size;
        within |= variation > noise;
        between |= apart > noise;
    }
    match (within, between) {
        (true, _) => Ok(()),
        (false, true) => Err(DiscriminantError::NoWithinScatter),
        (false, false) => Err(DiscriminantError::ConstantRows),
    }
}

/// SFDA's shrinkage `max(exp(-5 sigma), 1e-10)`, with `sigma` the largest eigenvalue of the
/// covariance within classes: less for features of larger scale. `O(d^3)` where `sigma` is small,
/// else `O(d)`.
///
/// Public code takes `sigma` from three steps of power iteration from a random vector; this is
/// exact.
///
/// # Errors
/// The eigenvalue solver did not converge.
pub fn adaptive_shrinkage(scatter: &ClassScatter) -> Result<f64, DiscriminantError> {
    let total = scatter.total();
    // The largest variance is a lower bound on the largest eigenvalue, often past the floor
    // already.
    let d = scatter.within.nrows();
    let variance = (0..d).map(|j| scatter.within.row(j)[j]).fold(0.0, f64::max) / total;
    if (-ADAPTIVE_STRENGTH * variance).exp() <= LEAST_SHRINKAGE {
        return Ok(LEAST_SHRINKAGE);
    }
    let eigenvalues = scatter
        .within
        .view()
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| DiscriminantError::Decomposition)?;
    let largest = eigenvalues.iter().fold(0.0_f64, |acc, v| acc.max(*v)) / total;
    Ok((-ADAPTIVE_STRENGTH * largest).exp().max(LEAST_SHRINKAGE))
}

/// A fitted linear discriminant.
#[derive(Debug, Clone)]
pub struct Discriminant {
    mean: Vec<f64>,
    /// The head of rows with the mean taken out.
    head: LinearHead,
    /// `L^T` with `S = L L^T`, in the upper triangle.
    factor: Matrix,
    /// Rows are `sqrt(n_c / n) L^-1 (mu_c - m)`.
    whitened_means: Matrix,
}

impl Discriminant {
    /// Fit with `shrinkage` in `[0, 1]`. `O(d^3 + C d^2)`.
    ///
    /// # Errors
    /// Rows that do not vary within classes, or a covariance within classes that is singular
    /// although it was shrunk.
    pub fn fit(scatter: &ClassScatter, shrinkage: f64) -> Result<Self, DiscriminantError> {
        check_variation(scatter)?;
        let (d, total) = (scatter.within.nrows(), scatter.total());
        let isotropic = shrinkage * scatter.within_trace() / (total * d as f64);
        let mut factor = Matrix::from_fn(d, d, |i, j| {
            (1.0 - shrinkage) * scatter.within.row(i)[j] / total
                + if i == j { isotropic } else { 0.0 }
        });
        if !cholesky_in_place(factor.view_mut().transpose_mut()) {
            return Err(DiscriminantError::Decomposition);
        }
        let mean = scatter.mean();
        let mut weight =
            Matrix::from_fn(scatter.counts.len(), d, |c, j| scatter.means.row(c)[j] - mean[j]);
        triangular_solve::solve_lower_triangular_in_place(
            factor.view().transpose(),
            weight.view_mut().transpose_mut(),
            Par::Seq,
        );
        let bias = weight
            .rows()
            .zip(&scatter.counts)
            .map(|(row, &count)| {
                (count as f64 / total).ln() - 0.5 * row.iter().map(|v| v * v).sum::<f64>()
            })
            .collect();
        let mut whitened_means = weight.clone();
        for (row, &count) in whitened_means.rows_mut().zip(&scatter.counts) {
            for v in row {
                *v *= (count as f64 / total).sqrt();
            }
        }
        triangular_solve::solve_upper_triangular_in_place(
            factor.view(),
            weight.view_mut().transpose_mut(),
            Par::Seq,
        );
        Ok(Self { mean, head: LinearHead { weight, bias }, factor, whitened_means })
    }

    /// The logarithms of the class posteriors of every row: `visit(class, i, log_posteriors)`.
    /// Finite for finite rows. `O(n d C)`.
    pub fn for_each_posterior(
        &self,
        rows: &RowReader<'_>,
        mut visit: impl FnMut(usize, usize, &[f64]),
    ) {
        rows.for_each_block(|members, block| {
            for row in block.rows_mut().take(members.len()) {
                for (v, m) in row.iter_mut().zip(&self.mean) {
                    *v -= m;
                }
            }
            let mut scores = self.head.logits(block);
            for (&(class, i), row) in members.iter().zip(scores.rows_mut()) {
                let normaliser = log_sum_exp(row);
                for s in row.iter_mut() {
                    *s -= normaliser;
                }
                visit(class, i, row);
            }
        });
    }

    /// The discriminant directions, one a row, `min(C - 1, d)` of them, those that separate best
    /// first: `V S V^T = I` and `V S_b V^T` diagonal. `O(C^2 d + C d^2)`.
    ///
    /// # Errors
    /// The singular value solver did not converge.
    pub fn directions(&self) -> Result<Matrix, DiscriminantError> {
        let means = &self.whitened_means;
        let svd = means.view().thin_svd().map_err(|_| DiscriminantError::Decomposition)?;
        // The weighted whitened means sum to zero: one of the classes adds no direction.
        let count = (means.nrows() - 1).min(means.ncols());
        let mut directions = Matrix::from_fn(count, means.ncols(), |k, j| svd.V()[(j, k)]);
        triangular_solve::solve_upper_triangular_in_place(
            self.factor.view(),
            directions.view_mut().transpose_mut(),
            Par::Seq,
        );
        Ok(directions)
    }
}
