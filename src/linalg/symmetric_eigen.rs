//! The eigendecomposition of a symmetric matrix in two steps: `A = Q T Q^T` with a tridiagonal `T`
//! and a product `Q` of reflections, then `T = W diag(s) W^T` with a product `W` of rotations.
//!
//! The two steps are separate functions because the matrix of all eigenvectors, `Q W`, is as large
//! as `A` and seldom needed whole. A caller who needs some vectors in the coordinates of the
//! eigenvectors multiplies them by `Q^T`, frees `Q`, and applies the rotations to them; `W` is
//! never formed. A caller who needs the first eigenvectors computes those of `T` from the same
//! rotations in reverse, and multiplies them by `Q`. Only for many vectors is a product with all of
//! `W` faster, and then `W` is formed. `Q` is stored in the memory of `A`.
//!
//! A sum of squares of features in different units has a diagonal that spans many orders of
//! magnitude. The coordinates of such a matrix are first sorted by their diagonal entries, the
//! largest first. Reflections and rotations then leave every part of the matrix at its own size, so
//! small eigenvalues and their vectors keep their digits (Barlow and Demmel, "Computing accurate
//! eigensystems of scaled diagonally dominant matrices", SIAM J. Numer. Anal. 27, 1990).
//!
//! Reference: Golub and Van Loan, *Matrix Computations*, 4th ed., 2013, section 8.3.1.

use faer::diag::{DiagMut, DiagRef};
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::{tridiag, tridiagonal_self_adjoint_evd};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::linalg::solvers::EvdError;
use faer::linalg::{householder, temp_mat_scratch};
use faer::{Conj, Mat, MatMut, MatRef, Par};

use crate::linalg::gram::mirror_lower;
use crate::linalg::implicit_qr::{Iteration, Panel, Sweep, BLOCK_SWEEPS, LANES};
use crate::linalg::Matrix;

/// A matrix is graded if the largest of its positive diagonal entries is more than this many times
/// the least: rounding at the size of the largest then takes more than six digits of the least.
const GRADED: f64 = 1e6;

/// The tridiagonal matrix `T`.
#[derive(Debug, Clone, PartialEq)]
pub struct Tridiagonal {
    diagonal: Vec<f64>,
    /// The entries below the diagonal, and a zero.
    below: Vec<f64>,
    /// The matrix that `T` was made of is graded.
    graded: bool,
}

/// The orthogonal matrix `Q`: reflections, after a permutation where the matrix is graded.
#[derive(Debug, Clone, PartialEq)]
pub struct Reflections {
    /// Row `k` holds the direction of reflection `k` right of the diagonal.
    directions: Matrix,
    factors: Mat<f64>,
    /// The coordinate that the permutation puts at each place; `None` where there is none.
    order: Option<Vec<usize>>,
}

/// The eigenvalues of `T`, and states of the iteration from which its eigenvectors are computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonalised<'a> {
    tridiagonal: &'a Tridiagonal,
    values: Vec<f64>,
    /// The place on the iteration's diagonal at which each eigenvalue stands.
    order: Vec<usize>,
    /// The state of the iteration before every block of sweeps, from which the block's rotations
    /// are found again. Storing all rotations instead would take as much memory as the vectors.
    checkpoints: Vec<Iteration>,
}

/// Computes `T` and `Q` for a symmetric matrix, of which only the lower triangle is read.
///
/// It takes `O(d^3)` time and overwrites the matrix; nothing else of its size is allocated.
///
/// # Panics
/// The matrix is not square.
#[must_use]
pub fn tridiagonalise(mut lower: Matrix) -> (Tridiagonal, Reflections) {
    let size = lower.nrows();
    assert_eq!(size, lower.ncols(), "a symmetric matrix is square");
    // The library reads the lower triangle of a column-major matrix, which is the upper triangle
    // of a row-major one.
    mirror_lower(&mut lower);
    let order = is_graded(&lower).then(|| largest_first(&mut lower));
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
    let graded = order.is_some();
    (Tridiagonal { diagonal, below, graded }, Reflections { directions: lower, factors, order })
}

/// Whether the positive entries of the diagonal span many orders of magnitude.
#[must_use]
pub fn is_graded(symmetric: &Matrix) -> bool {
    let diagonal = (0..symmetric.nrows()).map(|i| symmetric.row(i)[i]).filter(|v| *v > 0.0);
    let (least, most) = diagonal.fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(v), m.max(v)));
    most / GRADED > least
}

/// Sorts the coordinates of a symmetric matrix by its diagonal, and returns which coordinate comes
/// at each place.
fn largest_first(symmetric: &mut Matrix) -> Vec<usize> {
    let size = symmetric.nrows();
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| symmetric.row(b)[b].total_cmp(&symmetric.row(a)[a]));
    for place in 0..size {
        // What should come here may have been swapped away from where it was.
        let mut from = order[place];
        while from < place {
            from = order[from];
        }
        for k in 0..size {
            symmetric.values_mut().swap(place * size + k, from * size + k);
        }
        for k in 0..size {
            symmetric.values_mut().swap(k * size + place, k * size + from);
        }
    }
    order
}

impl Tridiagonal {
    /// Computes the eigenvalues, and replaces every row `v` by `W^T v`, its coordinates in the
    /// eigenvectors of `T`.
    ///
    /// It takes `O(d^2)` time, and as much again for each of the rows; for many rows it takes
    /// `O(d^3)` time and the memory of three `d x d` matrices.
    ///
    /// # Errors
    /// The iteration did not converge.
    pub fn diagonalise(&self, rows: &mut Matrix) -> Result<Diagonalised<'_>, EvdError> {
        let size = self.diagonal.len();
        if self.by_product(rows.nrows()) {
            let diagonalised = Diagonalised::new(self, &mut [])?;
            let vectors = self.eigenvectors()?;
            let mut coordinates = Matrix::zeros(rows.nrows(), size);
            coordinates.set_to_product(rows.view(), vectors.as_ref().reverse_cols());
            *rows = coordinates;
            return Ok(diagonalised);
        }
        let mut panels = Panel::of(rows.nrows(), size, |i, k| rows.row(i)[k]);
        let diagonalised = Diagonalised::new(self, &mut panels)?;
        for (panel, first) in panels.into_iter().zip((0..).step_by(LANES)) {
            panel.write(rows, first, |k| diagonalised.order[k]);
        }
        Ok(diagonalised)
    }

    /// Whether a product with all eigenvectors costs less than applying the rotations to each of
    /// `vectors` vectors. For a graded matrix the product is never taken, because it would lose the
    /// digits that rotations keep.
    fn by_product(&self, vectors: usize) -> bool {
        3 * vectors > 2 * self.diagonal.len() && !self.graded
    }

    /// All eigenvectors of `T` as columns, that of the smallest eigenvalue first. They are computed
    /// by divide and conquer, which needs the memory of three `d x d` matrices.
    fn eigenvectors(&self) -> Result<Mat<f64>, EvdError> {
        let size = self.diagonal.len();
        let mut vectors = Mat::zeros(size, size);
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
                DiagMut::from_slice_mut(&mut vec![0.0; size]),
                Some(vectors.as_mut()),
                Par::Seq,
                MemStack::new(&mut MemBuffer::new(scratch)),
                Default::default(),
            )?;
        }
        Ok(vectors)
    }
}

impl<'a> Diagonalised<'a> {
    /// Runs the iteration to its end, and applies its rotations to the panels.
    fn new(tridiagonal: &'a Tridiagonal, panels: &mut [Panel]) -> Result<Self, EvdError> {
        let size = tridiagonal.diagonal.len();
        let mut iteration = Iteration::new(&tridiagonal.diagonal, &tridiagonal.below);
        let mut checkpoints = Vec::new();
        let mut sweep = Sweep::none(size);
        for count in 0.. {
            if count % BLOCK_SWEEPS == 0 {
                checkpoints.push(iteration.clone());
            }
            iteration.sweep(&mut sweep)?;
            if sweep.is_none() {
                break;
            }
            for panel in &mut *panels {
                panel.turn(&sweep);
            }
        }
        let diagonal = iteration.diagonal();
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
        let values = order.iter().map(|&k| diagonal[k]).collect();
        Ok(Self { tridiagonal, values, order, checkpoints })
    }

    /// The eigenvalues, largest first.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The eigenvectors of the `rank` largest eigenvalues, as rows. Their signs are arbitrary.
    ///
    /// Each takes `O(d^2)` time; many take `O(d^3)` time and the memory of three `d x d` matrices.
    ///
    /// # Errors
    /// The iteration did not converge.
    pub fn leading(&self, rank: usize) -> Result<Matrix, EvdError> {
        let size = self.values.len();
        if self.tridiagonal.by_product(rank) {
            let vectors = self.tridiagonal.eigenvectors()?;
            return Ok(Matrix::from_fn(rank, size, |k, i| vectors[(i, size - 1 - k)]));
        }
        let entry = |k: usize, i: usize| if self.order[k] == i { 1.0 } else { NEXT_TO_NONE };
        let mut panels = Panel::of(rank, size, entry);
        // Rotations are not stored. Block by block, from the last checkpoint to the first, they are
        // computed again and undone in reverse.
        let mut block: [Sweep; BLOCK_SWEEPS] = std::array::from_fn(|_| Sweep::none(size));
        for checkpoint in self.checkpoints.iter().rev() {
            let mut iteration = checkpoint.clone();
            for sweep in &mut block {
                iteration.sweep(sweep)?;
            }
            for panel in &mut panels {
                panel.turn_back(&block);
            }
        }
        let mut vectors = Matrix::zeros(rank, size);
        // Panels are taken by value, so that each is freed once its vectors are written.
        for (panel, first) in panels.into_iter().zip((0..).step_by(LANES)) {
            panel.write(&mut vectors, first, |k| k);
        }
        Ok(vectors)
    }
}

/// What stands for the zeros of a unit vector. Products of small rotations with exact zeros and
/// ones would pass through subnormal numbers, with which processors are a hundred times slower.
const NEXT_TO_NONE: f64 = 1e-40;

impl Reflections {
    /// Replaces every row `v` by `Q^T v`, its coordinates in the columns of `Q`.
    pub fn to_coordinates(&self, rows: &mut Matrix) {
        if let Some(order) = &self.order {
            let moved = Matrix::from_fn(rows.nrows(), rows.ncols(), |i, k| rows.row(i)[order[k]]);
            *rows = moved;
        }
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

    /// Replaces every row `v` by `Q v`.
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
        if let Some(order) = &self.order {
            let mut moved = Matrix::zeros(rows.nrows(), rows.ncols());
            for (from, to) in rows.rows().zip(moved.rows_mut()) {
                for (v, &at) in from.iter().zip(order) {
                    to[at] = *v;
                }
            }
            *rows = moved;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::matrix::dot;

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

    /// `A u = s u`, and the eigenvectors are orthonormal: all of them, half of them and a few, of
    /// sizes on both sides of the library's switch from QR to divide and conquer, and of its block
    /// sizes.
    #[test]
    fn decomposes() {
        for (size, rank) in
            [(1, 1), (2, 2), (3, 1), (17, 17), (40, 7), (127, 127), (128, 9), (300, 300)]
        {
            let matrix = symmetric(size, rank);
            let (tridiagonal, reflections) = tridiagonalise(with_junk_above(&matrix));
            let diagonalised = tridiagonal.diagonalise(&mut Matrix::zeros(0, size)).unwrap();
            let values = diagonalised.values();
            let scale = values[0];
            assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
            let trace: f64 = (0..size).map(|i| matrix.row(i)[i]).sum();
            assert!((values.iter().sum::<f64>() - trace).abs() < 1e-12 * scale);
            for count in [size, size / 2, size.min(3)] {
                let mut vectors = diagonalised.leading(count).unwrap();
                assert_eq!((vectors.nrows(), vectors.ncols()), (count, size));
                reflections.from_coordinates(&mut vectors);
                let images = vectors.times_transposed(&matrix);
                for ((u, image), value) in vectors.rows().zip(images.rows()).zip(values) {
                    for (a, b) in image.iter().zip(u) {
                        assert!((a - value * b).abs() < 1e-12 * scale, "{size}: {a} {value} {b}");
                    }
                }
                let gram = vectors.times_transposed(&vectors);
                for (i, row) in gram.rows().enumerate() {
                    for (j, v) in row.iter().enumerate() {
                        let wanted = f64::from(u8::from(i == j));
                        assert!((v - wanted).abs() < 1e-12, "{size}: {i} {j} {v}");
                    }
                }
            }
        }
    }

    /// Coordinates in the eigenvectors are products with those, up to signs, of few vectors and of
    /// many, where eigenvalues are apart; lengths stay where they are not.
    #[test]
    fn coordinates_are_products_with_the_eigenvectors() {
        for (size, rank) in [(2, 2), (3, 1), (17, 17), (40, 7), (127, 127), (300, 300)] {
            let (tridiagonal, reflections) = tridiagonalise(symmetric(size, rank));
            for count in [1, 3, size] {
                let mut rows = Matrix::from_fn(count, size, |i, j| ((i * 5 + j) as f64).cos());
                reflections.to_coordinates(&mut rows);
                let before = rows.clone();
                let diagonalised = tridiagonal.diagonalise(&mut rows).unwrap();
                let values = diagonalised.values();
                let vectors = diagonalised.leading(size).unwrap();
                let wanted = before.times_transposed(&vectors);
                let apart = |k: usize| {
                    let gap = |j: usize| (values[k] - values[j]).abs() > 1e-6 * values[0];
                    (k == 0 || gap(k - 1)) && (k + 1 == size || gap(k + 1))
                };
                for ((turned, wanted), before) in rows.rows().zip(wanted.rows()).zip(before.rows())
                {
                    assert!((dot(turned, turned) - dot(before, before)).abs() < 1e-11);
                    for k in (0..size).filter(|&k| apart(k)) {
                        assert!((turned[k].abs() - wanted[k].abs()).abs() < 1e-7, "{size} {k}");
                    }
                }
            }
        }
    }

    /// Blocks that are diagonal already, equal eigenvalues, zeros, and entries near the ends of the
    /// range.
    #[test]
    fn diagonalises_what_needs_no_or_little_turning() {
        for (diagonal, below) in [
            (vec![2.0, 2.0, 2.0], vec![0.0, 0.0, 0.0]),
            (vec![0.0, 0.0, 0.0], vec![1.0, 0.0, 0.0]),
            (vec![1.0, 1.0, 1.0], vec![1e-200, 1.0, 0.0]),
            (vec![1e-300, 3e-300, 2e-300], vec![1e-300, 1e-301, 0.0]),
            (vec![1e300, 0.0, 1e-300], vec![0.0, 1e-310, 0.0]),
        ] {
            let largest = diagonal.iter().fold(0.0, |a: f64, b| a.max(*b)).max(below[0]);
            let trace: f64 = diagonal.iter().sum();
            let mut rows = Matrix::from_fn(1, 3, |_, j| j as f64 - 1.0);
            let tridiagonal = Tridiagonal { diagonal, below, graded: false };
            let found = tridiagonal.diagonalise(&mut rows).unwrap();
            let values = found.values();
            assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
            assert!((values.iter().sum::<f64>() - trace).abs() <= 1e-15 * largest);
            assert!((dot(rows.row(0), rows.row(0)) - 2.0).abs() < 1e-14);
        }
    }

    /// Where each coordinate is a million times the next one, eigenvalues are the pivots of
    /// elimination, the largest coordinates first, but for a share of 1e-12; the eigenvectors
    /// reproduce every entry at its own size.
    #[test]
    fn keeps_the_digits_of_small_eigenvalues() {
        let size = 5;
        let correlations = {
            let factor =
                Matrix::from_fn(size, 9, |i, j| ((1 + i * 31 + j * 17 + i * j) as f64).sin());
            factor.times_transposed(&factor)
        };
        // The largest coordinate is neither the first nor the last one.
        let unit = |i: usize| 1e6_f64.powi([-3, 1, -1, 2, -2][i]);
        let matrix = Matrix::from_fn(size, size, |i, j| correlations.row(i)[j] * unit(i) * unit(j));
        let order = [3, 1, 2, 4, 0];
        let mut rest = Matrix::from_fn(size, size, |i, j| correlations.row(order[i])[order[j]]);
        let pivots: Vec<f64> = (0..size)
            .map(|k| {
                let pivot = rest.row(k)[k];
                for i in k + 1..size {
                    let factor = rest.row(i)[k] / pivot;
                    for j in k..size {
                        let above = rest.row(k)[j];
                        rest.row_mut(i)[j] -= factor * above;
                    }
                }
                pivot * unit(order[k]) * unit(order[k])
            })
            .collect();
        let (tridiagonal, reflections) = tridiagonalise(matrix.clone());
        let diagonalised = tridiagonal.diagonalise(&mut Matrix::zeros(0, size)).unwrap();
        for (found, wanted) in diagonalised.values().iter().zip(&pivots) {
            assert!((found / wanted - 1.0).abs() < 1e-10, "{found:e} {wanted:e}");
        }
        let mut vectors = diagonalised.leading(size).unwrap();
        reflections.from_coordinates(&mut vectors);
        for i in 0..size {
            for j in 0..size {
                let terms = vectors.rows().zip(diagonalised.values());
                let found: f64 = terms.map(|(u, value)| u[i] * value * u[j]).sum();
                let error = (found - matrix.row(i)[j]).abs();
                assert!(error < 1e-10 * unit(i) * unit(j) * correlations.row(i)[i], "{i} {j}");
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
        let diagonalised = tridiagonal.diagonalise(&mut Matrix::zeros(2, 0)).unwrap();
        assert!(diagonalised.values().is_empty());
        assert_eq!(diagonalised.leading(0).unwrap(), Matrix::zeros(0, 0));
    }
}
