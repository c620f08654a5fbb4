//! A dense row-major `f64` matrix: the one container that the mathematics passes around. Products
//! and decompositions are faer's, through [`Matrix::view`], and always sequential: whoever calls
//! decides about threads.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt;
use faer::linalg::matmul::{dot::inner_prod, matmul};
use faer::traits::RealField;
use faer::{Accum, ColRef, Conj, MatMut, MatRef, Par, RowRef};

/// Dense row-major matrix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    values: Vec<f64>,
    rows: usize,
    columns: usize,
}

impl Matrix {
    #[must_use]
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { values: vec![0.0; rows * columns], rows, columns }
    }

    /// Fill row by row.
    #[must_use]
    pub fn from_fn(
        rows: usize,
        columns: usize,
        mut value: impl FnMut(usize, usize) -> f64,
    ) -> Self {
        let mut matrix = Self::zeros(rows, columns);
        for i in 0..rows {
            for j in 0..columns {
                matrix.values[i * columns + j] = value(i, j);
            }
        }
        matrix
    }

    #[must_use]
    pub fn nrows(&self) -> usize {
        self.rows
    }

    #[must_use]
    pub fn ncols(&self) -> usize {
        self.columns
    }

    #[must_use]
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.columns..][..self.columns]
    }

    pub fn row_mut(&mut self, i: usize) -> &mut [f64] {
        &mut self.values[i * self.columns..][..self.columns]
    }

    /// The `nrows` rows in order; they are empty where the matrix has no columns.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.rows).map(|i| self.row(i))
    }

    /// The `nrows` rows in order; they are empty where the matrix has no columns.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f64]> {
        let (columns, mut rest) = (self.columns, &mut self.values[..]);
        (0..self.rows).map(move |_| {
            let row;
            (row, rest) = std::mem::take(&mut rest).split_at_mut(columns);
            row
        })
    }

    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    pub fn values_mut(&mut self) -> &mut [f64] {
        &mut self.values
    }

    #[must_use]
    pub fn into_values(self) -> Vec<f64> {
        self.values
    }

    #[must_use]
    pub fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.values, self.rows, self.columns)
    }

    pub fn view_mut(&mut self) -> MatMut<'_, f64> {
        MatMut::from_row_major_slice_mut(&mut self.values, self.rows, self.columns)
    }

    /// `self * other^T`.
    #[must_use]
    pub fn times_transposed(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.rows, other.rows);
        product.set_to_product(self.view(), other.view().transpose());
        product
    }

    /// `self^T * other`.
    #[must_use]
    pub fn transposed_times(&self, other: &Self) -> Self {
        let mut product = Self::zeros(self.columns, other.columns);
        product.set_to_product(self.view().transpose(), other.view());
        product
    }

    /// `weight row + bias` of every row.
    #[must_use]
    pub fn affine(&self, weight: &Self, bias: &[f64]) -> Self {
        let mut mapped = Self::zeros(self.rows, weight.rows);
        mapped.set_to_affine(self.view(), weight, bias);
        mapped
    }

    /// Overwrite with `weight row + bias` of every row of `rows`.
    pub fn set_to_affine(&mut self, rows: MatRef<'_, f64>, weight: &Self, bias: &[f64]) {
        self.set_to_product(rows, weight.view().transpose());
        for row in self.rows_mut() {
            for (v, b) in row.iter_mut().zip(bias) {
                *v += b;
            }
        }
    }

    /// Add `left * right`.
    pub fn add_product(&mut self, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
        matmul(self.view_mut(), Accum::Add, left, right, 1.0, Par::Seq);
    }

    /// Overwrite with `left * right`.
    pub fn set_to_product(&mut self, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
        matmul(self.view_mut(), Accum::Replace, left, right, 1.0, Par::Seq);
    }
}

/// Overwrite a symmetric matrix, given by its lower triangle, with its Cholesky factor. False where
/// it has none. Meant for columns that are contiguous.
#[must_use]
pub fn cholesky_in_place<T: RealField>(square: MatMut<'_, T>) -> bool {
    let size = square.nrows();
    let scratch = llt::factor::cholesky_in_place_scratch::<T>(size, Par::Seq, Default::default());
    let stack = &mut MemBuffer::new(scratch);
    let stack = MemStack::new(stack);
    llt::factor::cholesky_in_place(square, Default::default(), Par::Seq, stack, Default::default())
        .is_ok()
}

/// The inner product of two vectors, summed from the first entry to the last.
#[must_use]
pub fn dot_in_order(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The inner product of two vectors, summed in the order that the processor's vectors allow.
#[must_use]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    inner_prod(RowRef::from_slice(a), Conj::No, ColRef::from_slice(b), Conj::No)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A caller that zips rows with something else must not lose that where rows are empty.
    #[test]
    fn a_matrix_without_columns_has_empty_rows() {
        let mut matrix = Matrix::zeros(3, 0);
        assert_eq!(matrix.rows().map(<[f64]>::len).collect::<Vec<_>>(), [0; 3]);
        assert_eq!(matrix.rows_mut().map(|row| row.len()).collect::<Vec<_>>(), [0; 3]);
        assert_eq!(matrix.affine(&Matrix::zeros(2, 0), &[1.0, 2.0]).values(), [1.0, 2.0].repeat(3));
    }

    #[test]
    fn rows_are_in_order() {
        let mut matrix = Matrix::from_fn(2, 3, |i, j| (3 * i + j) as f64);
        assert_eq!(matrix.rows().collect::<Vec<_>>(), [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
        matrix.rows_mut().for_each(|row| row.reverse());
        assert_eq!(matrix.values(), [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]);
    }
}
