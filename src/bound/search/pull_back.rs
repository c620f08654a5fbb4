//! Feature maps for the Lipschitz ground costs, where rows are moved in a space of points, not of
//! logits: an affine pull-back of target rows into the head's coordinates (`head` cost), and a
//! rotation of source rows into the target's space (`euclidean` cost).

use faer::linalg::solvers::Solve;
use faer::{MatRef, Side};

use crate::linalg::matrix::dot_in_order;
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::affine_rows::Mixture;
use crate::rows::class_rows::add_mean;
use crate::rows::{AffineMap, AffineRows};
use crate::transport::exact::COST_MEMORY;
use crate::transport::wasserstein::plan;
use crate::transport::{Move, TransportError, Weights};

/// Rounds of coupling and regression; the couplings settle in two or three.
const ROUNDS: usize = 3;

/// Rows whose coordinates are multiplied at a time.
const BLOCK_ROWS: usize = 256;

/// Singular directions below this share of the largest are rounding.
const NEGLIGIBLE_SINGULAR: f64 = 1e-10;

/// An orthonormal basis `V` (as `k x r` rows) of the span of the differences of a head's class
/// weights.
#[must_use]
pub fn head_coordinates(weight: &Matrix) -> Matrix {
    let (classes, width) = (weight.nrows(), weight.ncols());
    let mut mean = vec![0.0; width];
    add_mean(weight.values(), &mut mean);
    let centred = Matrix::from_fn(classes, width, |c, j| weight.row(c)[j] - mean[j]);
    let Ok(svd) = centred.view().thin_svd() else {
        return Matrix::zeros(0, width);
    };
    let values: Vec<f64> = svd.S().column_vector().iter().copied().collect();
    let largest = values.first().copied().unwrap_or(0.0);
    let rank =
        values.iter().take_while(|s| **s > NEGLIGIBLE_SINGULAR * largest && **s > 0.0).count();
    Matrix::from_fn(rank, width, |k, j| svd.V()[(j, k)])
}

/// The affine map of target coordinates that brings each target row close to the source points it
/// is coupled with: ridge regression on barycentres, alternated with exact couplings.
///
/// # Errors
/// The transport solver's.
pub fn pull_back(
    points: &AffineRows<'_>,
    target: &AffineRows<'_>,
    label_map: &Matrix,
    l2: f64,
) -> Result<AffineMap, TransportError> {
    let ridge = Ridge::new(target, l2);
    let means = points.means();
    let mut wanted = Matrix::zeros(target.nrows(), points.width());
    for y in 0..target.classes() {
        for j in target.start(y)..target.start(y) + target.count(y) {
            for (c, weight) in label_map.row(y).iter().enumerate() {
                for (w, m) in wanted.row_mut(j).iter_mut().zip(means.row(c)) {
                    *w += weight * m;
                }
            }
        }
    }
    let mut map = ridge.regress(target, &wanted);
    for _ in 1..ROUNDS {
        let moved = map.images(target);
        wanted = barycentres(points, &moved, label_map)?;
        map = ridge.regress(target, &wanted);
    }
    Ok(map)
}

/// For every target row, the mean of the source points it is coupled with.
fn barycentres(
    points: &AffineRows<'_>,
    moved: &AffineRows<'_>,
    label_map: &Matrix,
) -> Result<Matrix, TransportError> {
    let width = points.width();
    let mut out = Matrix::zeros(moved.nrows(), width);
    for y in 0..moved.classes() {
        let m = moved.count(y);
        if m == 0 || width == 0 {
            continue;
        }
        let Mixture { rows, mass } = points.mixture(label_map.row(y));
        let n = rows.len() / width.max(1);
        let target_rows = moved.class(y);
        let source = MatRef::from_row_major_slice(&rows, n, width);
        let target = MatRef::from_row_major_slice(&target_rows, m, width);
        let weights = Weights { source: mass.as_deref(), target: None };
        let sequential = Parallelism::Sequential;
        let found = plan(source.into(), target.into(), weights, 1.0, COST_MEMORY, sequential)?;
        for Move { source, target, mass } in found.plan.moves {
            let point = &rows[source as usize * width..][..width];
            for (o, p) in out.row_mut(moved.start(y) + target as usize).iter_mut().zip(point) {
                *o += mass * m as f64 * p;
            }
        }
    }
    Ok(out)
}

/// Ridge regression with a free intercept, for many right-hand sides over the same rows.
struct Ridge {
    mean: Vec<f64>,
    factor: Option<faer::linalg::solvers::Llt<f64>>,
}

impl Ridge {
    fn new(rows: &AffineRows<'_>, l2: f64) -> Self {
        let (n, width) = (rows.nrows() as f64, rows.width());
        let mut mean = vec![0.0; width];
        let mut gram = Matrix::zeros(width, width);
        rows.for_each_block(BLOCK_ROWS, |_, block| {
            for row in block.row_iter() {
                for (m, v) in mean.iter_mut().zip(row.iter()) {
                    *m += v / n;
                }
            }
            gram.add_product(block.transpose(), block);
        });
        for i in 0..width {
            for j in 0..width {
                let centred = gram.row(i)[j] / n - mean[i] * mean[j];
                gram.row_mut(i)[j] = centred + if i == j { l2 } else { 0.0 };
            }
        }
        let factor = gram.view().llt(Side::Lower).ok();
        Self { mean, factor }
    }

    fn regress(&self, rows: &AffineRows<'_>, wanted: &Matrix) -> AffineMap {
        let (n, outputs) = (rows.nrows() as f64, wanted.ncols());
        let mut wanted_mean = vec![0.0; outputs];
        add_mean(wanted.values(), &mut wanted_mean);
        let Some(factor) = &self.factor else {
            // No ridge and dependent features: only the mean is determined.
            return AffineMap { weight: Matrix::zeros(outputs, rows.width()), bias: wanted_mean };
        };
        let mut products = Matrix::zeros(rows.width(), outputs);
        rows.for_each_block(BLOCK_ROWS, |start, block| {
            let wanted = wanted.view().subrows(start, block.nrows());
            products.add_product(block.transpose(), wanted);
        });
        let right = Matrix::from_fn(rows.width(), outputs, |j, k| {
            products.row(j)[k] / n - self.mean[j] * wanted_mean[k]
        });
        let solution = factor.solve(right.view());
        let weight = Matrix::from_fn(outputs, rows.width(), |k, j| solution[(j, k)]);
        let bias = weight
            .rows()
            .zip(&wanted_mean)
            .map(|(row, m)| m - dot_in_order(row, &self.mean))
            .collect();
        AffineMap { weight, bias }
    }
}

/// The rotation and shift `u = R z + a` of source rows that brings the source class means closest
/// to the target class means they stand for (weighted orthogonal Procrustes); where the means say
/// nothing, `R` is the identity.
#[must_use]
pub fn procrustes(
    source: &AffineRows<'_>,
    target: &AffineRows<'_>,
    label_map: &Matrix,
    target_prior: &[f64],
) -> AffineMap {
    let width = source.width();
    let means = source.means();
    let mapped = Matrix::from_fn(label_map.nrows(), width, |y, j| {
        label_map.row(y).iter().enumerate().map(|(c, q)| q * means.row(c)[j]).sum()
    });
    let (source_centre, source_part) = weighted_deviations(&mapped, target_prior);
    let (target_centre, target_part) = weighted_deviations(&target.means(), target_prior);
    let rotation = rotation_between(&source_part, &target_part);
    let bias = rotation
        .rows()
        .zip(&target_centre)
        .map(|(row, t)| t - dot_in_order(row, &source_centre))
        .collect();
    AffineMap { weight: rotation, bias }
}

fn weighted_deviations(means: &Matrix, prior: &[f64]) -> (Vec<f64>, Matrix) {
    let mut centre = vec![0.0; means.ncols()];
    for (row, p) in means.rows().zip(prior) {
        for (c, v) in centre.iter_mut().zip(row) {
            *c += p * v;
        }
    }
    let part = Matrix::from_fn(means.nrows(), means.ncols(), |y, j| {
        prior[y].sqrt() * (means.row(y)[j] - centre[j])
    });
    (centre, part)
}

/// An orthogonal `R` that maximises `sum_y target_y . R source_y`, equal to the identity outside
/// the span of both. Falls back to the identity if a decomposition fails.
fn rotation_between(source: &Matrix, target: &Matrix) -> Matrix {
    let width = source.ncols();
    let identity = || Matrix::from_fn(width, width, |i, j| f64::from(u8::from(i == j)));
    let stacked = Matrix::from_fn(2 * source.nrows(), width, |i, j| {
        if i < source.nrows() {
            source.row(i)[j]
        } else {
            target.row(i - source.nrows())[j]
        }
    });
    let Ok(span) = stacked.view().thin_svd() else {
        return identity();
    };
    let values: Vec<f64> = span.S().column_vector().iter().copied().collect();
    let largest = values.first().copied().unwrap_or(0.0);
    let rank =
        values.iter().take_while(|s| **s > NEGLIGIBLE_SINGULAR * largest && **s > 0.0).count();
    let axes = Matrix::from_fn(rank, width, |k, j| span.V()[(j, k)]);
    let (inner_source, inner_target) =
        (source.times_transposed(&axes), target.times_transposed(&axes));
    let mut cross = inner_target.transposed_times(&inner_source);
    let scale = cross.values().iter().fold(0.0_f64, |acc, v| acc.max(v.abs()));
    for k in 0..rank {
        // Breaks the tie among rotations that the means do not tell apart, towards the identity.
        cross.row_mut(k)[k] += 1e-6 * scale;
    }
    let Ok(polar) = cross.view().thin_svd() else {
        return identity();
    };
    let inner = polar.U() * polar.V().transpose();
    let change = Matrix::from_fn(rank, rank, |i, j| inner[(i, j)] - f64::from(u8::from(i == j)));
    let mut left = Matrix::zeros(width, rank);
    left.set_to_product(axes.view().transpose(), change.view());
    let mut rotation = identity();
    faer::linalg::matmul::matmul(
        rotation.view_mut(),
        faer::Accum::Add,
        left.view(),
        axes.view(),
        1.0,
        faer::Par::Seq,
    );
    rotation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::ClassRows;

    #[test]
    fn procrustes_undoes_a_rotation() {
        let source = Matrix::from_fn(3, 3, |i, j| ((i * 3 + j) as f64 * 1.3).sin());
        let (c, s) = (0.6, 0.8);
        let rotated = Matrix::from_fn(3, 3, |i, j| {
            let z = source.row(i);
            [c * z[0] - s * z[1], s * z[0] + c * z[1], z[2]][j] + 2.0
        });
        let one_to_one = Matrix::from_fn(3, 3, |i, j| f64::from(u8::from(i == j)));
        let wanted = rotated.clone();
        let target = ClassRows::new(rotated, [1; 3]).into();
        let source: AffineRows<'_> = ClassRows::new(source, [1; 3]).into();
        let map = procrustes(&source, &target, &one_to_one, &[1.0 / 3.0; 3]);
        let moved = source.gather(&[0, 1, 2]).affine(&map.weight, &map.bias);
        for (a, b) in moved.values().iter().zip(wanted.values()) {
            assert!((a - b).abs() < 1e-5);
        }
        let square = map.weight.times_transposed(&map.weight);
        for i in 0..3 {
            for j in 0..3 {
                assert!((square.row(i)[j] - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }
}
