//! Sums of outer products: the packed triangle in which they are kept and merged, and the blocked
//! sum in which rows are added up.

use faer::{linalg::matmul::triangular, Accum, Par};

use crate::linalg::matrix::dot_in_order;
use crate::linalg::Matrix;

/// Rows that are multiplied at a time.
const BLOCK_ROWS: usize = 256;

/// A symmetric `d x d` matrix, as the rows of its lower triangle one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    width: usize,
    lower: Vec<f64>,
}

impl Scatter {
    #[must_use]
    pub fn zeros(width: usize) -> Self {
        Self { width, lower: vec![0.0; width * (width + 1) / 2] }
    }

    /// Makes a scatter of its packed triangle; `None` if its length is not `width (width + 1) / 2`.
    #[must_use]
    pub fn from_packed(width: usize, lower: Vec<f64>) -> Option<Self> {
        (lower.len() == width * (width + 1) / 2).then_some(Self { width, lower })
    }

    /// Packs the lower triangle of a square matrix.
    #[must_use]
    pub fn from_lower(square: &Matrix) -> Self {
        let width = square.ncols();
        let mut lower = Vec::with_capacity(width * (width + 1) / 2);
        for (i, row) in square.rows().enumerate() {
            lower.extend_from_slice(&row[..=i]);
        }
        Self { width, lower }
    }

    /// Packs the lower triangle of a square matrix in the memory of that matrix, of which half is
    /// given back.
    #[must_use]
    pub fn from_square(square: Matrix) -> Self {
        let width = square.ncols();
        let mut lower = square.into_values();
        for i in 0..width {
            lower.copy_within(i * width..=i * width + i, i * (i + 1) / 2);
        }
        lower.truncate(width * (width + 1) / 2);
        lower.shrink_to_fit();
        Self { width, lower }
    }

    /// The packed triangle.
    #[must_use]
    pub fn packed(&self) -> &[f64] {
        &self.lower
    }

    /// The rows of the lower triangle, the `i`-th with `i + 1` entries.
    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.width).map(|i| &self.lower[i * (i + 1) / 2..][..=i])
    }

    #[must_use]
    pub fn diagonal(&self) -> Vec<f64> {
        self.rows().enumerate().map(|(i, row)| row[i]).collect()
    }

    #[must_use]
    pub fn trace(&self) -> f64 {
        self.diagonal().iter().sum()
    }

    /// Both triangles.
    #[must_use]
    pub fn square(&self) -> Matrix {
        let mut square = self.lower();
        mirror_lower(&mut square);
        square
    }

    /// The lower triangle of a square matrix, with zeros above.
    #[must_use]
    pub fn lower(&self) -> Matrix {
        let mut square = Matrix::zeros(self.width, self.width);
        for (i, row) in self.rows().enumerate() {
            square.row_mut(i)[..=i].copy_from_slice(row);
        }
        square
    }

    /// Add a scatter of the same width.
    pub fn add(&mut self, other: &Self) {
        for (sum, v) in self.lower.iter_mut().zip(&other.lower) {
            *sum += v;
        }
    }

    /// Add `weight v v^T`.
    pub fn add_outer(&mut self, weight: f64, v: &[f64]) {
        let mut rest = self.lower.as_mut_slice();
        for (i, vi) in v.iter().enumerate() {
            let (row, tail) = rest.split_at_mut(i + 1);
            let factor = weight * vi;
            for (sum, vj) in row.iter_mut().zip(v) {
                *sum += factor * vj;
            }
            rest = tail;
        }
    }

    /// The product with a vector.
    #[must_use]
    pub fn times(&self, v: &[f64]) -> Vec<f64> {
        let mut product = vec![0.0; self.width];
        for (i, row) in self.rows().enumerate() {
            let (head, diagonal) = (&row[..i], row[i]);
            product[i] += diagonal * v[i] + dot_in_order(head, v);
            for (p, a) in product.iter_mut().zip(head) {
                *p += a * v[i];
            }
        }
        product
    }
}

/// `sum(row^T row)` over rows that come one at a time.
#[derive(Debug, Clone)]
pub struct GramSum {
    block: Matrix,
    filled: usize,
    sum: Matrix,
}

impl GramSum {
    #[must_use]
    pub fn new(width: usize) -> Self {
        let (block, sum) = (Matrix::zeros(BLOCK_ROWS, width), Matrix::zeros(width, width));
        Self { block, filled: 0, sum }
    }

    /// Add the row that `fill` writes.
    pub fn push(&mut self, fill: impl FnOnce(&mut [f64])) {
        fill(self.block.row_mut(self.filled));
        self.filled += 1;
        if self.filled == BLOCK_ROWS {
            self.flush();
        }
    }

    /// The sum so far, in the lower triangle; the upper one is zero.
    pub fn lower(&mut self) -> &Matrix {
        self.flush();
        &self.sum
    }

    #[must_use]
    pub fn into_lower(mut self) -> Matrix {
        self.flush();
        self.sum
    }

    /// Start again from zero.
    pub fn clear(&mut self) {
        self.filled = 0;
        self.sum.values_mut().fill(0.0);
    }

    fn flush(&mut self) {
        let rows = self.block.view().subrows(0, self.filled);
        add_gram(&mut self.sum, 1.0, rows.transpose());
        self.filled = 0;
    }
}

/// Make a matrix symmetric whose lower triangle is given.
pub fn mirror_lower(square: &mut Matrix) {
    let size = square.nrows();
    for i in 0..size {
        for j in 0..i {
            square.values_mut()[j * size + i] = square.values()[i * size + j];
        }
    }
}

/// Add `factor left left^T` to the lower triangle of `sum`.
pub fn add_gram(sum: &mut Matrix, factor: f64, left: faer::MatRef<'_, f64>) {
    use triangular::BlockStructure::{Rectangular, TriangularLower};
    triangular::matmul(
        sum.view_mut(),
        TriangularLower,
        Accum::Add,
        left,
        Rectangular,
        left.transpose(),
        Rectangular,
        factor,
        Par::Seq,
    );
}
