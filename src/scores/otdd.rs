//! OTDD: the optimal transport distance between two labelled data sets.
//!
//! Rows move at the cost of their features and of their classes,
//!
//! `d((x, y), (x', y'))^p = |x - x'|^p + W_p^p(alpha_y, alpha_y')`,
//!
//! where `alpha_y` is the distribution of the features of class `y`; `OTDD = (min sum pi d^p)^(1/p)` over
//! couplings `pi` of the rows, each side weighed uniformly. Lower is closer; the score is the negated
//! distance, at most 0, so that higher is better. Class names play no role.
//!
//! The inner distances are exact, or (`p = 2`) those of Gaussians with the classes' means and
//! covariances, `W_2^2 = |m - m'|^2 + B^2(S, S')` with the Bures distance `B`, never above the exact
//! ones. The outer problem is always exact. OTDD is a metric on the joint distributions of features and
//! `alpha_y`; a task's distance to itself is 0 (with Gaussians, but for rounding).
//!
//! Time: the outer problem on `n x m` rows, and for each pair of classes an exact problem on their
//! rows, or `O(d^3)`. Memory `O(n m)`. Beyond some thousand rows a side set `limit`.
//!
//! Reference: Alvarez-Melis and Fusi, "Geometric dataset distances via optimal transport", NeurIPS
//! 2020. Public code (`otdd`) differs: its outer problem is entropic; `inner_ot_method="exact"` still
//! runs Sinkhorn unless `inner_ot_loss="wasserstein"`, and without debiasing; it draws rows without a
//! seed and computes in float32.

use super::transported_rows::{class_of_rows, transported_rows};
use super::ScoreError;
use crate::features::{ClassRows, ClassedTable};
use crate::matrix::Matrix;
use crate::parallelism::Parallelism;
use crate::transport::gaussian_wasserstein::{Gaussian, GaussianError};
use crate::transport::wasserstein::{power_cost, transport};
use crate::transport::TransportError;

/// How far apart two classes' feature distributions are taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InnerDistance {
    /// Exact `W_p^p` between the rows.
    Exact,
    /// `W_2^2` between Gaussians of the rows' moments (divided by the count, so that a class of one
    /// row has covariance 0).
    Gaussian,
}

/// A distance between two labelled data sets, and the score it gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Otdd {
    /// `-distance`.
    pub otdd: f64,
    pub distance: f64,
}

/// OTDD between two classed tables of one width; `limit` is the most rows of a side that are used,
/// drawn by `seed`, none meaning all.
///
/// # Errors
/// Sides of different width, `p` below 1, Gaussian inner distances with `p` other than 2, no rows, or
/// features whose distances are not finite.
pub fn otdd(
    source: ClassedTable<'_>,
    target: ClassedTable<'_>,
    inner: InnerDistance,
    p: f64,
    limit: Option<usize>,
    seed: u64,
) -> Result<Otdd, ScoreError> {
    if !(p.is_finite() && p >= 1.0) {
        let allowed = "a finite number of at least 1";
        return Err(TransportError::Power { distance: "OTDD", allowed, found: p }.into());
    }
    if inner == InnerDistance::Gaussian && p != 2.0 {
        return Err(ScoreError::GaussianPower { p });
    }
    let (source, target) = transported_rows(source, target, limit, seed, "OTDD")?;
    let (x, y) = (source.matrix(), target.matrix());
    let (mut cost, scale) =
        power_cost(x.view().into(), y.view().into(), p, Parallelism::Sequential);
    let between_classes = match inner {
        InnerDistance::Exact => exact_distances(&cost, &source, &target)?,
        InnerDistance::Gaussian => gaussian_distances(&source, &target)?,
    };
    add_class_distances(&mut cost, &between_classes, &source, &target);
    let plan = transport(&cost, x.nrows(), y.nrows(), None, None)?;
    let distance = plan.value.max(0.0).powf(1.0 / p) * scale;
    // Not `-distance`, which makes -0 of 0.
    Ok(Otdd { otdd: 0.0 - distance, distance })
}

/// `W_p^p` between all pairs of classes, each from its block of the rows' costs.
fn exact_distances(
    cost: &[f64],
    source: &ClassRows,
    target: &ClassRows,
) -> Result<Matrix, TransportError> {
    let mut distances = Matrix::zeros(source.classes(), target.classes());
    let mut block = Vec::new();
    for s in 0..source.classes() {
        for t in 0..target.classes() {
            block.clear();
            for row in cost
                .chunks_exact(target.matrix().nrows())
                .skip(source.start(s))
                .take(source.count(s))
            {
                block.extend_from_slice(&row[target.start(t)..][..target.count(t)]);
            }
            let plan = transport(&block, source.count(s), target.count(t), None, None)?;
            distances.row_mut(s)[t] = plan.value.max(0.0);
        }
    }
    Ok(distances)
}

/// `W_2^2` between the Gaussians of all pairs of classes.
fn gaussian_distances(source: &ClassRows, target: &ClassRows) -> Result<Matrix, ScoreError> {
    let (source, target) = (gaussians(source)?, gaussians(target)?);
    let mut distances = Matrix::zeros(source.len(), target.len());
    for (s, source) in source.iter().enumerate() {
        for (t, target) in target.iter().enumerate() {
            distances.row_mut(s)[t] = source.distance(target).map_err(failed)?.powi(2);
        }
    }
    Ok(distances)
}

fn gaussians(rows: &ClassRows) -> Result<Vec<Gaussian>, ScoreError> {
    let means = rows.means();
    let gaussian = |class| {
        let mean = means.row(class);
        Gaussian::new(mean.to_vec(), &covariance(rows, class, mean)).map_err(failed)
    };
    (0..rows.classes()).map(gaussian).collect()
}

fn failed(_: GaussianError) -> ScoreError {
    ScoreError::Decomposition { score: "OTDD" }
}

fn covariance(rows: &ClassRows, class: usize, mean: &[f64]) -> Matrix {
    let width = rows.width();
    let flat = rows.class(class);
    let centred = Matrix::from_fn(rows.count(class), width, |i, k| flat[i * width + k] - mean[k]);
    let mut covariance = centred.transposed_times(&centred);
    for value in covariance.values_mut() {
        *value /= rows.count(class) as f64;
    }
    covariance
}

fn add_class_distances(
    cost: &mut [f64],
    between_classes: &Matrix,
    source: &ClassRows,
    target: &ClassRows,
) {
    let target_class = class_of_rows(target);
    for (row, s) in cost.chunks_exact_mut(target_class.len().max(1)).zip(class_of_rows(source)) {
        for (c, &t) in row.iter_mut().zip(&target_class) {
            *c += between_classes.row(s)[t];
        }
    }
}
