//! The linear head: its logits and loss, how it is fitted, how it follows a class prior, and the
//! Lipschitz constants that can be certified for it. What the head is used for lives elsewhere.

mod curvature;
pub mod lipschitz;
pub mod logistic;
pub mod prior;
pub mod probe;
mod shared_curvature;
pub mod softmax;

use crate::linalg::Matrix;
use crate::rows::AffineRows;

/// Logits `s(z) = W z + bias`: an affine map with one row of `weight` per class.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LinearHead {
    pub weight: Matrix,
    pub bias: Vec<f64>,
}

impl LinearHead {
    #[must_use]
    pub fn zeros(classes: usize, width: usize) -> Self {
        Self { weight: Matrix::zeros(classes, width), bias: vec![0.0; classes] }
    }

    #[must_use]
    pub fn classes(&self) -> usize {
        self.bias.len()
    }

    /// Logits of the rows of `z`.
    #[must_use]
    pub fn logits(&self, z: &Matrix) -> Matrix {
        z.affine(&self.weight, &self.bias)
    }

    /// Logits of rows by class.
    #[must_use]
    pub fn class_logits<'t>(&self, rows: &AffineRows<'t>) -> AffineRows<'t> {
        rows.affine(&self.weight, &self.bias)
    }

    /// The head whose weights and biases have mean zero over the classes. It gives every row the
    /// same losses, but what all classes have in common no longer takes digits from their
    /// differences.
    #[must_use]
    pub fn centred(&self) -> Self {
        let (classes, width) = (self.classes(), self.weight.ncols());
        // The mean of the differences to one class is exactly zero where all are equal.
        let mean_of = |value: &dyn Fn(usize) -> f64| {
            let first = value(0);
            first + (0..classes).map(|c| value(c) - first).sum::<f64>() / classes as f64
        };
        let mean: Vec<f64> = (0..width).map(|j| mean_of(&|c| self.weight.row(c)[j])).collect();
        let mean_bias = mean_of(&|c| self.bias[c]);
        Self {
            weight: Matrix::from_fn(classes, width, |c, j| self.weight.row(c)[j] - mean[j]),
            bias: self.bias.iter().map(|b| b - mean_bias).collect(),
        }
    }

    /// Keep only some classes, in the order given.
    #[must_use]
    pub fn select(&self, classes: &[u32]) -> Self {
        let width = self.weight.ncols();
        Self {
            weight: Matrix::from_fn(classes.len(), width, |k, j| {
                self.weight.row(classes[k] as usize)[j]
            }),
            bias: classes.iter().map(|&c| self.bias[c as usize]).collect(),
        }
    }
}

/// `log(sum(exp(values)))` without overflow.
#[must_use]
pub fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = values.iter().fold(f64::NEG_INFINITY, |acc, v| acc.max(*v));
    if !largest.is_finite() {
        return largest;
    }
    largest + values.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
}

/// The first of the largest logits, with its number; none for NaN or where it is infinite. The
/// others may be minus infinity: classes that are ruled out.
#[must_use]
pub fn largest_logit(logits: &[f64]) -> Option<(usize, f64)> {
    let mut largest = (0, f64::NEG_INFINITY);
    for (class, logit) in logits.iter().enumerate() {
        if logit.is_nan() {
            return None;
        }
        if *logit > largest.1 {
            largest = (class, *logit);
        }
    }
    largest.1.is_finite().then_some(largest)
}

/// `exp(l_z) / sum_z exp(l_z)`; none where no logit is the largest.
#[must_use]
pub fn softmax(logits: &[f64]) -> Option<Vec<f64>> {
    let (_, largest) = largest_logit(logits)?;
    let mut probabilities: Vec<f64> = logits.iter().map(|v| (v - largest).exp()).collect();
    let sum: f64 = probabilities.iter().sum();
    probabilities.iter_mut().for_each(|p| *p /= sum);
    Some(probabilities)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_of_logits_that_have_a_largest() {
        let infinite = f64::INFINITY;
        assert_eq!(softmax(&[1e308, -1e308, 1e308]), Some(vec![0.5, 0.0, 0.5]));
        assert_eq!(softmax(&[-infinite, 3.0]), Some(vec![0.0, 1.0]));
        assert_eq!(largest_logit(&[-infinite, 3.0, 3.0]), Some((1, 3.0)));
        for bad in [&[f64::NAN, 1.0][..], &[1.0, infinite], &[-infinite; 2], &[]] {
            assert_eq!((softmax(bad), largest_logit(bad)), (None, None), "{bad:?}");
        }
    }
}
