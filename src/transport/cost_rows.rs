//! The costs of a transport problem as the network simplex reads them, row by row: from a matrix that is
//! held, or computed from the points whenever they are asked for, where the matrix would take too much
//! memory.

use std::borrow::Cow;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::distance_rows::DistanceRows;
use super::TransportError;
use crate::parallelism::Parallelism;

/// Costs computed at a time, in bytes, where there is memory for them: enough rows for a fast matrix product.
const BLOCK_BYTES: usize = 16 << 20;

/// Costs of `n` source points to `m` target points each.
pub enum CostRows<'a> {
    /// Row-major `n x m`.
    Held {
        cost: Cow<'a, [f64]>,
        columns: usize,
    },
    Computed(Box<ComputedRows<'a>>),
}

/// Distances in blocks of consecutive rows, of which the last one asked for is kept. A row is always
/// computed in the same block, so it always has the same bits.
pub struct ComputedRows<'a> {
    distances: DistanceRows<'a>,
    memory: usize,
    rows_per_block: usize,
    /// The rows that `block` holds.
    held: Range<usize>,
    block: Vec<f64>,
}

impl<'a> CostRows<'a> {
    /// From a row-major matrix.
    ///
    /// # Errors
    /// The slice does not hold `rows x columns` costs.
    pub fn of_matrix(cost: &'a [f64], rows: usize, columns: usize) -> Result<Self, TransportError> {
        if cost.len() != rows * columns {
            return Err(TransportError::Shape { rows, columns, found: cost.len() });
        }
        Ok(Self::Held { cost: Cow::Borrowed(cost), columns })
    }

    /// Held if the matrix takes no more than `memory` bytes; otherwise computed, in blocks that take no more
    /// either, or are single rows.
    #[must_use]
    pub fn of_distances(
        distances: DistanceRows<'a>,
        memory: usize,
        parallelism: Parallelism,
    ) -> Self {
        let (n, m) = (distances.nrows(), distances.ncols());
        if fits(n, m, memory) {
            return Self::Held { cost: Cow::Owned(distances.matrix(parallelism)), columns: m };
        }
        let rows_per_block = (BLOCK_BYTES.min(memory) / (m * size_of::<f64>()).max(1)).max(1);
        let (held, block) = (0..0, Vec::new());
        let computed = ComputedRows { distances, memory, rows_per_block, held, block };
        Self::Computed(Box::new(computed))
    }

    #[must_use]
    pub fn nrows(&self) -> usize {
        match self {
            Self::Held { cost, columns } => cost.len() / columns,
            Self::Computed(computed) => computed.distances.nrows(),
        }
    }

    #[must_use]
    pub fn ncols(&self) -> usize {
        match self {
            Self::Held { columns, .. } => *columns,
            Self::Computed(computed) => computed.distances.ncols(),
        }
    }

    /// Whether a row can be read at any time at no more than what reading takes.
    #[must_use]
    pub fn are_held(&self) -> bool {
        matches!(self, Self::Held { .. })
    }

    pub fn row(&mut self, i: usize) -> &[f64] {
        match self {
            Self::Held { cost, columns } => &cost[i * *columns..][..*columns],
            Self::Computed(computed) => computed.row(i),
        }
    }

    /// The largest absolute cost, after checking that every cost is finite.
    ///
    /// # Errors
    /// A cost that is not.
    pub fn largest(&mut self) -> Result<f64, TransportError> {
        let columns = self.ncols();
        let mut largest = 0.0_f64;
        for i in 0..self.nrows() {
            // All that are held at once: rows may be short.
            let values = match self {
                Self::Held { cost, .. } if i == 0 => &cost[..],
                Self::Held { .. } => break,
                Self::Computed(computed) => computed.row(i),
            };
            let Some(here) = pulp::Arch::new().dispatch(Largest { values }) else {
                let at = values.iter().position(|c| !c.is_finite()).unwrap_or(0);
                let (row, column) = (i + at / columns, at % columns);
                return Err(TransportError::BadCost { row, column, value: values[at] });
            };
            largest = largest.max(here);
        }
        Ok(largest)
    }

    /// The costs among some of the points.
    #[must_use]
    pub fn select(&mut self, rows: &[u32], columns: &[u32]) -> Self {
        match self {
            Self::Held { cost, columns: width } => {
                let mut selected = Vec::with_capacity(rows.len() * columns.len());
                for &i in rows {
                    let row = &cost[i as usize * *width..][..*width];
                    selected.extend(columns.iter().map(|&j| row[j as usize]));
                }
                Self::Held { cost: Cow::Owned(selected), columns: columns.len() }
            }
            Self::Computed(computed) => {
                let selected = computed.distances.select(rows, columns);
                Self::of_distances(selected, computed.memory, Parallelism::Sequential)
            }
        }
    }
}

/// The largest absolute value; `None` where one is not finite.
struct Largest<'a> {
    values: &'a [f64],
}

impl WithSimd for Largest<'_> {
    type Output = Option<f64>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Option<f64> {
        /// Chains, so that one maximum need not wait for the one before.
        const LANES: usize = 32;
        let larger = |a: f64, b: f64| if a > b { a } else { b };
        // Nothing times zero is zero, unless it is not finite.
        let (mut largest, mut zero) = ([0.0; LANES], [0.0; LANES]);
        let (lanes, rest) = self.values.as_chunks::<LANES>();
        for values in lanes {
            for ((l, z), v) in largest.iter_mut().zip(&mut zero).zip(values) {
                *l = larger(v.abs(), *l);
                *z += v * 0.0;
            }
        }
        for v in rest {
            largest[0] = larger(v.abs(), largest[0]);
            zero[0] += v * 0.0;
        }
        let is_finite = zero.iter().sum::<f64>() == 0.0;
        is_finite.then(|| largest.into_iter().fold(0.0, larger))
    }
}

impl ComputedRows<'_> {
    fn row(&mut self, i: usize) -> &[f64] {
        let m = self.distances.ncols();
        let wanted = self.block_of(i);
        if self.held != wanted {
            self.block.resize(wanted.len() * m, 0.0);
            self.distances.fill(wanted.start, &mut self.block);
            self.held = wanted;
        }
        &self.block[(i - self.held.start) * m..][..m]
    }

    fn block_of(&self, i: usize) -> Range<usize> {
        let first = i - i % self.rows_per_block;
        first..(first + self.rows_per_block).min(self.distances.nrows())
    }
}

/// Whether `n x m` costs take no more than `memory` bytes.
#[must_use]
pub fn fits(n: usize, m: usize, memory: usize) -> bool {
    n.saturating_mul(m).saturating_mul(size_of::<f64>()) <= memory
}
