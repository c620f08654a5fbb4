//! The curvature of a logistic loss, class by class, to precondition its minimisation.
//!
//! Leaving out how classes act on each other, the second derivative in class `c`'s weights and bias is
//! `l2 I + sum_i q_ic [x_i 1] [x_i 1]^T` with `q_ic = w_i p_ic (1 - p_ic)`. Few rows carry most of a class's
//! `q`: its own and those it may be taken for. They are kept exactly, the others by their mean square,
//! which leaves a diagonal plus a matrix of low rank, factored in rows or in columns, whichever are fewer.
//!
//! A head's logits may all be shifted alike without any effect but on the penalty, so the minimum has
//! class weights that sum to zero; steps are kept to that subspace. Without that, what classes share
//! would be scaled by a curvature that the loss does not have there.
//!
//! Time to build `O(K r d min(r, d))` with `r` the rows that are kept; `O(K r d)` or `O(K d^2)` to apply.

use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::solvers::{Llt, Solve};
use faer::{Accum, MatMut, Par, Side};

use crate::matrix::{dot, Matrix};

/// Rows kept for a class, in units of the mean number of rows a class has, and of the width: beyond, a
/// factor in columns gains little.
const CLASS_SIZES: usize = 2;
const WIDTHS: usize = 2;
/// Share of a mistaken row's slope that counts as curvature: a row that is wrong beyond doubt has next to
/// none of its own, and a step by none would be boundless.
const LEAST_SHARE: f64 = 0.05;
/// Share of all rows' mean square that is added to that of the rows left out.
const LEAST_REST: f64 = 1e-3;

/// An approximate inverse of the second derivative.
pub struct Curvature {
    classes: Vec<ClassCurvature>,
}

struct ClassCurvature {
    /// Of the rows left out and the penalty; the last is the bias's.
    diagonal: Vec<f64>,
    /// The rows kept, and the root of their `q`.
    kept: Vec<(u32, f64)>,
    factor: Option<Factor>,
}

enum Factor {
    /// Of `diagonal + V^T V`.
    Columns(Llt<f64>),
    /// Of `I + V diagonal^-1 V^T`.
    Rows(Llt<f64>),
}

impl Curvature {
    /// At the point where `slopes[i, c] = w_i (p_ic - [c is the class of i])`. `square` is the weighted mean
    /// square of each column of `rows`.
    #[must_use]
    pub fn new(
        rows: &Matrix,
        slopes: &Matrix,
        row_weight: &[f64],
        square: &[f64],
        l2: f64,
    ) -> Self {
        let classes = slopes.ncols();
        let limit = (CLASS_SIZES * rows.nrows() / classes.max(1) + 1)
            .min(WIDTHS * (rows.ncols() + 1))
            .min(rows.nrows());
        let classes = (0..classes)
            .map(|c| {
                let kept = (0..rows.nrows() as u32)
                    .map(|i| (i, curvature(slopes.row(i as usize)[c], row_weight[i as usize])))
                    .collect();
                ClassCurvature::new(rows, kept, limit, square, l2)
            })
            .collect();
        Self { classes }
    }

    /// Multiply a gradient in (weights, then biases) by the inverse, in place.
    pub fn divide(&self, rows: &Matrix, vector: &mut [f64]) {
        let width = rows.ncols();
        let (weight, bias) = vector.split_at_mut(self.classes.len() * width);
        centre(weight, width);
        centre(bias, 1);
        let mut buffer = vec![0.0; width + 1];
        for ((class, weight), bias) in
            self.classes.iter().zip(weight.chunks_mut(width.max(1))).zip(&mut *bias)
        {
            buffer[..width].copy_from_slice(weight);
            buffer[width] = *bias;
            class.divide(rows, &mut buffer);
            weight.copy_from_slice(&buffer[..width]);
            *bias = buffer[width];
        }
        centre(weight, width);
        centre(bias, 1);
    }
}

/// `q` of one row and class, from the slope.
fn curvature(slope: f64, weight: f64) -> f64 {
    let slope = slope.abs();
    if weight > 0.0 {
        slope * (1.0 - (1.0 - LEAST_SHARE) * slope / weight)
    } else {
        0.0
    }
}

/// Take the mean of the rows of `width` entries out of each.
pub(super) fn centre(rows: &mut [f64], width: usize) {
    if width == 0 {
        return;
    }
    let count = (rows.len() / width) as f64;
    let mut mean = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        for (m, v) in mean.iter_mut().zip(row) {
            *m += v / count;
        }
    }
    for row in rows.chunks_exact_mut(width) {
        for (v, m) in row.iter_mut().zip(&mean) {
            *v -= m;
        }
    }
}

impl ClassCurvature {
    fn new(
        rows: &Matrix,
        mut kept: Vec<(u32, f64)>,
        limit: usize,
        square: &[f64],
        l2: f64,
    ) -> Self {
        let total: f64 = kept.iter().map(|k| k.1).sum();
        if limit < kept.len() {
            kept.select_nth_unstable_by(limit, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            kept.truncate(limit);
            kept.sort_unstable_by_key(|k| k.0);
        }
        let rest = (total - kept.iter().map(|k| k.1).sum::<f64>()).max(0.0) + LEAST_REST * total;
        let mut diagonal: Vec<f64> =
            square.iter().map(|s| (l2 + rest * s).max(f64::MIN_POSITIVE)).collect();
        diagonal.push(rest.max(f64::MIN_POSITIVE));
        for (_, q) in &mut kept {
            *q = q.sqrt();
        }
        let factor = Factor::new(rows, &kept, &diagonal);
        Self { diagonal, kept, factor }
    }

    /// `(diagonal + V^T V)^-1 vector`, in place; by the diagonal alone where the factor failed.
    fn divide(&self, rows: &Matrix, vector: &mut [f64]) {
        let size = vector.len();
        if let Some(Factor::Columns(factor)) = &self.factor {
            factor.solve_in_place(MatMut::from_column_major_slice_mut(vector, size, 1));
            return;
        }
        for (v, d) in vector.iter_mut().zip(&self.diagonal) {
            *v /= d;
        }
        let Some(Factor::Rows(factor)) = &self.factor else {
            return;
        };
        let width = size - 1;
        let along = |&(i, root): &(u32, f64)| {
            root * (dot(rows.row(i as usize), &vector[..width]) + vector[width])
        };
        let mut products: Vec<f64> = self.kept.iter().map(along).collect();
        factor.solve_in_place(MatMut::from_column_major_slice_mut(
            &mut products,
            self.kept.len(),
            1,
        ));
        let mut correction = vec![0.0; size];
        for (&(i, root), product) in self.kept.iter().zip(products) {
            let factor = root * product;
            for (c, x) in correction.iter_mut().zip(rows.row(i as usize)) {
                *c += factor * x;
            }
            correction[width] += factor;
        }
        for ((v, c), d) in vector.iter_mut().zip(&correction).zip(&self.diagonal) {
            *v -= c / d;
        }
    }
}

impl Factor {
    fn new(rows: &Matrix, kept: &[(u32, f64)], diagonal: &[f64]) -> Option<Self> {
        let by_columns = kept.len() > diagonal.len();
        let mut scaled = Matrix::zeros(kept.len(), diagonal.len());
        for (out, &(i, root)) in scaled.rows_mut().zip(kept) {
            for (o, x) in out.iter_mut().zip(rows.row(i as usize).iter().chain(&[1.0])) {
                *o = root * x;
            }
            if !by_columns {
                for (o, d) in out.iter_mut().zip(diagonal) {
                    *o /= d.sqrt();
                }
            }
        }
        let size = if by_columns { diagonal.len() } else { kept.len() };
        let mut square = Matrix::zeros(size, size);
        for k in 0..size {
            square.row_mut(k)[k] = if by_columns { diagonal[k] } else { 1.0 };
        }
        let (left, right) = if by_columns {
            (scaled.view().transpose(), scaled.view())
        } else {
            (scaled.view(), scaled.view().transpose())
        };
        triangular::matmul(
            square.view_mut(),
            BlockStructure::TriangularLower,
            Accum::Add,
            left,
            BlockStructure::Rectangular,
            right,
            BlockStructure::Rectangular,
            1.0,
            Par::Seq,
        );
        let factor = square.view().llt(Side::Lower).ok()?;
        Some(if by_columns { Self::Columns(factor) } else { Self::Rows(factor) })
    }
}
