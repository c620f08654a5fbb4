//! Lipschitz constants of a head's loss in its input.
//!
//! The loss's gradient is `W^T (p - q)` with `p` and `q` on the simplex, and a convex function on
//! two simplices is largest at vertices: `max_{c, c'} |w_c - w_c'|` bounds it everywhere. That is
//! the certified constant. The empirical one is the largest gradient norm on given rows, which
//! bounds nothing elsewhere; it is here for comparison with the paper.

use crate::linalg::square_distance::square_distance_in_order;
use crate::linalg::Matrix;

/// `max_{c, c'} |w_c - w_c'|` over the rows of `weight`.
#[must_use]
pub fn certified(weight: &Matrix) -> f64 {
    let mut largest: f64 = 0.0;
    for (c, a) in weight.rows().enumerate() {
        for b in weight.rows().take(c) {
            largest = largest.max(square_distance_in_order(a, b));
        }
    }
    // Rounded up, so that the constant stays an upper bound in floating point.
    (largest * (1.0 + 8.0 * f64::EPSILON)).sqrt()
}

/// The largest `|W^T slope|` over rows of logit slopes (`p - q`, one row per example).
#[must_use]
pub fn empirical(weight: &Matrix, slopes: &Matrix) -> f64 {
    let mut gradient = Matrix::zeros(slopes.nrows(), weight.ncols());
    gradient.set_to_product(slopes.view(), weight.view());
    gradient.rows().map(|row| row.iter().map(|g| g * g).sum::<f64>()).fold(0.0, f64::max).sqrt()
}
