//! The decomposition of a symmetric matrix, in the steps that it is made of: `A = Q T Q^T` with `T`
//! tridiagonal and `Q` a product of reflections, then `T = W diag(s) W^T`.
//!
//! The steps are apart because `Q W`, a matrix of the size of `A` and most of the memory beside it, is
//! seldom wanted whole: who needs some vectors in its coordinates turns those by `Q^T`, lets go of `Q`, and
//! turns them on by the rotations that `W` is a product of, without `W`; who needs the first eigenvectors
//! turns those of `T` alone, back by the same rotations and by `Q`. Only of many vectors are products with all
//! of `W` faster. `A` itself is overwritten by `Q`.
//!
//! Reference: Golub and Van Loan, *Matrix Computations*, 4th ed., 2013, sections 8.3.1 and 8.3.3.

use std::ops::Range;

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

/// Eigenvalues of `T`, and how its eigenvectors were reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagonalised {
    tridiagonal: Tridiagonal,
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
    /// The eigenvalues; makes of every row `v` the row `W^T v`, its coordinates in the eigenvectors of `T`.
    ///
    /// Time `O(d^2)`, and as much again for each of the rows, or `O(d^3)` and three `d x d` matrices if they are many.
    ///
    /// # Errors
    /// The iteration did not converge.
    pub fn diagonalise(&self, rows: &mut Matrix) -> Result<Diagonalised, EvdError> {
        let size = self.diagonal.len();
        if is_many(rows.nrows(), size) {
            let diagonalised = Diagonalised::new(self, &mut [])?;
            let vectors = self.eigenvectors()?;
            let mut coordinates = Matrix::zeros(rows.nrows(), size);
            coordinates.set_to_product(rows.view(), vectors.as_ref().reverse_cols());
            *rows = coordinates;
            return Ok(diagonalised);
        }
        let mut panels = panels(rows.nrows(), size, |i, k| rows.row(i)[k]);
        let diagonalised = Diagonalised::new(self, &mut panels)?;
        for (i, row) in rows.rows_mut().enumerate() {
            for (v, &k) in row.iter_mut().zip(&diagonalised.order) {
                *v = panels[i / LANES][PAD + k][i % LANES];
            }
        }
        Ok(diagonalised)
    }

    /// In columns, that of the smallest eigenvalue first: by divide and conquer. Memory three `d x d` matrices.
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

/// Whether so many vectors that to turn each of them by the rotations would cost more than all eigenvectors.
fn is_many(vectors: usize, size: usize) -> bool {
    3 * vectors > 2 * size
}

impl Diagonalised {
    /// Turns the panels.
    fn new(tridiagonal: &Tridiagonal, panels: &mut [Panel]) -> Result<Self, EvdError> {
        let size = tridiagonal.diagonal.len();
        let mut iteration = Iteration { matrix: tridiagonal.clone(), end: size, sweeps: 0 };
        let mut checkpoints = Vec::new();
        let mut sweep = Sweep::none(size);
        for count in 0.. {
            if count % CHECKPOINT_SWEEPS == 0 {
                checkpoints.push(iteration.clone());
            }
            sweep.clear();
            iteration.sweep(&mut sweep)?;
            if sweep.range.is_empty() {
                break;
            }
            for panel in &mut *panels {
                pulp::Arch::new().dispatch(Turn { sweep: &sweep, panel });
            }
        }
        let diagonal = iteration.matrix.diagonal;
        let mut order: Vec<usize> = (0..size).collect();
        order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
        let values = order.iter().map(|&k| diagonal[k]).collect();
        Ok(Self { tridiagonal: tridiagonal.clone(), values, order, checkpoints })
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
        if is_many(rank, size) {
            let vectors = self.tridiagonal.eigenvectors()?;
            return Ok(Matrix::from_fn(rank, size, |k, i| vectors[(i, size - 1 - k)]));
        }
        let entry = |k: usize, i: usize| if self.order[k] == i { 1.0 } else { NEXT_TO_NONE };
        let mut panels = panels(rank, size, entry);
        // The rotations were forgotten. From the last checkpoint to the first, those after it are found again and
        // undone, the last one first.
        let mut block = vec![Sweep::none(size); CHECKPOINT_SWEEPS];
        for checkpoint in self.checkpoints.iter().rev() {
            let mut iteration = checkpoint.clone();
            for sweep in &mut block {
                sweep.clear();
                iteration.sweep(sweep)?;
            }
            for panel in &mut panels {
                for sweeps in block.as_chunks().0.iter().rev() {
                    pulp::Arch::new().dispatch(TurnBack { sweeps, panel });
                }
            }
        }
        let mut vectors = Matrix::zeros(rank, size);
        // By value: a panel goes as its vectors are written.
        for (panel, first) in panels.into_iter().zip((0..).step_by(LANES)) {
            for (lane, vector) in vectors.rows_mut().skip(first).take(LANES).enumerate() {
                for (v, row) in vector.iter_mut().zip(&panel[PAD..]) {
                    *v = row[lane];
                }
            }
        }
        Ok(vectors)
    }
}

/// For the zeros of a unit vector: small rotations would make of those a cascade of ever smaller numbers, and with
/// the smallest that there are a processor takes a hundred times as long.
const NEXT_TO_NONE: f64 = 1e-40;
/// Sweeps between two checkpoints.
const CHECKPOINT_SWEEPS: usize = 64;
/// Sweeps that an eigenvalue may take. Two are usual.
const SWEEPS: usize = 60;

/// Implicit QR with Wilkinson's shift, on the way.
#[derive(Debug, Clone, PartialEq)]
struct Iteration {
    matrix: Tridiagonal,
    /// Beyond it the matrix is diagonal.
    end: usize,
    /// Since `end` was found.
    sweeps: usize,
}

impl Iteration {
    /// One sweep over the last block that is not diagonal; none where all is.
    fn sweep(&mut self, sweep: &mut Sweep) -> Result<(), EvdError> {
        while self.end > 1 {
            let start = self.unreduced_from();
            if start + 1 < self.end {
                if self.sweeps == SWEEPS {
                    return Err(EvdError::NoConvergence);
                }
                self.sweeps += 1;
                self.rotate(start, sweep);
                break;
            }
            (self.end, self.sweeps) = (start, 0);
        }
        Ok(())
    }

    /// Where the last block starts in which no entry beside the diagonal is negligible.
    fn unreduced_from(&mut self) -> usize {
        let Tridiagonal { diagonal, below } = &mut self.matrix;
        for k in (1..self.end).rev() {
            let beside = diagonal[k - 1].abs() + diagonal[k].abs();
            if below[k - 1].abs() <= f64::EPSILON * beside + f64::MIN_POSITIVE {
                below[k - 1] = 0.0;
                return k;
            }
        }
        0
    }

    fn rotate(&mut self, start: usize, sweep: &mut Sweep) {
        let Tridiagonal { diagonal: d, below: e } = &mut self.matrix;
        let last = self.end - 1;
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
            sweep.rotations[PAD + k] = (c, s);
        }
        sweep.range = start..last;
    }
}

/// Sweeps that are undone at a time, each as many coordinates behind the one before as there are between, and rows
/// without meaning at both ends of what they turn, so that the ends need no care.
const FUSED: usize = 4;
const PAD: usize = FUSED;

/// The cosines and sines of rotations of each coordinate with the next: in a range, beyond which there are none.
#[derive(Clone)]
struct Sweep {
    range: Range<usize>,
    rotations: Vec<(f64, f64)>,
}

impl Sweep {
    const NO_TURN: (f64, f64) = (1.0, 0.0);

    fn none(size: usize) -> Self {
        Self { range: 0..0, rotations: vec![Self::NO_TURN; size + 2 * PAD] }
    }

    fn clear(&mut self) {
        for k in std::mem::take(&mut self.range) {
            self.rotations[PAD + k] = Self::NO_TURN;
        }
    }
}

/// Some vectors side by side, because a rotation turns two coordinates of all of them, and waits for the last one.
const LANES: usize = 16;
type Panel = Vec<[f64; LANES]>;
/// Vector registers that are turned at a time.
const REGISTERS: usize = 2;

fn panels(count: usize, size: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<Panel> {
    let panel = |first| {
        let mut panel = vec![[0.0; LANES]; size + 2 * PAD];
        for (k, row) in panel[PAD..PAD + size].iter_mut().enumerate() {
            for (i, v) in (first..count).zip(row) {
                *v = entry(i, k);
            }
        }
        panel
    };
    (0..count).step_by(LANES).map(panel).collect()
}

/// Turn each coordinate with the next, from the first on.
struct Turn<'a> {
    sweep: &'a Sweep,
    panel: &'a mut [[f64; LANES]],
}

impl WithSimd for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let range = PAD + self.sweep.range.start..PAD + self.sweep.range.end;
        for at in (0..LANES / S::F64_LANES).step_by(REGISTERS) {
            let mut upper = *registers::<S>(&mut self.panel[range.start], at);
            for k in range.clone() {
                let lower = *registers::<S>(&mut self.panel[k + 1], at);
                let turned = turned(simd, self.sweep.rotations[k], upper, lower);
                *registers::<S>(&mut self.panel[k], at) = turned.0;
                upper = turned.1;
            }
            *registers::<S>(&mut self.panel[range.end], at) = upper;
        }
    }
}

/// Undo that for some sweeps, the last one first, from the last coordinate on: a coordinate is read and written once,
/// which takes longer than to turn it.
struct TurnBack<'a> {
    sweeps: &'a [Sweep; FUSED],
    panel: &'a mut [[f64; LANES]],
}

impl WithSimd for TurnBack<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let some =
            || self.sweeps.iter().map(|sweep| &sweep.range).filter(|range| !range.is_empty());
        let (Some(start), Some(end)) = (some().map(|r| r.start).min(), some().map(|r| r.end).max())
        else {
            return;
        };
        let (first, end) = (PAD + start - (FUSED - 1), PAD + end);
        for at in (0..LANES / S::F64_LANES).step_by(REGISTERS) {
            let mut lower: [_; FUSED] =
                std::array::from_fn(|j| *registers::<S>(&mut self.panel[end + j], at));
            for k in (first..end).rev() {
                let mut passing = *registers::<S>(&mut self.panel[k], at);
                for (j, lower) in lower.iter_mut().enumerate() {
                    let (c, s) = self.sweeps[FUSED - 1 - j].rotations[k + j];
                    (*lower, passing) = turned(simd, (c, -s), passing, *lower);
                }
                *registers::<S>(&mut self.panel[k + FUSED], at) = passing;
            }
            for (j, lower) in lower.into_iter().enumerate() {
                *registers::<S>(&mut self.panel[first + j], at) = lower;
            }
        }
    }
}

/// Some of a coordinate's registers.
#[inline(always)]
fn registers<S: Simd>(row: &mut [f64; LANES], at: usize) -> &mut [S::f64s; REGISTERS] {
    let (all, _) = S::as_mut_simd_f64s(row);
    (&mut all[at..at + REGISTERS]).try_into().unwrap()
}

/// `(c u + s l, c l - s u)`.
#[inline(always)]
fn turned<S: Simd>(
    simd: S,
    (c, s): (f64, f64),
    upper: [S::f64s; REGISTERS],
    lower: [S::f64s; REGISTERS],
) -> ([S::f64s; REGISTERS], [S::f64s; REGISTERS]) {
    let (cosine, sine, minus) = (simd.splat_f64s(c), simd.splat_f64s(s), simd.splat_f64s(-s));
    let combined = |by, with: [S::f64s; REGISTERS], values: [S::f64s; REGISTERS]| {
        std::array::from_fn(|k| simd.mul_add_e_f64s(by, with[k], simd.mul_f64s(cosine, values[k])))
    };
    (combined(sine, lower, upper), combined(minus, upper, lower))
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

    /// `A u = s u`, and the eigenvectors are orthonormal: all of them, half of them and a few, of sizes on both sides
    /// of the library's switch from QR to divide and conquer, and of its block sizes.
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

    /// Coordinates in the eigenvectors are products with those, up to signs, of few vectors and of many, where
    /// eigenvalues are apart; lengths stay where they are not.
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
            let found = Tridiagonal { diagonal, below }.diagonalise(&mut rows).unwrap();
            let values = found.values();
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
        let diagonalised = tridiagonal.diagonalise(&mut Matrix::zeros(2, 0)).unwrap();
        assert!(diagonalised.values().is_empty());
        assert_eq!(diagonalised.leading(0).unwrap(), Matrix::zeros(0, 0));
    }
}
