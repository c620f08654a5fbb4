//! Pearson's correlation coefficient.

use crate::linalg::matrix::dot_in_order;
use crate::ranking::Pairs;

/// `sum (x - mean x)(y - mean y) / (|x - mean x| |y - mean y|)`, in `[-1, 1]`; as
/// `scipy.stats.pearsonr`. `None` for fewer than two pairs, and where a side is constant. `O(n)`.
#[must_use]
pub fn pearson(pairs: &Pairs) -> Option<f64> {
    correlation(&pairs.score().shifted(), &pairs.truth().shifted())
}

/// [`pearson`] of two sides of equal length.
pub(super) fn correlation(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (centred(x)?, centred(y)?);
    let dot = dot_in_order;
    // One root, so that a side correlates with itself by exactly 1.
    let r = dot(&x, &y) / (dot(&x, &x) * dot(&y, &y)).sqrt();
    Some(r.clamp(-1.0, 1.0))
}

/// Values minus their mean, up to a factor that lets their squares neither overflow nor vanish;
/// `None` where all are equal.
fn centred(values: &[f64]) -> Option<Vec<f64>> {
    let first = values.first()?;
    if values.iter().all(|v| v == first) {
        return None;
    }
    let largest = values.iter().fold(0.0_f64, |acc, v| acc.max(v.abs()));
    // A power of two, so that scaling rounds nothing. Clamped to exponents that it exists for.
    let factor = 2.0_f64.powi(-(largest.log2().floor().clamp(-1000.0, 1000.0) as i32));
    let scaled: Vec<f64> = values.iter().map(|v| v * factor).collect();
    // Twice: the first mean is off by rounding, which matters where it is large beside the spread.
    Some(minus_mean(&minus_mean(&scaled)))
}

fn minus_mean(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| v - mean).collect()
}
