//! Multinomial logistic regression with an L2 penalty.
//!
//! Minimises `sum_c weight_c mean_{i: c_i = c} -log softmax(W z_i + b)_c + l2 / 2 |W|^2` (the bias is
//! free). With class weights equal to the class shares this is the usual mean loss. Strictly convex
//! in `W`, so the minimum does not depend on where the descent starts; starting from the solution at
//! a neighbouring strength makes a path of strengths cheap.
//!
//! `O(n d K)` an iteration, a few tens of iterations from cold, fewer along a path.

use super::{cross_entropy_gradient, LinearHead};
use crate::features::ClassRows;
use crate::matrix::Matrix;
use crate::optimize::{lbfgs, OptimizeError};

const MAX_ITERATIONS: usize = 2000;

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
    let (classes, width) = (rows.classes(), rows.width());
    let mut parameters = head.weight.values().to_vec();
    parameters.extend_from_slice(&head.bias);
    let mut slopes = Matrix::zeros(rows.matrix().nrows(), classes);
    let minimum = lbfgs::minimise(&mut parameters, tolerance, MAX_ITERATIONS, |p, gradient| {
        let (weight, bias) = p.split_at(classes * width);
        head.weight.values_mut().copy_from_slice(weight);
        head.bias.copy_from_slice(bias);
        let loss = loss_slopes(head, rows, class_weight, &mut slopes);
        let by_weight = slopes.transposed_times(rows.matrix());
        let (weight_gradient, bias_gradient) = gradient.split_at_mut(classes * width);
        for ((g, w), data) in weight_gradient.iter_mut().zip(weight).zip(by_weight.values()) {
            *g = data + l2 * w;
        }
        bias_gradient.fill(0.0);
        for row in slopes.rows() {
            for (g, s) in bias_gradient.iter_mut().zip(row) {
                *g += s;
            }
        }
        loss + 0.5 * l2 * weight.iter().map(|w| w * w).sum::<f64>()
    })?;
    let (weight, bias) = parameters.split_at(classes * width);
    head.weight.values_mut().copy_from_slice(weight);
    head.bias.copy_from_slice(bias);
    Ok(minimum)
}

/// The weighted loss, and its derivatives in the logits.
fn loss_slopes(
    head: &LinearHead,
    rows: &ClassRows,
    class_weight: &[f64],
    slopes: &mut Matrix,
) -> f64 {
    let logits = head.logits(rows.matrix());
    slopes.values_mut().fill(0.0);
    let mut loss = 0.0;
    for (class, weight) in class_weight.iter().enumerate() {
        let weight = weight / rows.count(class).max(1) as f64;
        for i in rows.start(class)..rows.start(class) + rows.count(class) {
            loss +=
                weight * cross_entropy_gradient(logits.row(i), class, weight, slopes.row_mut(i));
        }
    }
    loss
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
