//! Multinomial logistic regression with an L2 penalty.
//!
//! Minimises `sum_c weight_c mean_{i: c_i = c} -log softmax(W z_i + b)_c + l2 / 2 |W|^2` (the bias is
//! free). With class weights equal to the class shares this is the usual mean loss. Strictly convex
//! in `W`, so the minimum does not depend on where the descent starts; starting from the solution at
//! a neighbouring strength makes a path of strengths cheap.
//!
//! L-BFGS, preconditioned by the curvature of each class. `O(n d K)` an iteration, a few tens of iterations
//! from cold, fewer along a path.

use faer::{linalg::matmul::matmul, Accum, MatMut, MatRef, Par};

use super::curvature::{centre, Curvature};
use super::softmax::softmax_rows;
use super::LinearHead;
use crate::features::ClassRows;
use crate::matrix::{dot, Matrix};
use crate::optimize::{lbfgs, OptimizeError};

const MAX_ITERATIONS: usize = 2000;
/// Strength, relative to the mean square of a feature, at which a fit from nothing starts, and the factor by
/// which it falls; a strength that is not much above the last one would cost more than it saves.
const COLD_STRENGTH: f64 = 0.1;
const COLD_FACTOR: f64 = 10.0;
const COLD_DISTANCE: f64 = 20.0;
/// Gradient that is small enough on the way.
const COLD_TOLERANCE: f64 = 1e-3;
/// Rows whose logits are computed, turned into slopes and multiplied back while they are in the cache.
const BLOCK_ROWS: usize = 256;
/// Iterations between two computations of the curvature, and the early one where it is computed again: the
/// first steps change it most.
const CURVATURE_AGE: usize = 10;
const EARLY_ITERATION: usize = 3;

/// Fit from where `head` is, in place, until no entry of the gradient exceeds `tolerance`.
/// `class_weight[c]` is the total weight of class `c`.
///
/// # Errors
/// No convergence within 2000 iterations.
pub fn fit(
    head: &mut LinearHead,
    rows: &ClassRows,
    class_weight: &[f64],
    l2: f64,
    tolerance: f64,
) -> Result<lbfgs::Minimum, OptimizeError> {
    let size = rows.classes() * rows.width();
    let mut parameters = head.weight.values().to_vec();
    let is_cold = parameters.iter().all(|w| *w == 0.0);
    centre(&mut parameters, rows.width());
    parameters.extend_from_slice(&head.bias);
    let mut loss = Loss::new(rows, class_weight, l2);
    if is_cold {
        let mean_square = loss.square.iter().sum::<f64>() / rows.width().max(1) as f64;
        loss.l2 = COLD_STRENGTH * mean_square;
        while loss.l2 > COLD_DISTANCE * l2 && l2 > 0.0 {
            lbfgs::minimise(&mut parameters, COLD_TOLERANCE, MAX_ITERATIONS, &mut loss)?;
            loss.l2 /= COLD_FACTOR;
        }
        loss.l2 = l2;
    }
    let minimum = lbfgs::minimise(&mut parameters, tolerance, MAX_ITERATIONS, &mut loss)?;
    let (weight, bias) = parameters.split_at(size);
    head.weight.values_mut().copy_from_slice(weight);
    head.bias.copy_from_slice(bias);
    Ok(minimum)
}

/// The penalised loss in (weights, then biases).
struct Loss<'a> {
    rows: &'a ClassRows,
    l2: f64,
    class_of: Vec<u32>,
    row_weight: Vec<f64>,
    /// Weighted mean square of each feature.
    square: Vec<f64>,
    /// Derivatives in the logits at the point evaluated last.
    slopes: Matrix,
    curvature: Option<Curvature>,
    iteration: usize,
    arch: pulp::Arch,
}

impl<'a> Loss<'a> {
    fn new(rows: &'a ClassRows, class_weight: &[f64], l2: f64) -> Self {
        let n = rows.matrix().nrows();
        let mut class_of = Vec::with_capacity(n);
        let mut row_weight = Vec::with_capacity(n);
        for (class, weight) in class_weight.iter().enumerate() {
            let count = rows.count(class);
            class_of.extend(std::iter::repeat_n(class as u32, count));
            row_weight.extend(std::iter::repeat_n(weight / count.max(1) as f64, count));
        }
        let mut square = vec![0.0; rows.width()];
        for (row, weight) in rows.matrix().rows().zip(&row_weight) {
            for (s, v) in square.iter_mut().zip(row) {
                *s += weight * v * v;
            }
        }
        Self {
            rows,
            l2,
            class_of,
            row_weight,
            square,
            slopes: Matrix::zeros(n, class_weight.len()),
            curvature: None,
            iteration: 0,
            arch: pulp::Arch::new(),
        }
    }
}

impl lbfgs::Objective for &mut Loss<'_> {
    fn evaluate(&mut self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let (rows, classes) = (self.rows.matrix(), self.rows.classes());
        let size = classes * rows.ncols();
        let (weight, bias) = parameters.split_at(size);
        let (weight_gradient, bias_gradient) = gradient.split_at_mut(size);
        for (g, w) in weight_gradient.iter_mut().zip(weight) {
            *g = self.l2 * w;
        }
        bias_gradient.fill(0.0);
        let weight_view = MatRef::from_row_major_slice(weight, classes, rows.ncols());
        let mut loss = 0.0;
        for (at, slopes) in self.slopes.values_mut().chunks_mut(BLOCK_ROWS * classes).enumerate() {
            let (start, count) = (at * BLOCK_ROWS, slopes.len() / classes);
            let block = rows.view().subrows(start, count);
            for row in slopes.chunks_exact_mut(classes) {
                row.copy_from_slice(bias);
            }
            matmul(
                MatMut::from_row_major_slice_mut(slopes, count, classes),
                Accum::Add,
                block,
                weight_view.transpose(),
                1.0,
                Par::Seq,
            );
            let class_of = &self.class_of[start..][..count];
            let row_weight = &self.row_weight[start..][..count];
            softmax_rows(
                self.arch,
                slopes,
                classes,
                |i| class_of[i] as usize,
                |i, row_loss| loss += row_weight[i] * row_loss,
            );
            for ((row, class), w) in slopes.chunks_exact_mut(classes).zip(class_of).zip(row_weight)
            {
                row[*class as usize] -= 1.0;
                for (s, g) in row.iter_mut().zip(&mut *bias_gradient) {
                    *s *= w;
                    *g += *s;
                }
            }
            matmul(
                MatMut::from_row_major_slice_mut(weight_gradient, classes, rows.ncols()),
                Accum::Add,
                MatRef::from_row_major_slice(slopes, count, classes).transpose(),
                block,
                1.0,
                Par::Seq,
            );
        }
        loss + 0.5 * self.l2 * dot(weight, weight)
    }

    fn refresh(&mut self) -> bool {
        let due = self.iteration == EARLY_ITERATION || self.iteration.is_multiple_of(CURVATURE_AGE);
        if due {
            // Freed first: the factors of many classes are large.
            self.curvature = None;
            self.curvature = Some(Curvature::new(
                self.rows.matrix(),
                &self.slopes,
                &self.row_weight,
                &self.square,
                self.l2,
            ));
        }
        self.iteration += 1;
        due
    }

    fn precondition(&self, vector: &mut [f64]) {
        if let Some(curvature) = &self.curvature {
            curvature.divide(self.rows.matrix(), vector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> ClassRows {
        let values = Matrix::from_fn(40, 3, |i, j| {
            ((i * 7 + j * 3) as f64 * 1.9).sin() + if i / 20 == j { 0.8 } else { 0.0 }
        });
        ClassRows::new(values, [20, 12, 8])
    }

    /// At the minimum the penalty's gradient balances the loss's, so `l2 |W|^2` equals the loss's slope
    /// along `W`, and the biases reproduce the class weights.
    #[test]
    fn the_minimum_is_stationary() {
        let (rows, weights) = (rows(), [0.5, 0.3, 0.2]);
        let mut head = LinearHead::zeros(3, 3);
        let minimum = fit(&mut head, &rows, &weights, 0.05, 1e-9).unwrap();
        assert!(minimum.gradient <= 1e-9);
        let logits = head.logits(rows.matrix());
        let mut mass = [0.0; 3];
        for (class, weight) in weights.iter().enumerate() {
            for i in rows.start(class)..rows.start(class) + rows.count(class) {
                let normaliser = crate::head::log_sum_exp(logits.row(i));
                for (m, s) in mass.iter_mut().zip(logits.row(i)) {
                    *m += weight / rows.count(class) as f64 * (s - normaliser).exp();
                }
            }
        }
        for (m, w) in mass.iter().zip(weights) {
            assert!((m - w).abs() < 1e-8);
        }
    }

    #[test]
    fn a_warm_start_ends_in_the_same_place() {
        let (rows, weights) = (rows(), [0.4, 0.3, 0.3]);
        let mut warm = LinearHead::zeros(3, 3);
        fit(&mut warm, &rows, &weights, 1.0, 1e-10).unwrap();
        fit(&mut warm, &rows, &weights, 0.01, 1e-10).unwrap();
        let mut cold = LinearHead::zeros(3, 3);
        fit(&mut cold, &rows, &weights, 0.01, 1e-10).unwrap();
        for (a, b) in warm.weight.values().iter().zip(cold.weight.values()) {
            assert!((a - b).abs() < 1e-6);
        }
    }
}
