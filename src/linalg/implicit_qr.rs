//! The implicit QR iteration on a symmetric tridiagonal matrix, and the rotations that it is made
//! of, applied to vectors forth and back: vectors in the coordinates of all eigenvectors, or some
//! eigenvectors, without a matrix of all of them.
//!
//! Reference: Golub and Van Loan, *Matrix Computations*, 4th ed., 2013, section 8.3.3; Wilkinson's
//! shift.

use std::ops::Range;

use faer::linalg::solvers::EvdError;
use pulp::{Simd, WithSimd};

use crate::linalg::Matrix;

/// Sweeps that an eigenvalue may take. Two are usual.
const SWEEPS: usize = 60;

/// The state of the implicit QR iteration with Wilkinson's shift.
#[derive(Debug, Clone, PartialEq)]
pub struct Iteration {
    diagonal: Vec<f64>,
    below: Vec<f64>,
    /// The row from which on the matrix is diagonal.
    end: usize,
    /// The sweeps since `end` last changed.
    sweeps: usize,
}

impl Iteration {
    /// Starts with a tridiagonal matrix, given by its diagonal and the entries below it.
    #[must_use]
    pub fn new(diagonal: &[f64], below: &[f64]) -> Self {
        let (diagonal, below) = (diagonal.to_vec(), below.to_vec());
        Self { end: diagonal.len(), diagonal, below, sweeps: 0 }
    }

    /// The diagonal, which holds the eigenvalues once the iteration has ended.
    #[must_use]
    pub fn diagonal(&self) -> &[f64] {
        &self.diagonal
    }

    /// Makes one sweep over the last block that is not diagonal, and an empty one where all is.
    ///
    /// # Errors
    /// The iteration does not converge.
    pub fn sweep(&mut self, sweep: &mut Sweep) -> Result<(), EvdError> {
        sweep.clear();
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
        let Self { diagonal, below, .. } = self;
        for k in (1..self.end).rev() {
            // Beside the mean of its neighbours, not beside their sum: a small eigenvalue keeps its
            // digits.
            let beside = diagonal[k - 1].abs().sqrt() * diagonal[k].abs().sqrt();
            if below[k - 1].abs() <= f64::EPSILON * beside + f64::MIN_POSITIVE {
                below[k - 1] = 0.0;
                return k;
            }
        }
        0
    }

    fn rotate(&mut self, start: usize, sweep: &mut Sweep) {
        let last = self.end - 1;
        let Self { diagonal: d, below: e, .. } = self;
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
            sweep.rotations[PAD + k] = Rotation { cosine: c, sine: s };
        }
        sweep.range = start..last;
    }
}

/// Sweeps that are undone in one pass over the coordinates. Each works one coordinate behind the
/// sweep before it, so a pass reads and writes every coordinate once for all of them.
const FUSED: usize = 4;
/// Sweeps that are undone by one call.
pub const BLOCK_SWEEPS: usize = 16 * FUSED;
/// Rows without meaning at both ends of a panel, so that fused sweeps need no special case there.
const PAD: usize = FUSED;

/// A rotation of two coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rotation {
    cosine: f64,
    sine: f64,
}

impl Rotation {
    /// The rotation that turns nothing.
    const NONE: Self = Self { cosine: 1.0, sine: 0.0 };

    #[inline(always)]
    fn undone(self) -> Self {
        Self { cosine: self.cosine, sine: -self.sine }
    }
}

/// The rotations of each coordinate with the next. Outside of a range they turn nothing.
#[derive(Debug, Clone)]
pub struct Sweep {
    range: Range<usize>,
    rotations: Vec<Rotation>,
}

impl Sweep {
    /// A sweep over `size` coordinates that turns none of them.
    #[must_use]
    pub fn none(size: usize) -> Self {
        Self { range: 0..0, rotations: vec![Rotation::NONE; size + 2 * PAD] }
    }

    #[must_use]
    pub fn is_none(&self) -> bool {
        self.range.is_empty()
    }

    fn clear(&mut self) {
        for k in std::mem::take(&mut self.range) {
            self.rotations[PAD + k] = Rotation::NONE;
        }
    }
}

/// Vectors that stand side by side in a panel. Each rotation waits for the one before, so it is
/// applied to many vectors at once.
pub const LANES: usize = 16;
/// Vector registers that are turned at a time.
const REGISTERS: usize = 2;

/// Some vectors, stored coordinate by coordinate.
#[derive(Debug, Clone)]
pub struct Panel(Vec<[f64; LANES]>);

impl Panel {
    /// Panels for `count` vectors, of which `entry(i, k)` is coordinate `k` of vector `i`.
    #[must_use]
    pub fn of(count: usize, size: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<Self> {
        let panel = |first| {
            let mut panel = vec![[0.0; LANES]; size + 2 * PAD];
            for (k, row) in panel[PAD..PAD + size].iter_mut().enumerate() {
                for (i, v) in (first..count).zip(row) {
                    *v = entry(i, k);
                }
            }
            Self(panel)
        };
        (0..count).step_by(LANES).map(panel).collect()
    }

    /// Write the vectors into rows from `first` on, with coordinate `from(k)` in column `k`.
    pub fn write(&self, rows: &mut Matrix, first: usize, from: impl Fn(usize) -> usize) {
        for (lane, row) in rows.rows_mut().skip(first).take(LANES).enumerate() {
            for (k, v) in row.iter_mut().enumerate() {
                *v = self.0[PAD + from(k)][lane];
            }
        }
    }

    /// Applies the rotations of a sweep to all vectors.
    pub fn turn(&mut self, sweep: &Sweep) {
        pulp::Arch::new().dispatch(Turn { sweep, panel: &mut self.0 });
    }

    /// Undoes the rotations of successive sweeps, the last sweep first.
    pub fn turn_back(&mut self, sweeps: &[Sweep; BLOCK_SWEEPS]) {
        for sweeps in sweeps.as_chunks().0.iter().rev() {
            pulp::Arch::new().dispatch(TurnBack { sweeps, panel: &mut self.0 });
        }
    }
}

/// Applies the rotations of a sweep, from the first coordinate on.
struct Turn<'a> {
    sweep: &'a Sweep,
    panel: &'a mut [[f64; LANES]],
}

impl WithSimd for Turn<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let range = PAD + self.sweep.range.start..PAD + self.sweep.range.end;
        for at in 0..LANES / S::F64_LANES / REGISTERS {
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

/// Undoes the rotations of some sweeps, the last sweep first, from the last coordinate on. Every
/// coordinate is read and written once for all of them, because that takes longer than to turn it.
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
        for at in 0..LANES / S::F64_LANES / REGISTERS {
            let mut lower: [_; FUSED] =
                std::array::from_fn(|j| *registers::<S>(&mut self.panel[end + j], at));
            for k in (first..end).rev() {
                let mut passing = *registers::<S>(&mut self.panel[k], at);
                for (j, lower) in lower.iter_mut().enumerate() {
                    let rotation = self.sweeps[FUSED - 1 - j].rotations[k + j].undone();
                    (*lower, passing) = turned(simd, rotation, passing, *lower);
                }
                *registers::<S>(&mut self.panel[k + FUSED], at) = passing;
            }
            for (j, lower) in lower.into_iter().enumerate() {
                *registers::<S>(&mut self.panel[first + j], at) = lower;
            }
        }
    }
}

/// A group of the vector registers that hold one coordinate.
#[inline(always)]
fn registers<S: Simd>(row: &mut [f64; LANES], at: usize) -> &mut [S::f64s; REGISTERS] {
    &mut S::as_mut_simd_f64s(row).0.as_chunks_mut().0[at]
}

/// The rotated coordinates `(c u + s l, c l - s u)` of an upper `u` and a lower `l`.
#[inline(always)]
fn turned<S: Simd>(
    simd: S,
    rotation: Rotation,
    upper: [S::f64s; REGISTERS],
    lower: [S::f64s; REGISTERS],
) -> ([S::f64s; REGISTERS], [S::f64s; REGISTERS]) {
    let Rotation { cosine, sine } = rotation;
    let minus = simd.splat_f64s(-sine);
    let (cosine, sine) = (simd.splat_f64s(cosine), simd.splat_f64s(sine));
    let combined = |by, with: [S::f64s; REGISTERS], values: [S::f64s; REGISTERS]| {
        std::array::from_fn(|k| simd.mul_add_e_f64s(by, with[k], simd.mul_f64s(cosine, values[k])))
    };
    (combined(sine, lower, upper), combined(minus, upper, lower))
}
