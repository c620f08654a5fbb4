//! OTDD: the optimal transport distance between two labelled data sets.
//!
//! Rows move at the cost of their features and of their classes,
//!
//! `d((x, y), (x', y'))^p = |x - x'|^p + W_p^p(alpha_y, alpha_y')`,
//!
//! where `alpha_y` is the distribution of the features of class `y`;
//! `OTDD = (min sum pi d^p)^(1/p)` over couplings `pi` of the rows, each side weighed uniformly.
//! Lower is closer; the score is the negated distance, at most 0, so that higher is better. Class
//! names play no role.
//!
//! The inner distances are exact, or (`p = 2`) those of Gaussians with the classes' means and
//! covariances, `W_2^2 = |m - m'|^2 + B^2(S, S')` with the Bures distance `B`, never above the
//! exact ones. The outer problem is always exact. OTDD is a metric on the joint distributions of
//! features and `alpha_y`; a task's distance to itself is 0 (with Gaussians, but for rounding).
//!
//! Time: the outer problem on `n x m` rows, and for each pair of classes an exact problem on their
//! rows, or `O(d^3)`. Memory `O(n m)`. Beyond some thousand rows a side set a limit.
//!
//! Reference: Alvarez-Melis and Fusi, "Geometric dataset distances via optimal transport", NeurIPS
//! 2020. Public code (`otdd`) differs: its outer problem is entropic; `inner_ot_method="exact"`
//!       still runs Sinkhorn unless `inner_ot_loss="wasserstein"`, and without debiasing; it draws
//!       rows without a seed and computes in float32.

use serde::Deserialize;

use crate::linalg::Matrix;
use crate::rows::{ClassRows, ClassedTable};
use crate::scores::transported_rows::{class_of_rows, transported_rows};
use crate::scores::{RowLimit, ScoreError};
use crate::transport::costs::distance_rows::Power;
use crate::transport::costs::ground_cost;
use crate::transport::gaussian::{Gaussian, GaussianError};
use crate::transport::wasserstein::plan_of_distances;
use crate::transport::TransportError;

/// How far apart two classes' feature distributions are taken to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InnerDistance {
    /// Exact `W_p^p` between the rows.
    Exact,
    /// `W_2^2` between Gaussians of the rows' moments (divided by the count, so that a class of one
    /// row has covariance 0).
    Gaussian,
}

/// What is measured, and on how many rows.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Settings {
    pub inner: InnerDistance,
    /// The power `p` of the distances, at least 1.
    #[serde(rename = "p")]
    pub power: f64,
    #[serde(flatten)]
    pub limit: RowLimit,
}

/// The negated OTDD between two classed tables of one width.
///
/// # Errors
/// Sides of different width, `p` below 1, Gaussian inner distances with `p` other than 2, no rows,
/// or features whose distances are not finite.
pub fn otdd(
    source: ClassedTable<'_>,
    target: ClassedTable<'_>,
    settings: Settings,
) -> Result<f64, ScoreError> {
    let Settings { inner, power: p, limit } = settings;
    if !(p.is_finite() && p >= 1.0) {
        let allowed = "a finite number of at least 1";
        return Err(TransportError::Power { distance: "OTDD", allowed, found: p }.into());
    }
    if inner == InnerDistance::Gaussian && p != 2.0 {
        return Err(ScoreError::GaussianPower { p });
    }
    let (source, target) = transported_rows(source, target, limit, "OTDD")?;
    let (x, y) = (source.matrix(), target.matrix());
    let mut distances = ground_cost::euclidean(x.view(), y.view(), Power::One);
    let between_classes = match inner {
        InnerDistance::Exact => exact_distances(&distances, p, &source, &target)?,
        InnerDistance::Gaussian => gaussian_distances(&source, &target)?,
    };
    add_class_distances(&mut distances, p, &between_classes, &source, &target);
    let distance = plan_of_distances(&distances, [x.nrows(), y.nrows()], p)?.distance()?;
    // Not `-distance`, which makes -0 of 0.
    Ok(0.0 - distance)
}

/// `W_p` between all pairs of classes, each from its block of the rows' distances.
fn exact_distances(
    distances: &[f64],
    p: f64,
    source: &ClassRows,
    target: &ClassRows,
) -> Result<Matrix, TransportError> {
    let mut between_classes = Matrix::zeros(source.classes(), target.classes());
    let mut block = Vec::new();
    for s in 0..source.classes() {
        for t in 0..target.classes() {
            block.clear();
            for row in distances
                .chunks_exact(target.matrix().nrows())
                .skip(source.start(s))
                .take(source.count(s))
            {
                block.extend_from_slice(&row[target.start(t)..][..target.count(t)]);
            }
            let plan = plan_of_distances(&block, [source.count(s), target.count(t)], p)?;
            between_classes.row_mut(s)[t] = plan.distance()?;
        }
    }
    Ok(between_classes)
}

/// `W_2` between the Gaussians of all pairs of classes.
fn gaussian_distances(source: &ClassRows, target: &ClassRows) -> Result<Matrix, ScoreError> {
    let (source, target) = (gaussians(source)?, gaussians(target)?);
    let mut distances = Matrix::zeros(source.len(), target.len());
    for (s, source) in source.iter().enumerate() {
        for (t, target) in target.iter().enumerate() {
            distances.row_mut(s)[t] = source.distance(target).map_err(failed)?;
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

/// Turn distances of rows `d` into `(d^p + w^p)^(1/p)` with the distances `w` of their classes.
fn add_class_distances(
    distances: &mut [f64],
    p: f64,
    between_classes: &Matrix,
    source: &ClassRows,
    target: &ClassRows,
) {
    let target_class = class_of_rows(target);
    let rows = distances.chunks_exact_mut(target_class.len().max(1));
    for (row, s) in rows.zip(class_of_rows(source)) {
        for (distance, &t) in row.iter_mut().zip(&target_class) {
            *distance = power_sum(*distance, between_classes.row(s)[t], p);
        }
    }
}

/// `(a^p + b^p)^(1/p)`, scaled by the larger so that no power overflows or underflows.
fn power_sum(a: f64, b: f64, p: f64) -> f64 {
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if large == 0.0 {
        return 0.0;
    }
    large * (1.0 + (small / large).powf(p)).powf(1.0 / p)
}
