//! The costs of a transport problem as solvers read them, row by row: from a matrix that is held,
//! or computed from the points whenever they are asked for, where the matrix would take too much
//! memory.

use std::borrow::Cow;
use std::ops::Range;

use crate::parallelism::Parallelism;
use crate::transport::costs::distance_rows::DistanceRows;
use crate::transport::costs::ground_cost::MarginRows;
use crate::transport::TransportError;

/// Costs computed at a time, in bytes, where there is memory for them: enough rows for a fast
/// matrix product.
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

/// Costs in blocks of consecutive rows, of which the last one asked for is kept. A row is always
/// computed in the same block, so it always has the same bits.
#[derive(Clone)]
pub struct ComputedRows<'a> {
    kind: Kind<'a>,
    /// Costs are at most this.
    cap: f64,
    memory: usize,
    rows_per_block: usize,
    /// The rows that `block` holds.
    held: Range<usize>,
    block: Vec<f64>,
}

#[derive(Clone)]
enum Kind<'a> {
    Distances(DistanceRows<'a>),
    Margins(MarginRows<'a>),
}

impl Kind<'_> {
    fn nrows(&self) -> usize {
        match self {
            Self::Distances(rows) => rows.nrows(),
            Self::Margins(rows) => rows.nrows(),
        }
    }

    fn ncols(&self) -> usize {
        match self {
            Self::Distances(rows) => rows.ncols(),
            Self::Margins(rows) => rows.ncols(),
        }
    }

    fn select(&self, rows: &[u32], columns: &[u32]) -> Self {
        match self {
            Self::Distances(all) => Self::Distances(all.select(rows, columns)),
            Self::Margins(all) => Self::Margins(all.select(rows, columns)),
        }
    }

    fn matrix(&self, parallelism: Parallelism) -> Vec<f64> {
        match self {
            Self::Distances(rows) => rows.matrix(parallelism),
            Self::Margins(rows) => rows.matrix(),
        }
    }

    fn fill(&self, first: usize, out: &mut [f64]) {
        match self {
            Self::Distances(rows) => rows.fill(first, out),
            Self::Margins(rows) => rows.fill(first, out),
        }
    }
}

impl<'a> CostRows<'a> {
    /// Reads costs from a row-major matrix.
    ///
    /// # Errors
    /// The slice does not hold `rows x columns` costs.
    pub fn of_matrix(cost: &'a [f64], rows: usize, columns: usize) -> Result<Self, TransportError> {
        if cost.len() != rows * columns {
            return Err(TransportError::Shape { rows, columns, found: cost.len() });
        }
        Ok(Self::Held { cost: Cow::Borrowed(cost), columns })
    }

    /// Powers of distances: held if the matrix takes no more than `memory` bytes; otherwise
    /// computed, in blocks that take no more either, or are single rows.
    #[must_use]
    pub fn of_distances(
        distances: DistanceRows<'a>,
        memory: usize,
        parallelism: Parallelism,
    ) -> Self {
        Self::of_kind(Kind::Distances(distances), memory, parallelism)
    }

    /// Margin costs, held or computed by the same rule.
    #[must_use]
    pub fn of_margins(margins: MarginRows<'a>, memory: usize) -> Self {
        Self::of_kind(Kind::Margins(margins), memory, Parallelism::Sequential)
    }

    fn of_kind(kind: Kind<'a>, memory: usize, parallelism: Parallelism) -> Self {
        let (n, m) = (kind.nrows(), kind.ncols());
        if fits(n, m, memory) {
            return Self::Held { cost: Cow::Owned(kind.matrix(parallelism)), columns: m };
        }
        let rows_per_block = (BLOCK_BYTES.min(memory) / (m * size_of::<f64>()).max(1)).max(1);
        let (cap, held, block) = (f64::INFINITY, 0..0, Vec::new());
        let computed = ComputedRows { kind, cap, memory, rows_per_block, held, block };
        Self::Computed(Box::new(computed))
    }

    /// Lowers the costs above `cap` to it.
    #[must_use]
    pub fn capped(&self, cap: f64) -> Self {
        match self {
            Self::Held { cost, columns } => {
                let cost = cost.iter().map(|c| c.min(cap)).collect();
                Self::Held { cost: Cow::Owned(cost), columns: *columns }
            }
            Self::Computed(computed) => {
                let (held, block) = (0..0, Vec::new());
                let kind = computed.kind.clone();
                Self::Computed(Box::new(ComputedRows { kind, cap, held, block, ..**computed }))
            }
        }
    }

    #[must_use]
    pub fn nrows(&self) -> usize {
        match self {
            Self::Held { cost, columns } => cost.len() / columns,
            Self::Computed(computed) => computed.kind.nrows(),
        }
    }

    #[must_use]
    pub fn ncols(&self) -> usize {
        match self {
            Self::Held { columns, .. } => *columns,
            Self::Computed(computed) => computed.kind.ncols(),
        }
    }

    /// The matrix, row-major, if it is held: a row can then be read at any time at no more than
    /// what reading takes.
    #[must_use]
    pub fn matrix(&self) -> Option<&[f64]> {
        match self {
            Self::Held { cost, .. } => Some(cost),
            Self::Computed(_) => None,
        }
    }

    pub fn row(&mut self, i: usize) -> &[f64] {
        match self {
            Self::Held { cost, columns } => &cost[i * *columns..][..*columns],
            Self::Computed(computed) => computed.row(i),
        }
    }

    /// The smallest and the largest cost, after checking that every cost is finite.
    ///
    /// # Errors
    /// A cost that is not.
    pub fn extremes(&mut self) -> Result<Extremes, TransportError> {
        let columns = self.ncols();
        let mut all = Extremes::NONE;
        for i in 0..self.nrows() {
            // All that are held at once: rows may be short.
            let values = match self {
                Self::Held { cost, .. } if i == 0 => &cost[..],
                Self::Held { .. } => break,
                Self::Computed(computed) => computed.row(i),
            };
            let Some(here) = pulp::Arch::new().dispatch(|| Extremes::of(values)) else {
                let at = values.iter().position(|c| !c.is_finite()).unwrap_or(0);
                let (row, column) = (i + at / columns, at % columns);
                return Err(TransportError::BadCost { row, column, value: values[at] });
            };
            all.smallest = all.smallest.min(here.smallest);
            all.largest = all.largest.max(here.largest);
        }
        Ok(all)
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
                let selected = computed.kind.select(rows, columns);
                let sequential = Parallelism::Sequential;
                let mut selected = Self::of_kind(selected, computed.memory, sequential);
                match &mut selected {
                    Self::Held { cost, .. } => {
                        cost.to_mut().iter_mut().for_each(|c| *c = c.min(computed.cap));
                    }
                    Self::Computed(selected) => selected.cap = computed.cap,
                }
                selected
            }
        }
    }
}

/// The smallest and the largest of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extremes {
    pub smallest: f64,
    pub largest: f64,
}

impl Extremes {
    /// The extremes of no values.
    const NONE: Self = Self { smallest: f64::INFINITY, largest: f64::NEG_INFINITY };

    /// `None` where a value is not finite.
    #[inline(always)]
    fn of(values: &[f64]) -> Option<Self> {
        /// Chains, so that one extreme need not wait for the one before.
        const LANES: usize = 32;
        let smaller = |a: f64, b: f64| if a < b { a } else { b };
        let larger = |a: f64, b: f64| if a > b { a } else { b };
        let mut smallest = [f64::INFINITY; LANES];
        let mut largest = [f64::NEG_INFINITY; LANES];
        // Nothing times zero is zero, unless it is not finite.
        let mut zero = [0.0; LANES];
        let (lanes, rest) = values.as_chunks::<LANES>();
        for values in lanes {
            for (((s, l), z), v) in smallest.iter_mut().zip(&mut largest).zip(&mut zero).zip(values)
            {
                *s = smaller(*v, *s);
                *l = larger(*v, *l);
                *z += v * 0.0;
            }
        }
        for v in rest {
            smallest[0] = smaller(*v, smallest[0]);
            largest[0] = larger(*v, largest[0]);
            zero[0] += v * 0.0;
        }
        let is_finite = zero.iter().sum::<f64>() == 0.0;
        is_finite.then(|| Self {
            smallest: smallest.into_iter().fold(f64::INFINITY, smaller),
            largest: largest.into_iter().fold(f64::NEG_INFINITY, larger),
        })
    }
}

impl ComputedRows<'_> {
    fn row(&mut self, i: usize) -> &[f64] {
        let m = self.kind.ncols();
        let wanted = self.block_of(i);
        if self.held != wanted {
            self.block.resize(wanted.len() * m, 0.0);
            self.kind.fill(wanted.start, &mut self.block);
            if self.cap < f64::INFINITY {
                self.block.iter_mut().for_each(|c| *c = c.min(self.cap));
            }
            self.held = wanted;
        }
        &self.block[(i - self.held.start) * m..][..m]
    }

    fn block_of(&self, i: usize) -> Range<usize> {
        let first = i - i % self.rows_per_block;
        first..(first + self.rows_per_block).min(self.kind.nrows())
    }
}

/// Whether `n x m` costs take no more than `memory` bytes.
#[must_use]
pub fn fits(n: usize, m: usize, memory: usize) -> bool {
    n.saturating_mul(m).saturating_mul(size_of::<f64>()) <= memory
}

/// # Errors
/// A matrix of `n x m` costs takes more than `memory` bytes.
pub fn check_memory(n: usize, m: usize, memory: usize) -> Result<(), TransportError> {
    if fits(n, m, memory) {
        return Ok(());
    }
    let most = (memory / size_of::<f64>()).isqrt();
    Err(TransportError::Memory { rows: n, columns: m, most })
}
