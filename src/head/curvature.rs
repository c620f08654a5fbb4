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
    /// Of the rows left out and the penalty, one row per class; the last column is the bias's.
    diagonal: Matrix,
    factors: Factors,
}

/// Cholesky factors per class; `None` where there is none, so that the diagonal must do.
enum Factors {
    /// Of `diagonal + V^T V`.
    Columns(Vec<Option<Llt<f64>>>),
    /// Of `I + V diagonal^-1 V^T`.
    Rows { factors: Vec<Option<Llt<f64>>>, kept: Vec<Kept> },
}

/// A row that is kept for a class, as the row of `V` with number `at`. In order of rows, so that each is read
/// once for all its classes.
struct Kept {
    row: u32,
    class: u32,
    at: u32,
    /// The root of its `q`.
    root: f64,
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
        let (n, classes, size) = (rows.nrows(), slopes.ncols(), rows.ncols() + 1);
        let limit = (CLASS_SIZES * n / classes.max(1) + 1).min(WIDTHS * size).min(n);
        let by_columns = limit > size;
        let mut diagonal = Matrix::zeros(classes, size);
        let mut factors = Vec::with_capacity(classes);
        let mut all_kept = Vec::new();
        for c in 0..classes {
            let mut kept: Vec<(u32, f64)> = (0..n as u32)
                .map(|i| (i, curvature(slopes.row(i as usize)[c], row_weight[i as usize])))
                .collect();
            let total: f64 = kept.iter().map(|k| k.1).sum();
            keep_largest(&mut kept, limit);
            let rest = total - kept.iter().map(|k| k.1).sum::<f64>();
            let rest = rest.max(0.0) + LEAST_REST * total;
            let diagonal = diagonal.row_mut(c);
            for (d, s) in diagonal.iter_mut().zip(square) {
                *d = (l2 + rest * s).max(f64::MIN_POSITIVE);
            }
            diagonal[size - 1] = rest.max(f64::MIN_POSITIVE);
            factors.push(factor(rows, &kept, diagonal, by_columns));
            if !by_columns {
                let numbered = (0..).zip(kept);
                all_kept.extend(numbered.map(|(at, (row, q))| Kept {
                    row,
                    class: c as u32,
                    at,
                    root: q.sqrt(),
                }));
            }
        }
        all_kept.sort_unstable_by_key(|k| (k.row, k.class));
        let factors = if by_columns {
            Factors::Columns(factors)
        } else {
            Factors::Rows { factors, kept: all_kept }
        };
        Self { diagonal, factors }
    }

    /// Multiply a gradient in (weights, then biases) by the inverse, in place.
    pub fn divide(&self, rows: &Matrix, gradient: &mut [f64]) {
        let width = rows.ncols();
        let (weight, bias) = gradient.split_at_mut(bias_start(&self.diagonal));
        centre(weight, width);
        centre(bias, 1);
        let mut vectors = Matrix::from_fn(self.diagonal.nrows(), width + 1, |c, j| {
            if j < width {
                weight[c * width + j]
            } else {
                bias[c]
            }
        });
        match &self.factors {
            Factors::Columns(factors) => self.divide_by_columns(factors, &mut vectors),
            Factors::Rows { factors, kept } => {
                self.divide_by_rows(factors, kept, rows, &mut vectors)
            }
        }
        for (c, vector) in vectors.rows().enumerate() {
            weight[c * width..][..width].copy_from_slice(&vector[..width]);
            bias[c] = vector[width];
        }
        centre(weight, width);
        centre(bias, 1);
    }

    fn divide_by_columns(&self, factors: &[Option<Llt<f64>>], vectors: &mut Matrix) {
        for (c, (factor, vector)) in factors.iter().zip(vectors.rows_mut()).enumerate() {
            match factor {
                Some(factor) => solve(factor, vector),
                None => divide_each(vector, self.diagonal.row(c)),
            }
        }
    }

    /// `(D + V^T V)^-1 = D^-1 - D^-1 V^T (I + V D^-1 V^T)^-1 V D^-1`.
    fn divide_by_rows(
        &self,
        factors: &[Option<Llt<f64>>],
        kept: &[Kept],
        rows: &Matrix,
        vectors: &mut Matrix,
    ) {
        let width = rows.ncols();
        for (c, vector) in vectors.rows_mut().enumerate() {
            divide_each(vector, self.diagonal.row(c));
        }
        let mut products = Matrix::zeros(factors.len(), kept.len() / factors.len().max(1));
        for k in kept {
            let vector = vectors.row(k.class as usize);
            let along = dot(rows.row(k.row as usize), &vector[..width]) + vector[width];
            products.row_mut(k.class as usize)[k.at as usize] = k.root * along;
        }
        for (factor, products) in factors.iter().zip(products.rows_mut()) {
            match factor {
                Some(factor) => solve(factor, products),
                None => products.fill(0.0),
            }
        }
        let mut correction = Matrix::zeros(vectors.nrows(), width + 1);
        for k in kept {
            let factor = k.root * products.row(k.class as usize)[k.at as usize];
            let correction = correction.row_mut(k.class as usize);
            for (c, x) in correction.iter_mut().zip(rows.row(k.row as usize)) {
                *c += factor * x;
            }
            correction[width] += factor;
        }
        for (c, correction) in correction.rows_mut().enumerate() {
            divide_each(correction, self.diagonal.row(c));
            for (v, c) in vectors.row_mut(c).iter_mut().zip(correction) {
                *v -= *c;
            }
        }
    }
}

/// Where the biases start in a vector of all parameters.
fn bias_start(diagonal: &Matrix) -> usize {
    diagonal.nrows() * (diagonal.ncols() - 1)
}

fn divide_each(vector: &mut [f64], by: &[f64]) {
    for (v, d) in vector.iter_mut().zip(by) {
        *v /= d;
    }
}

fn solve(factor: &Llt<f64>, vector: &mut [f64]) {
    let size = vector.len();
    factor.solve_in_place(MatMut::from_column_major_slice_mut(vector, size, 1));
}

/// The `limit` rows with the largest `q`, in order of rows.
fn keep_largest(kept: &mut Vec<(u32, f64)>, limit: usize) {
    if limit < kept.len() {
        kept.select_nth_unstable_by(limit, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        kept.truncate(limit);
        kept.sort_unstable_by_key(|k| k.0);
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

fn factor(
    rows: &Matrix,
    kept: &[(u32, f64)],
    diagonal: &[f64],
    by_columns: bool,
) -> Option<Llt<f64>> {
    let scale: Vec<f64> =
        diagonal.iter().map(|d| if by_columns { 1.0 } else { 1.0 / d.sqrt() }).collect();
    let mut scaled = Matrix::zeros(kept.len(), diagonal.len());
    for (out, (i, q)) in scaled.rows_mut().zip(kept) {
        let root = q.sqrt();
        let row = rows.row(*i as usize).iter().chain(&[1.0]);
        for ((o, x), s) in out.iter_mut().zip(row).zip(&scale) {
            *o = root * x * s;
        }
    }
    let size = if by_columns { diagonal.len() } else { kept.len() };
    let mut square = Matrix::zeros(size, size);
    for (k, d) in diagonal.iter().enumerate().take(size) {
        square.row_mut(k)[k] = if by_columns { *d } else { 1.0 };
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
    square.view().llt(Side::Lower).ok()
}
