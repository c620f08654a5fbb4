//! One curvature for all classes, to precondition the minimisation of a logistic loss with many
//! classes.
//!
//! Leaving out how classes act on each other and which rows are the doubtful ones, the second
//! derivative in class `c`'s weights is `l2 I + h_c S`, with `S` the weighted mean of `x x^T` over
//! all rows and `h_c = sum_i w_i p_ic (1 - p_ic)`. It is factored once, for the mean `h` of all
//! classes, and scaled to each. Against [`super::curvature`] it knows what features have in common
//! instead of which rows a class is taken for, at a cost that does not grow with the number of
//! classes; it serves where doubt is spread over many rows.
//!
//! `S` is that of some of the rows, mixed with its diagonal over all of them, which also keeps it
//! far from singular. Time to build `O(d^3)`, to apply `O(K d^2)`; memory is one `d x d` matrix.
//! That is in `f32`, half the time and memory: how a descent is preconditioned changes its way, not
//! its end.
//!
//! Reference: Martens and Grosse, *Optimizing neural networks with Kronecker-factored approximate
//! curvature*, ICML 2015, for the factors; theirs has one between classes too.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};

use crate::estimators::head::curvature::divide_each;
use crate::linalg::matrix::cholesky_in_place;
use crate::parallelism::Parallelism;
use crate::rows::AffineRows;

/// Rows of which `S` is made, in units of the width, and the share that the diagonal has beside it.
const WIDTHS: usize = 2;
const DIAGONAL: f64 = 0.3;
/// The factor takes this much memory at most, or this share of the table if that is more.
const FACTOR_BYTES: usize = 16 << 20;
const FACTOR_SHARE: usize = 12;
/// Rows that are read at a time, and the parts in which columns of `S` and classes are shared out.
const BLOCK_ROWS: usize = 256;
const PARTS: usize = 8;

/// An approximate inverse of the second derivative.
pub struct SharedCurvature {
    width: usize,
    factor: Factor,
    /// What the curvature of a class is of the shared one.
    scale: Vec<f64>,
    bias: Vec<f64>,
    parallelism: Parallelism,
}

enum Factor {
    /// The Cholesky factor, column by column.
    Cholesky(Vec<f32>),
    /// The diagonal must do where rounding leaves no factor.
    None { diagonal: Vec<f64> },
}

impl SharedCurvature {
    /// Whether it costs less than an evaluation of the loss, and little memory.
    #[must_use]
    pub fn pays(rows: &AffineRows<'_>) -> bool {
        let (n, d, classes) = (rows.nrows(), rows.width(), rows.classes());
        let bytes = d * d * size_of::<f32>();
        // A scatter of `WIDTHS d` rows and a decomposition, against two products.
        (3 * WIDTHS + 1) * d * d / 3 <= 4 * n * classes
            && bytes <= FACTOR_BYTES.max(rows.table_bytes() / FACTOR_SHARE)
    }

    /// `square` is the weighted mean square of each column of `rows`, `doubt[c]` the `h_c` above.
    #[must_use]
    pub fn new(
        rows: &AffineRows<'_>,
        row_weight: &[f64],
        square: &[f64],
        doubt: &[f64],
        l2: f64,
        parallelism: Parallelism,
    ) -> Self {
        let width = rows.width();
        let doubt: Vec<f64> = doubt.iter().map(|h| h.max(f64::MIN_POSITIVE)).collect();
        let mean = doubt.iter().sum::<f64>() / doubt.len() as f64;
        let mean_square = square.iter().sum::<f64>() / width as f64;
        let mut factor = scatter(rows, row_weight, mean * (1.0 - DIAGONAL), parallelism);
        for (j, s) in square.iter().enumerate() {
            factor[j * width + j] += (l2 + DIAGONAL * mean * s) as f32;
        }
        let scale = doubt
            .iter()
            .map(|h| (l2 + h * mean_square) / (l2 + mean * mean_square).max(f64::MIN_POSITIVE))
            .map(|scale| scale.max(f64::MIN_POSITIVE))
            .collect();
        let factor =
            if cholesky_in_place(MatMut::from_column_major_slice_mut(&mut factor, width, width)) {
                Factor::Cholesky(factor)
            } else {
                let diagonal = square.iter().map(|s| (l2 + mean * s).max(f64::MIN_POSITIVE));
                Factor::None { diagonal: diagonal.collect() }
            };
        Self { width, factor, scale, bias: doubt, parallelism }
    }

    /// Multiply a gradient in (weights, then biases) by the inverse, in place.
    pub fn divide(&self, gradient: &mut [f64]) {
        let (width, classes) = (self.width, self.bias.len());
        let (weight, bias) = gradient.split_at_mut(width * classes);
        divide_each(bias, &self.bias);
        let mut parts: Vec<&mut [f64]> =
            weight.chunks_mut(classes.div_ceil(PARTS) * width).collect();
        self.parallelism.for_each(&mut parts, |_, part| self.solve(part));
        for (vector, scale) in weight.chunks_exact_mut(width).zip(&self.scale) {
            for v in vector {
                *v /= scale;
            }
        }
    }

    fn solve(&self, vectors: &mut [f64]) {
        let (width, count) = (self.width, vectors.len() / self.width);
        match &self.factor {
            Factor::Cholesky(factor) => {
                // Gradients can be smaller than `f32` goes.
                let largest = vectors.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
                let size = if largest > 0.0 { largest } else { 1.0 };
                let mut solved: Vec<f32> = vectors.iter().map(|v| (v / size) as f32).collect();
                llt::solve::solve_in_place(
                    MatRef::from_column_major_slice(factor, width, width),
                    MatMut::from_column_major_slice_mut(&mut solved, width, count),
                    Par::Seq,
                    MemStack::new(&mut MemBuffer::new(llt::solve::solve_in_place_scratch::<f32>(
                        width,
                        count,
                        Par::Seq,
                    ))),
                );
                for (v, s) in vectors.iter_mut().zip(solved) {
                    *v = f64::from(s) * size;
                }
            }
            Factor::None { diagonal } => {
                vectors.chunks_exact_mut(width).for_each(|v| divide_each(v, diagonal));
            }
        }
    }
}

/// `share S` of some rows, spread evenly over all: the lower triangle, by columns, in bands of
/// which threads can each take some.
fn scatter(
    rows: &AffineRows<'_>,
    row_weight: &[f64],
    share: f64,
    parallelism: Parallelism,
) -> Vec<f32> {
    let (n, width) = (rows.nrows(), rows.width());
    let count = n.min(WIDTHS * width);
    let numbers: Vec<u32> = (0..count).map(|k| (k * n / count) as u32).collect();
    let weight = |row: u32| row_weight[row as usize];
    // Of no weight at all in the rows that are taken, nothing is left but the diagonal.
    let total = numbers.iter().map(|&row| weight(row)).sum::<f64>().max(f64::MIN_POSITIVE);
    let mut sum = vec![0.0; width * width];
    for numbers in numbers.chunks(BLOCK_ROWS) {
        let mut block: Vec<f32> = Vec::with_capacity(numbers.len() * width);
        for (row, number) in rows.gather(numbers).rows().zip(numbers) {
            let root = (share * weight(*number) / total).sqrt();
            block.extend(row.iter().map(|v| (v * root) as f32));
        }
        let block = MatRef::from_row_major_slice(&block, numbers.len(), width);
        let columns = width.div_ceil(PARTS);
        let mut parts: Vec<&mut [f32]> = sum.chunks_mut(columns * width).collect();
        parallelism.for_each(&mut parts, |part, sum| {
            let (from, count) = (part * columns, sum.len() / width);
            matmul(
                MatMut::from_column_major_slice_mut(sum, width, count)
                    .subrows_mut(from, width - from),
                Accum::Add,
                block.subcols(from, width - from).transpose(),
                block.subcols(from, count),
                1.0,
                Par::Seq,
            );
        });
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::matrix::dot;
    use crate::linalg::Matrix;
    use crate::rows::ClassRows;

    /// With as few rows as `S` may have, all of them weigh in, and dividing undoes multiplying.
    #[test]
    fn divides_by_the_curvature_of_each_class() {
        let (n, d, l2, doubt) = (8, 4, 0.1, [0.2, 0.05]);
        let rows: AffineRows =
            ClassRows::new(Matrix::from_fn(n, d, |i, j| ((i * d + j) as f64).sin()), [5, 3]).into();
        let weight = [0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.1];
        let block = rows.gather(&(0..n as u32).collect::<Vec<_>>());
        let s = |j: usize, k: usize| {
            (0..n).map(|i| weight[i] * block.row(i)[j] * block.row(i)[k]).sum::<f64>()
        };
        let square: Vec<f64> = (0..d).map(|j| s(j, j)).collect();
        let curvature =
            SharedCurvature::new(&rows, &weight, &square, &doubt, l2, Parallelism::Sequential);
        // Class weights that sum to zero, as the descent's do.
        let wanted = [1.0, -2.0, 0.5, 3.0];
        let mean_square = square.iter().sum::<f64>() / d as f64;
        let mean = 0.125;
        let image: Vec<f64> = (0..d)
            .map(|j| {
                let row: Vec<f64> = (0..d)
                    .map(|k| {
                        let share = if j == k { 1.0 } else { 1.0 - DIAGONAL };
                        mean * share * s(j, k) + if j == k { l2 } else { 0.0 }
                    })
                    .collect();
                dot(&row, &wanted)
            })
            .collect();
        let mut vector: Vec<f64> =
            image.iter().chain(&image.iter().map(|v| -v).collect::<Vec<_>>()).copied().collect();
        vector.extend([0.3, -0.3]);
        curvature.divide(&mut vector);
        // As the descent does: what is left of the class weights sums to zero.
        for values in [0..2 * d, 2 * d..2 * d + 2] {
            let half = values.len() / 2;
            for (a, b) in (values.start..values.start + half).zip(values.start + half..) {
                let mean = 0.5 * (vector[a] + vector[b]);
                vector[a] -= mean;
                vector[b] -= mean;
            }
        }
        let inverse_scale =
            doubt.map(|h| (l2 + mean * mean_square) / (l2 + h * mean_square)).iter().sum::<f64>()
                / 2.0;
        for (j, w) in wanted.iter().enumerate() {
            // As many digits as the factor has.
            assert!((vector[j] - w * inverse_scale).abs() < 1e-5);
            assert!((vector[d + j] + w * inverse_scale).abs() < 1e-5);
        }
        let bias = 0.5 * (0.3 / 0.2 + 0.3 / 0.05);
        assert!((vector[2 * d] - bias).abs() < 1e-12 && (vector[2 * d + 1] + bias).abs() < 1e-12);
    }

    #[test]
    fn threads_do_not_change_it() {
        let (n, d) = (600, 70);
        let rows: AffineRows = ClassRows::new(
            Matrix::from_fn(n, d, |i, j| ((i * d + j) as f64 * 0.7).sin()),
            [200, 300, 100],
        )
        .into();
        let divided = |parallelism| {
            let weight = vec![1.0 / n as f64; n];
            let curvature =
                SharedCurvature::new(&rows, &weight, &vec![0.5; d], &[0.1; 3], 1e-3, parallelism);
            let mut vector: Vec<f64> = (0..3 * (d + 1)).map(|k| (k as f64).cos()).collect();
            curvature.divide(&mut vector);
            vector
        };
        assert_eq!(divided(Parallelism::Sequential), divided(Parallelism::Pool));
    }
}
