//! Euclidean distances between two point sets, a block of rows at a time: whole matrices are filled by
//! it, and rows that are needed again and again without the memory to hold them all.
//!
//! Squares come from `|a|^2 + |b|^2 - 2ab` in one matrix product; pairs so close that this loses digits
//! to cancellation are summed again coordinate by coordinate.

use faer::{linalg::matmul::matmul, Accum, MatMut, MatRef, Par};
use pulp::{Simd, WithSimd};

/// Squares below this share of `|a|^2 + |b|^2` are summed again: it keeps their relative error below
/// about 1e-12.
const CLOSE: f64 = 1e-3;

/// Rows of a matrix that are filled at a time, so that they are still in the cache when their norms are
/// added.
const BLOCK_ROWS: usize = 64;

/// What becomes of a distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Power {
    One,
    Two,
    /// `(distance / scale)^p`. Dividing first keeps large powers from overflowing.
    Scaled {
        p: f64,
        scale: f64,
    },
}

/// The distances from each of `source` (`n x d`) to each of `target` (`m x d`).
#[derive(Clone)]
pub struct DistanceRows<'a> {
    source: MatRef<'a, f64>,
    target: MatRef<'a, f64>,
    source_norm: Vec<f64>,
    target_norm: Vec<f64>,
    power: Power,
    arch: pulp::Arch,
}

impl<'a> DistanceRows<'a> {
    #[must_use]
    pub fn new(source: MatRef<'a, f64>, target: MatRef<'a, f64>, power: Power) -> Self {
        let norms = |points: MatRef<'_, f64>| -> Vec<f64> {
            (0..points.nrows()).map(|i| points.row(i).iter().map(|v| v * v).sum()).collect()
        };
        let (source_norm, target_norm) = (norms(source), norms(target));
        Self { source, target, source_norm, target_norm, power, arch: pulp::Arch::new() }
    }

    #[must_use]
    pub fn source(&self) -> MatRef<'a, f64> {
        self.source
    }

    #[must_use]
    pub fn target(&self) -> MatRef<'a, f64> {
        self.target
    }

    #[must_use]
    pub fn power(&self) -> Power {
        self.power
    }

    /// All of them, row-major.
    #[must_use]
    pub fn matrix(&self) -> Vec<f64> {
        let (n, m) = (self.source.nrows(), self.target.nrows());
        let mut cost = vec![0.0; n * m];
        for (k, block) in cost.chunks_mut((BLOCK_ROWS * m).max(1)).enumerate() {
            self.fill(k * BLOCK_ROWS, block);
        }
        cost
    }

    /// Fill whole rows from row `first` on, row-major. How a row rounds may depend on the rows beside it.
    pub fn fill(&self, first: usize, out: &mut [f64]) {
        let m = self.target.nrows();
        let rows = out.len() / m;
        matmul(
            MatMut::from_row_major_slice_mut(out, rows, m),
            Accum::Replace,
            self.source.subrows(first, rows),
            self.target.transpose(),
            -2.0,
            Par::Seq,
        );
        for (k, row) in out.chunks_exact_mut(m).enumerate() {
            let source_norm = self.source_norm[first + k];
            let finish = AddNorms { row: &mut *row, source_norm, target_norm: &self.target_norm };
            if self.arch.dispatch(finish) > 0 {
                self.sum_close_pairs(first + k, row);
            }
            match self.power {
                Power::One => self.arch.dispatch(Roots { row }),
                Power::Two => (),
                Power::Scaled { p, scale } => {
                    row.iter_mut().for_each(|c| *c = (c.sqrt() / scale).powf(p));
                }
            }
        }
    }

    fn sum_close_pairs(&self, i: usize, row: &mut [f64]) {
        for (j, (square, norm)) in row.iter_mut().zip(&self.target_norm).enumerate() {
            if *square < CLOSE * (self.source_norm[i] + norm) {
                let (a, b) = (self.source.row(i), self.target.row(j));
                *square = a.iter().zip(b.iter()).map(|(a, b)| (a - b) * (a - b)).sum();
            }
        }
    }
}

/// Turn `-2ab` into squares of distances; returns how many are close.
struct AddNorms<'a> {
    row: &'a mut [f64],
    source_norm: f64,
    target_norm: &'a [f64],
}

impl WithSimd for AddNorms<'_> {
    type Output = u64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> u64 {
        let mut close = 0;
        for (square, norm) in self.row.iter_mut().zip(self.target_norm) {
            let scale = self.source_norm + norm;
            *square += scale;
            close += u64::from(*square < CLOSE * scale);
        }
        close
    }
}

struct Roots<'a> {
    row: &'a mut [f64],
}

impl WithSimd for Roots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for square in self.row {
            *square = square.sqrt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    #[test]
    fn close_points_keep_their_digits() {
        let source = [1e6, 0.0];
        let target = [1e6 + 1e-3, 0.0];
        let row = |x| MatRef::from_row_major_slice(x, 1, 2);
        let mut found = [0.0];
        DistanceRows::new(row(&source), row(&target), Power::One).fill(0, &mut found);
        assert!((found[0] - (target[0] - source[0])).abs() < 1e-15);
    }

    #[test]
    fn equals_the_sum_over_coordinates() {
        // Some pairs are equal, most are not.
        let points = |n: usize| Matrix::from_fn(n, 7, |i, k| ((i * 7 + k) as f64 * 1.3).sin());
        let (x, y) = (points(23), points(37));
        let powers =
            [(Power::One, 1.0), (Power::Two, 2.0), (Power::Scaled { p: 3.0, scale: 2.0 }, 3.0)];
        for (power, p) in powers {
            let mut found = vec![0.0; 20 * 37];
            DistanceRows::new(x.view(), y.view(), power).fill(3, &mut found);
            let scale = if let Power::Scaled { scale, .. } = power { scale } else { 1.0 };
            for (at, found) in found.iter().enumerate() {
                let (i, j) = (3 + at / 37, at % 37);
                let pairs = x.row(i).iter().zip(y.row(j));
                let square: f64 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
                let wanted = (square.sqrt() / scale).powf(p);
                assert!((found - wanted).abs() <= 1e-11 * wanted, "{power:?} {i} {j}");
            }
        }
    }
}
