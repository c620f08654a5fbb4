//! The decomposition of a symmetric matrix, in the steps that it is made of: `A = Q T Q^T` with `T`
//! tridiagonal and `Q` a product of reflections, then `T = W diag(s) W^T`.
//!
//! The steps are apart because `Q W`, a matrix of the size of `A` and most of the memory beside it, is
//! seldom wanted whole: who needs some vectors in its coordinates turns those by `Q^T` and lets go of
//! `Q` before `W` is made, and who needs the first eigenvectors turns only those by `Q`. `A` itself is
//! overwritten by `Q`.

use faer::diag::{DiagMut, DiagRef};
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::{tridiag, tridiagonal_self_adjoint_evd};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::linalg::solvers::EvdError;
use faer::linalg::{householder, temp_mat_scratch};
use faer::{Conj, Mat, MatMut, MatRef, Par};

use crate::matrix::Matrix;

/// `T`, by its diagonal and the one below.
#[derive(Debug, Clone, PartialEq)]
pub struct Tridiagonal {
    diagonal: Vec<f64>,
    below: Vec<f64>,
}

/// `Q`, as reflections.
#[derive(Debug, Clone, PartialEq)]
pub struct Reflections {
    /// Reflection `k` is in row `k`, right of the diagonal.
    directions: Matrix,
    factors: Mat<f64>,
}

/// Eigenvalues, largest first, and eigenvectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Eigen {
    values: Vec<f64>,
    /// In columns, that of the smallest eigenvalue first.
    vectors: Mat<f64>,
}

/// `T` and `Q` of the symmetric matrix whose lower triangle is given; the upper one is not read.
///
/// Time `O(d^3)`; the matrix is overwritten, nothing else of its size is made.
///
/// # Panics
/// The matrix is not square.
#[must_use]
pub fn tridiagonalise(mut lower: Matrix) -> (Tridiagonal, Reflections) {
    let size = lower.nrows();
    assert_eq!(size, lower.ncols(), "a symmetric matrix is square");
    // The library reads the lower triangle and wants columns in a row each: the upper one, transposed.
    for i in 0..size {
        for j in 0..i {
            lower.values_mut()[j * size + i] = lower.values()[i * size + j];
        }
    }
    let mut factors = Mat::zeros(recommended_block_size::<f64>(size, size), size.saturating_sub(1));
    let scratch = tridiag::tridiag_in_place_scratch::<f64>(size, Par::Seq, Default::default());
    tridiag::tridiag_in_place(
        lower.view_mut().transpose_mut(),
        factors.as_mut(),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Default::default(),
    );
    let diagonal = (0..size).map(|i| lower.row(i)[i]).collect();
    let below = (0..size).map(|i| lower.row(i).get(i + 1).copied().unwrap_or(0.0)).collect();
    (Tridiagonal { diagonal, below }, Reflections { directions: lower, factors })
}

impl Tridiagonal {
    /// Time `O(d^3)`, less where eigenvalues are close together; memory three `d x d` matrices.
    ///
    /// # Errors
    /// The iteration did not converge.
    pub fn eigen(&self) -> Result<Eigen, EvdError> {
        let size = self.diagonal.len();
        let (mut values, mut vectors) = (vec![0.0; size], Mat::zeros(size, size));
        if size > 0 {
            let vector = temp_mat_scratch::<f64>(size, 1);
            let scratch = StackReq::all_of(&[
                temp_mat_scratch::<f64>(size, size).array(2),
                vector.array(8),
                temp_mat_scratch::<f64>(size, 0),
                StackReq::new::<usize>(size).array(4),
            ]);
            tridiagonal_self_adjoint_evd(
                DiagRef::from_slice(&self.diagonal),
                DiagRef::from_slice(&self.below),
                DiagMut::from_slice_mut(&mut values),
                Some(vectors.as_mut()),
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
                Default::default(),
            )?;
        }
        values.reverse();
        Ok(Eigen { values, vectors })
    }
}

impl Reflections {
    /// Make of every row `v` the row `Q^T v`: its coordinates in the columns of `Q`.
    pub fn to_coordinates(&self, rows: &mut Matrix) {
        self.apply(rows, |directions, factors, vectors, stack| {
            householder::apply_block_householder_sequence_transpose_on_the_left_in_place_with_conj(
                directions,
                factors,
                Conj::No,
                vectors,
                Par::Seq,
                stack,
            );
        });
    }

    /// Make of every row `v` the row `Q v`.
    pub fn from_coordinates(&self, rows: &mut Matrix) {
        self.apply(rows, |directions, factors, vectors, stack| {
            householder::apply_block_householder_sequence_on_the_left_in_place_with_conj(
                directions,
                factors,
                Conj::No,
                vectors,
                Par::Seq,
                stack,
            );
        });
    }

    fn apply(
        &self,
        rows: &mut Matrix,
        product: impl Fn(MatRef<'_, f64>, MatRef<'_, f64>, MatMut<'_, f64>, &mut MemStack),
    ) {
        let (size, count) = (self.directions.nrows(), rows.nrows());
        // A single number is not reflected.
        if size < 2 || count == 0 {
            return;
        }
        let scratch = temp_mat_scratch::<f64>(self.factors.nrows(), count);
        product(
            self.directions.view().transpose().submatrix(1, 0, size - 1, size - 1),
            self.factors.as_ref(),
            rows.view_mut().transpose_mut().subrows_mut(1, size - 1),
            MemStack::new(&mut MemBuffer::new(scratch)),
        );
    }
}

impl Eigen {
    /// Largest first.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The eigenvectors of the `rank` largest eigenvalues, as columns.
    #[must_use]
    pub fn leading(&self, rank: usize) -> MatRef<'_, f64> {
        self.vectors.as_ref().reverse_cols().subcols(0, rank)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::dot;

    fn symmetric(size: usize, rank: usize) -> Matrix {
        let factor =
            Matrix::from_fn(size, rank, |i, j| ((1 + i * 31 + j * 17 + i * j) as f64).sin());
        factor.times_transposed(&factor)
    }

    fn with_junk_above(matrix: &Matrix) -> Matrix {
        Matrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| {
            if j > i {
                f64::NAN
            } else {
                matrix.row(i)[j]
            }
        })
    }

    /// `A u = s u` for all, and the eigenvectors are orthonormal; sizes on both sides of the library's
    /// switch from QR to divide and conquer, and of its block sizes.
    #[test]
    fn decomposes() {
        for (size, rank) in
            [(1, 1), (2, 2), (3, 1), (17, 17), (40, 7), (127, 127), (128, 9), (300, 300)]
        {
            let matrix = symmetric(size, rank);
            let (tridiagonal, reflections) = tridiagonalise(with_junk_above(&matrix));
            let eigen = tridiagonal.eigen().unwrap();
            let leading = eigen.leading(size);
            let mut vectors = Matrix::from_fn(size, size, |k, i| leading[(i, k)]);
            reflections.from_coordinates(&mut vectors);
            let scale = eigen.values()[0];
            assert!(eigen.values().windows(2).all(|pair| pair[0] >= pair[1]));
            let images = vectors.times_transposed(&matrix);
            for ((u, image), value) in vectors.rows().zip(images.rows()).zip(eigen.values()) {
                for (a, b) in image.iter().zip(u) {
                    assert!((a - value * b).abs() < 1e-12 * scale, "{size}: {a} {value} {b}");
                }
            }
            let gram = vectors.times_transposed(&vectors);
            for (i, row) in gram.rows().enumerate() {
                for (j, v) in row.iter().enumerate() {
                    assert!((v - f64::from(u8::from(i == j))).abs() < 1e-12, "{size}: {i} {j} {v}");
                }
            }
        }
    }

    #[test]
    fn turns_back_and_forth_and_keeps_lengths() {
        let (_, reflections) = tridiagonalise(symmetric(90, 90));
        let before = Matrix::from_fn(4, 90, |i, j| ((i + 7 * j) as f64).cos());
        let mut rows = before.clone();
        reflections.to_coordinates(&mut rows);
        for (turned, row) in rows.rows().zip(before.rows()) {
            assert!((dot(turned, turned) - dot(row, row)).abs() < 1e-12 * dot(row, row));
        }
        reflections.from_coordinates(&mut rows);
        for (a, b) in rows.values().iter().zip(before.values()) {
            assert!((a - b).abs() < 1e-13);
        }
    }

    #[test]
    fn nothing_is_decomposed_into_nothing() {
        let (tridiagonal, reflections) = tridiagonalise(Matrix::zeros(0, 0));
        reflections.from_coordinates(&mut Matrix::zeros(0, 0));
        assert!(tridiagonal.eigen().unwrap().values().is_empty());
    }
}
