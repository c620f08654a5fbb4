//! The decomposition of a symmetric matrix, in the steps that it is made of: `A = Q T Q^T` with `T`
//! tridiagonal and `Q` a product of reflections, then `T = W diag(s) W^T`.
//!
//! The steps are apart because `Q W`, a matrix of the size of `A` and most of the memory beside it,
//! is seldom wanted whole: who needs some vectors in its coordinates turns those by `Q^T`, lets go
//! of `Q`, and turns them on by the rotations that `W` is a product of, without `W`; who needs the
//! first eigenvectors turns those of `T` alone, back by the same rotations and by `Q`. Only of many
//! vectors are products with all of `W` faster. `A` itself is overwritten by `Q`.
//!
//! Of a matrix whose diagonal spans many orders of magnitude, a sum of squares of features in
//! different units, the coordinates are first put in order of it, the largest one first.
//! Reflections and rotations then keep each part of the matrix at its own size, and with it the
//! digits of small eigenvalues and of their vectors (Barlow and Demmel, "Computing accurate
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

/// Positive diagonal entries further apart than this make a graded matrix.
const GRADED: f64 = 1e6;

/// `T`, by its diagonal and the one below.
#[derive(Debug, Clone, PartialEq)]
pub struct Tridiagonal {
    diagonal: Vec<f64>,
    below: Vec<f64>,
    graded: bool,
}

/// `Q`, as reflections, and as a permutation before them where the matrix is graded.
#[derive(Debug, Clone, PartialEq)]
pub struct Reflections {
    /// Reflection `k` is in row `k`, right of the diagonal.
    directions: Matrix,
    factors: Mat<f64>,
    /// Which coordinate comes at each place.
    order: Option<Vec<usize>>,
}

/// Eigenvalues of `T`, and how its eigenvectors were reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonalised<'a> {
    tridiagonal: &'a Tridiagonal,
    values: Vec<f64>,
    /// Where each eigenvalue ended up.
    order: Vec<usize>,
    checkpoints: Vec<Iteration>,
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
    // The library reads the lower triangle and wants columns in a row each: the upper one,
    // transposed.
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

/// Put the coordinates of a symmetric matrix in order of its diagonal; returns which one comes at
/// each place.
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
    /// The eigenvalues; makes of every row `v` the row `W^T v`, its coordinates in the eigenvectors
    /// of `T`.
    ///
    /// Time `O(d^2)`, and as much again for each of the rows, or `O(d^3)` and three `d x d`
    /// matrices if they are many.
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

    /// Whether so many vectors that to turn each of them by the rotations would cost more than all
    /// eigenvectors. Those of a graded matrix would lose the digits that rotations keep.
    fn by_product(&self, vectors: usize) -> bool {
        3 * vectors > 2 * self.diagonal.len() && !self.graded
    }

    /// In columns, that of the smallest eigenvalue first: by divide and conquer. Memory three
    /// `d x d` matrices.
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
    /// Turns the panels.
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

    /// The eigenvectors of the `rank` largest eigenvalues, as rows; their signs are any.
    ///
    /// Time `O(d^2)` for each, or `O(d^3)` and three `d x d` matrices if they are many.
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
        // The rotations were forgotten. From the last checkpoint to the first, those after it are
        // found again and undone, the last one first.
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
        // By value: a panel goes as its vectors are written.
        for (panel, first) in panels.into_iter().zip((0..).step_by(LANES)) {
            panel.write(&mut vectors, first, |k| k);
        }
        Ok(vectors)
    }
}

/// For the zeros of a unit vector: small rotations would make of those a cascade of ever smaller
/// numbers, and with the smallest that there are a processor takes a hundred times as long.
const NEXT_TO_NONE: f64 = 1e-40;

impl Reflections {
    /// Make of every row `v` the row `Q^T v`: its coordinates in the columns of `Q`.
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
