//! The decomposition of a symmetric matrix, in the steps that it is made of: `A = Q T Q^T` with `T`
//! tridiagonal and `Q` a product of reflections, then `T = W diag(s) W^T`.
//!
//! The steps are apart because `Q W`, a matrix of the size of `A` and most of the memory beside it, is
//! seldom wanted whole: who needs some vectors in its coordinates turns those by `Q^T`, lets go of `Q`, and
//! turns them on by the rotations that `W` is a product of, without `W`; who needs the first eigenvectors
//! turns only those by `Q`. `A` itself is overwritten by `Q`.
//!
//! Reference: Golub and Van Loan, *Matrix Computations*, 4th ed., 2013, sections 8.3.1 and 8.3.3.

use faer::diag::{DiagMut, DiagRef};
use faer::dyn_stack::{MemBuffer, MemStack, StackReq};
use faer::linalg::evd::{tridiag, tridiagonal_self_adjoint_evd};
use faer::linalg::qr::no_pivoting::factor::recommended_block_size;
use faer::linalg::solvers::EvdError;
use faer::linalg::{householder, temp_mat_scratch};
use faer::{Conj, Mat, MatMut, MatRef, Par};

use pulp::{Simd, WithSimd};

use super::scatter::mirror_lower;
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
    mirror_lower(&mut lower);
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

/// Sweeps that an eigenvalue may take. Two are usual.
const SWEEPS: usize = 60;

impl Tridiagonal {
    /// The eigenvalues, largest first; makes of every row `v` the row `W^T v`, its coordinates in the
    /// eigenvectors of `T`.
    ///
    /// Implicit QR sweeps with Wilkinson's shift. Time `O(d^2)` for each of the rows, memory that of the rows: less
    /// than [`Tridiagonal::eigen`] takes where there are few of them.
    ///
    /// # Errors
    /// The iteration did not converge.
    pub fn diagonalise(mut self, rows: &mut Matrix) -> Result<Vec<f64>, EvdError> {
        let size = self.diagonal.len();
        let arch = pulp::Arch::new();
        let mut panels = panels(rows);
        let mut sweep = Vec::with_capacity(size);
        let (mut end, mut sweeps) = (size, 0);
        while end > 1 {
            let start = self.unreduced_from(end);
            if start + 1 == end {
                (end, sweeps) = (start, 0);
                continue;
            }
            if sweeps == SWEEPS {
                return Err(EvdError::NoConvergence);
            }
            sweeps += 1;
            self.sweep(start, end, &mut sweep);
            for panel in &mut panels {
                arch.dispatch(Rotate { sweep: &sweep, panel: &mut panel[start..end] });
            }
        }
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&a, &b| self.diagonal[b].total_cmp(&self.diagonal[a]));
        for (i, row) in rows.rows_mut().enumerate() {
            for (v, &k) in row.iter_mut().zip(&order) {
                *v = panels[i / LANES][k][i % LANES];
            }
        }
        Ok(order.into_iter().map(|k| self.diagonal[k]).collect())
    }

    /// Where the last block starts, of those that end before `end`, in which no entry beside the diagonal is
    /// negligible.
    fn unreduced_from(&mut self, end: usize) -> usize {
        for k in (1..end).rev() {
            let beside = self.diagonal[k - 1].abs() + self.diagonal[k].abs();
            let below = &mut self.below[k - 1];
            if below.abs() <= f64::EPSILON * beside + f64::MIN_POSITIVE {
                *below = 0.0;
                return k;
            }
        }
        0
    }

    /// One sweep over a block: the cosines and sines of its rotations, of each coordinate with the next.
    fn sweep(&mut self, start: usize, end: usize, rotations: &mut Vec<(f64, f64)>) {
        rotations.clear();
        let (d, e) = (&mut self.diagonal, &mut self.below);
        let last = end - 1;
        let half = 0.5 * (d[last - 1] - d[last]);
        let away = half + half.hypot(e[last - 1]).copysign(half);
        let shift = d[last] - if away == 0.0 { 0.0 } else { e[last - 1] / away * e[last - 1] };
        let (mut along, mut bulge) = (d[start] - shift, e[start]);
        for k in start..last {
            let length = along.hypot(bulge);
            let (c, s) = if length == 0.0 { (1.0, 0.0) } else { (along / length, bulge / length) };
            if k > start {
                e[k - 1] = length;
            }
            let (upper, lower, beside) = (d[k], d[k + 1], e[k]);
            let mixed = 2.0 * c * s * beside;
            d[k] = c * c * upper + s * s * lower + mixed;
            d[k + 1] = s * s * upper + c * c * lower - mixed;
            e[k] = (c * c - s * s) * beside + c * s * (lower - upper);
            along = e[k];
            if k + 1 < last {
                bulge = s * e[k + 1];
                e[k + 1] *= c;
            }
            rotations.push((c, s));
        }
    }
}

/// Some rows side by side, because a rotation turns two coordinates of all of them: two chains of the widest
/// vectors, each of which waits for its last rotation.
const LANES: usize = 16;
type Panel = Vec<[f64; LANES]>;

fn panels(rows: &Matrix) -> Vec<Panel> {
    let (count, size) = (rows.nrows(), rows.ncols());
    let entry = |i: usize, k: usize| if i < count { rows.row(i)[k] } else { 0.0 };
    let panel = |first| -> Panel {
        (0..size).map(|k| std::array::from_fn(|lane| entry(first + lane, k))).collect()
    };
    (0..count).step_by(LANES).map(panel).collect()
}

/// Rotations of each coordinate with the next.
struct Rotate<'a> {
    sweep: &'a [(f64, f64)],
    panel: &'a mut [[f64; LANES]],
}

impl WithSimd for Rotate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Some(mut upper) = self.panel.first().copied() else { return };
        for (k, (c, s)) in self.sweep.iter().enumerate() {
            let lower = self.panel[k + 1];
            self.panel[k] = std::array::from_fn(|lane| c * upper[lane] + s * lower[lane]);
            upper = std::array::from_fn(|lane| c * lower[lane] - s * upper[lane]);
        }
        self.panel[self.sweep.len()] = upper;
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

    /// Both ways to coordinates in the eigenvectors agree, up to signs, on eigenvalues that are apart, together
    /// and zero; and what is turned keeps its length.
    #[test]
    fn diagonalises_without_eigenvectors() {
        for (size, rank) in [(1, 1), (2, 2), (3, 1), (17, 17), (40, 7), (127, 127), (300, 300)] {
            let (tridiagonal, reflections) = tridiagonalise(symmetric(size, rank));
            let mut rows = Matrix::from_fn(3, size, |i, j| ((i * 5 + j) as f64 * 0.7).cos());
            reflections.to_coordinates(&mut rows);
            let eigen = tridiagonal.eigen().unwrap();
            let mut wanted = Matrix::zeros(3, size);
            wanted.set_to_product(rows.view(), eigen.leading(size));
            let before = rows.clone();
            let values = tridiagonal.diagonalise(&mut rows).unwrap();
            let scale = values[0];
            for (a, b) in values.iter().zip(eigen.values()) {
                assert!((a - b).abs() < 1e-13 * scale, "{size}: {a} {b}");
            }
            for ((turned, wanted), before) in rows.rows().zip(wanted.rows()).zip(before.rows()) {
                assert!((dot(turned, turned) - dot(before, before)).abs() < 1e-11);
                let apart = |k: usize| {
                    let gap = |j: usize| (values[k] - values[j]).abs();
                    (k == 0 || gap(k - 1) > 1e-6 * scale)
                        && (k + 1 == size || gap(k + 1) > 1e-6 * scale)
                };
                for k in (0..size).filter(|&k| apart(k)) {
                    assert!((turned[k].abs() - wanted[k].abs()).abs() < 1e-7, "{size} {k}");
                }
            }
        }
    }

    /// Blocks that are diagonal already, equal eigenvalues, zeros, and entries near the ends of the range.
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
            let values = Tridiagonal { diagonal, below }.diagonalise(&mut rows).unwrap();
            assert!(values.windows(2).all(|pair| pair[0] >= pair[1]));
            assert!((values.iter().sum::<f64>() - trace).abs() <= 1e-15 * largest);
            assert!((dot(rows.row(0), rows.row(0)) - 2.0).abs() < 1e-14);
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
        assert!(tridiagonal.diagonalise(&mut Matrix::zeros(2, 0)).unwrap().is_empty());
    }
}
