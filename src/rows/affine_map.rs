//! An affine map of rows: what turns features into coordinates, coordinates into points or logits,
//! and one of these into another.

use faer::MatRef;

use crate::linalg::Matrix;
use crate::rows::AffineRows;

/// The map `x -> weight x + bias`, with one row of `weight` for each value of an image.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AffineMap {
    pub weight: Matrix,
    pub bias: Vec<f64>,
}

impl AffineMap {
    /// The images of rows by class.
    #[must_use]
    pub fn images<'t>(&self, rows: &AffineRows<'t>) -> AffineRows<'t> {
        rows.affine(&self.weight, &self.bias)
    }

    /// The map that applies this one first and `x -> weight x + bias` to its image.
    #[must_use]
    pub fn then(&self, weight: MatRef<'_, f64>, bias: &[f64]) -> Self {
        composed(weight, bias, &self.weight, &self.bias)
    }
}

/// The map `x -> weight (inner x + shift) + bias`.
pub(super) fn composed(
    weight: MatRef<'_, f64>,
    bias: &[f64],
    inner: &Matrix,
    shift: &[f64],
) -> AffineMap {
    let mut product = Matrix::zeros(weight.nrows(), inner.ncols());
    product.set_to_product(weight, inner.view());
    let along = |k: usize| weight.row(k).iter().zip(shift).map(|(w, s)| w * s).sum::<f64>();
    let bias = bias.iter().enumerate().map(|(k, b)| b + along(k)).collect();
    AffineMap { weight: product, bias }
}
