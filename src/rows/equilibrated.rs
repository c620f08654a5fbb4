//! Positive semi-definite matrices with every coordinate scaled to a diagonal of 1, and their
//! Cholesky factors.
//!
//! A feature may stand in any unit. Whether a direction carries information or only rounding
//! therefore cannot be told from its size beside the largest one. It can once all coordinates have
//! variance 1: entry `(i, j)` of a sum of squares has an error of some roundings of
//! `sqrt(s_ii s_jj)`, the same for all entries of the scaled matrix. Cholesky with pivoting keeps
//! that: `L L^T` is the matrix with an error in each entry of that size.
//!
//! References: van der Sluis, "Condition numbers and equilibration of matrices", Numer. Math. 14,
//! 1969; Demmel and Veselic, "Jacobi's method is more accurate than QR", SIAM J. Matrix Anal. Appl.
//! 13, 1992.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt_pivoting::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::{MatRef, Par};

use crate::linalg::Matrix;

/// Smaller sums of squares lack digits: their coordinates count as constant.
pub const LEAST_SQUARE: f64 = f64::MIN_POSITIVE;

/// A factorisation of a positive semi-definite matrix, `S = D P L L^T P^T D`, with the roots of its
/// diagonal in `D` and a permutation `P`.
#[derive(Debug, Clone)]
pub struct Equilibrated {
    /// The root of each diagonal entry; 0 where the entry is too small to have digits.
    scale: Vec<f64>,
    /// The coordinate that the permutation puts at each place.
    order: Vec<usize>,
    /// Row `k` holds column `k` of `L`.
    columns: Matrix,
    rank: usize,
}

impl Equilibrated {
    /// Factors the matrix whose lower triangle is given, which is a sum of `squares` outer
    /// products, in `O(d^3)` time. `None` where an entry is not finite, or is much larger than the
    /// diagonal of a positive semi-definite matrix allows.
    #[must_use]
    pub fn of(lower: &Matrix, squares: usize) -> Option<Self> {
        let size = lower.nrows();
        let root = |square: f64| if square < LEAST_SQUARE { 0.0 } else { square.sqrt() };
        let scale: Vec<f64> = (0..size).map(|i| root(lower.row(i)[i])).collect();
        let mut columns = Matrix::from_fn(size, size, |i, j| {
            let (low, high) = (i.min(j), i.max(j));
            scaled(lower.row(high)[low], scale[high], scale[low])
        });
        let mut order = vec![0; size];
        if scale.iter().all(|s| *s == 0.0) {
            return Some(Self { scale, order, columns, rank: 0 });
        }
        let mut places = vec![0; size];
        let scratch = cholesky_in_place_scratch::<usize, f64>(size, Par::Seq, Default::default());
        cholesky_in_place(
            columns.view_mut().transpose_mut(),
            &mut order,
            &mut places,
            Par::Seq,
            MemStack::new(&mut MemBuffer::new(scratch)),
            Default::default(),
        )
        .ok()?;
        // Pivots fall, except that the factorisation may end with one of any size.
        let rounding = squares.max(size) as f64 * f64::EPSILON;
        let is_above = |k: &usize| columns.row(*k)[*k] * columns.row(*k)[*k] > rounding;
        let rank = (0..size).take_while(is_above).count();
        Some(Self { scale, order, columns, rank })
    }

    /// How many directions stand clear of rounding.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// The matrix `R` with `S = R^T R`, which has one row for each direction.
    #[must_use]
    pub fn root(&self) -> Matrix {
        let mut root = Matrix::zeros(self.rank, self.scale.len());
        for (k, row) in root.rows_mut().enumerate() {
            for (place, &at) in self.order.iter().enumerate().skip(k) {
                row[at] = self.scale[at] * self.columns.row(k)[place];
            }
        }
        root
    }

    /// The number `v^T S^+ v` for each row `v`. Rows must lie in the span of `S`.
    #[must_use]
    pub fn inverse_squares(&self, rows: &Matrix) -> Vec<f64> {
        let mut solved = Matrix::from_fn(rows.nrows(), self.rank, |i, k| {
            let at = self.order[k];
            scaled(rows.row(i)[at], self.scale[at], 1.0)
        });
        let factor: MatRef<'_, f64> = self.columns.view().transpose();
        let factor = factor.submatrix(0, 0, self.rank, self.rank);
        solve_lower_triangular_in_place(factor, solved.view_mut().transpose_mut(), Par::Seq);
        solved.rows().map(|row| row.iter().map(|v| v * v).sum()).collect()
    }
}

/// An entry divided by the roots of its two diagonal entries; 0 where one of them is 0.
fn scaled(entry: f64, one: f64, other: f64) -> f64 {
    if one > 0.0 && other > 0.0 {
        // One after the other: their product may be beyond the range of floats.
        entry / one / other
    } else {
        0.0
    }
}
