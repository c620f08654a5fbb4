//! Euclidean distances between two point sets, a block of rows at a time: whole matrices are filled
//! by it, and rows that are needed again and again without the memory to hold them all.
//!
//! Squares come from `|a|^2 + |b|^2 - 2ab` in one matrix product; pairs so close that this loses
//! digits to cancellation are summed again coordinate by coordinate.

use std::ops::Range;

use faer::{linalg::matmul::matmul, Accum, MatMut, MatRef, Par};

use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::transport::costs::point_rows::PointRows;

/// Squares below this share of `|a|^2 + |b|^2` are summed again: it keeps their relative error
/// below about 1e-12.
const CLOSE: f64 = 1e-3;

/// Rows and columns of a matrix that are filled at a time, so that they are still in the cache when
/// their norms are added; fewer columns where their points take more bytes than that.
const BLOCK_ROWS: usize = 128;
const BLOCK_COLUMNS: usize = 512;
const BLOCK_BYTES: usize = 1 << 20;

/// What becomes of a distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Power {
    One,
    Two,
    /// `(distance / scale)^p`, but no more than [`LARGEST_POWER`]. Dividing first keeps powers of
    /// the distances that matter from overflowing and underflowing.
    Scaled {
        p: f64,
        scale: f64,
    },
}

/// A scaled power of a distance is at most this. No optimal plan moves mass so far where another
/// plan moves all of it within `scale`, so cutting larger ones off changes no optimum.
const LARGEST_POWER: f64 = 1e30;

impl Power {
    /// The power `p`; `scale` gives a distance that scales it, where it is neither 1 nor 2.
    #[must_use]
    pub fn new(p: f64, scale: impl FnOnce() -> f64) -> Self {
        match p {
            1.0 => Self::One,
            2.0 => Self::Two,
            _ => Self::Scaled { p, scale: scale() },
        }
    }

    /// The cost of a distance.
    #[must_use]
    pub fn of(self, distance: f64) -> f64 {
        match self {
            Self::One => distance,
            Self::Two => distance * distance,
            Self::Scaled { .. } if distance == 0.0 => 0.0,
            Self::Scaled { p, scale } => {
                let power = (distance / scale).powf(p);
                // Not `min`, which would turn NaN into a number.
                if power > LARGEST_POWER {
                    LARGEST_POWER
                } else {
                    power
                }
            }
        }
    }

    /// The distance whose cost is 1.
    #[must_use]
    pub fn scale(self) -> f64 {
        match self {
            Self::One | Self::Two => 1.0,
            Self::Scaled { scale, .. } => scale,
        }
    }

    /// The distance that has a cost.
    #[must_use]
    pub fn root(self, cost: f64) -> f64 {
        match self {
            Self::One => cost,
            Self::Two => cost.sqrt(),
            Self::Scaled { p, scale } => scale * cost.powf(1.0 / p),
        }
    }
}

/// Memory in which tiles of costs are computed, with the points that they are between.
#[derive(Debug, Default)]
pub struct TileMemory {
    source: Matrix,
    target: Matrix,
    costs: Vec<f64>,
}

/// Memory for the two points of a pair.
#[derive(Debug, Default)]
pub struct PairMemory {
    source: Vec<f64>,
    target: Vec<f64>,
}

/// What a power `p` of a distance between points of so many coordinates is off by at most, as a
/// share of it: sums of products of coordinates round, and no more than [`CLOSE`] of them may be
/// left when they have cancelled.
#[must_use]
pub fn relative_error(width: usize, p: f64) -> f64 {
    p * (width + 8) as f64 * f64::EPSILON / CLOSE
}

/// The distances from each of `source` (`n x d`) to each of `target` (`m x d`).
#[derive(Clone)]
pub struct DistanceRows<'a> {
    source: PointRows<'a>,
    target: PointRows<'a>,
    source_norm: Vec<f64>,
    target_norm: Vec<f64>,
    power: Power,
    arch: pulp::Arch,
}

impl<'a> DistanceRows<'a> {
    #[must_use]
    pub fn new(source: PointRows<'a>, target: PointRows<'a>, power: Power) -> Self {
        let (source_norm, target_norm) = (source.square_norms(), target.square_norms());
        Self { source, target, source_norm, target_norm, power, arch: pulp::Arch::new() }
    }

    #[must_use]
    pub fn nrows(&self) -> usize {
        self.source_norm.len()
    }

    #[must_use]
    pub fn ncols(&self) -> usize {
        self.target_norm.len()
    }

    /// The distances among some of the points.
    #[must_use]
    pub fn select(&self, rows: &[u32], columns: &[u32]) -> Self {
        Self::new(self.source.select(rows), self.target.select(columns), self.power)
    }

    /// The matrix of all costs, row-major.
    #[must_use]
    pub fn matrix(&self, parallelism: Parallelism) -> Vec<f64> {
        let (n, m) = (self.nrows(), self.ncols());
        let mut cost = vec![0.0; n * m];
        let mut blocks: Vec<&mut [f64]> = cost.chunks_mut((BLOCK_ROWS * m).max(1)).collect();
        parallelism.for_each(&mut blocks, |k, block| self.fill(k * BLOCK_ROWS, block));
        cost
    }

    /// Fill whole rows from row `first` on, row-major. How a row rounds may depend on the rows
    /// beside it.
    pub fn fill(&self, first: usize, out: &mut [f64]) {
        let m = self.ncols();
        let rows = out.len() / m.max(1);
        let (mut source_buffer, mut target_buffer) = (Matrix::default(), Matrix::default());
        let source = self.source.block(first, rows, &mut source_buffer);
        let columns = self.columns_of_tile();
        for start in (0..m).step_by(columns) {
            let count = columns.min(m - start);
            let target = self.target.block(start, count, &mut target_buffer);
            self.fill_tile((first, source), (start, target), (&mut *out, m), start);
        }
    }

    /// Shows the costs of some rows, a tile of consecutive columns at a time: row-major, with the
    /// first column of the tile. No more than a tile is held. The first tile shown is number `turn`
    /// of them, and the last is the one before it.
    pub fn for_each_tile(
        &self,
        rows: Range<usize>,
        turn: usize,
        memory: &mut TileMemory,
        mut see: impl FnMut(usize, &[f64]),
    ) {
        let m = self.ncols();
        let source = self.source.block(rows.start, rows.len(), &mut memory.source);
        let columns = self.columns_of_tile();
        let tiles = m.div_ceil(columns);
        memory.costs.resize(rows.len() * columns.min(m), 0.0);
        for tile in 0..tiles {
            let start = (tile + turn) % tiles * columns;
            let count = columns.min(m - start);
            let target = self.target.block(start, count, &mut memory.target);
            let costs = &mut memory.costs[..rows.len() * count];
            self.fill_tile((rows.start, source), (start, target), (&mut *costs, count), 0);
            see(start, costs);
        }
    }

    fn columns_of_tile(&self) -> usize {
        let point_bytes = self.target.width().max(1) * size_of::<f64>();
        (BLOCK_BYTES / point_bytes).clamp(BLOCK_ROWS, BLOCK_COLUMNS)
    }

    /// Fills the costs between consecutive source and target points, each given with the position
    /// of the first, into rows of so many costs as are given with them, from column `at` on.
    fn fill_tile(
        &self,
        (first, source): (usize, MatRef<'_, f64>),
        (start, target): (usize, MatRef<'_, f64>),
        (out, stride): (&mut [f64], usize),
        at: usize,
    ) {
        let count = target.nrows();
        matmul(
            MatMut::from_row_major_slice_mut(out, source.nrows(), stride).subcols_mut(at, count),
            Accum::Replace,
            source,
            target.transpose(),
            -2.0,
            Par::Seq,
        );
        for (k, row) in out.chunks_exact_mut(stride).enumerate() {
            let row = &mut row[at..at + count];
            let source_norm = self.source_norm[first + k];
            let target_norm = &self.target_norm[start..start + count];
            if self.arch.dispatch(|| add_norms(row, source_norm, target_norm)) > 0 {
                sum_close_pairs(row, (source, k), target, source_norm, target_norm);
            }
            match self.power {
                Power::One => {
                    self.arch.dispatch(|| row.iter_mut().for_each(|c| *c = c.sqrt()));
                }
                Power::Two => (),
                Power::Scaled { .. } => {
                    row.iter_mut().for_each(|c| *c = self.power.of(c.sqrt()));
                }
            }
        }
    }

    /// The cost of one pair: what a tile has for it, up to rounding.
    #[must_use]
    pub fn pair(&self, i: usize, j: usize, memory: &mut PairMemory) -> f64 {
        let width = self.source.width();
        memory.source.resize(width, 0.0);
        memory.target.resize(width, 0.0);
        self.source.copy(i, &mut memory.source);
        self.target.copy(j, &mut memory.target);
        let pairs = memory.source.iter().zip(&memory.target);
        let square: f64 = pairs.map(|(a, b)| (a - b) * (a - b)).sum();
        match self.power {
            Power::Two => square,
            power => power.of(square.sqrt()),
        }
    }

    /// The distances the other way.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self {
            source: self.target.clone(),
            target: self.source.clone(),
            source_norm: self.target_norm.clone(),
            target_norm: self.source_norm.clone(),
            ..*self
        }
    }
}

/// Sum the squares of one source point's close pairs again.
fn sum_close_pairs(
    row: &mut [f64],
    (source, k): (MatRef<'_, f64>, usize),
    target: MatRef<'_, f64>,
    source_norm: f64,
    target_norm: &[f64],
) {
    for (j, (square, norm)) in row.iter_mut().zip(target_norm).enumerate() {
        if *square < CLOSE * (source_norm + norm) {
            let (a, b) = (source.row(k), target.row(j));
            *square = a.iter().zip(b.iter()).map(|(a, b)| (a - b) * (a - b)).sum();
        }
    }
}

/// Turn `-2ab` into squares of distances; returns how many are close.
#[inline(always)]
fn add_norms(row: &mut [f64], source_norm: f64, target_norm: &[f64]) -> u64 {
    let mut close = 0;
    for (square, norm) in row.iter_mut().zip(target_norm) {
        let scale = source_norm + norm;
        *square += scale;
        close += u64::from(*square < CLOSE * scale);
    }
    close
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_points_keep_their_digits() {
        let source = [1e6, 0.0];
        let target = [1e6 + 1e-3, 0.0];
        let row = |x| MatRef::from_row_major_slice(x, 1, 2);
        let mut found = [0.0];
        DistanceRows::new(row(&source).into(), row(&target).into(), Power::One).fill(0, &mut found);
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
            DistanceRows::new(x.view().into(), y.view().into(), power).fill(3, &mut found);
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
