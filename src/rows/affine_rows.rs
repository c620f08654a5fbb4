//! Rows by class under an affine map: coordinates, points or logits. Held as a matrix where that
//! takes little memory beside the table; otherwise computed from the table whenever they are asked
//! for, so that what is fitted to a table never needs a copy of it.

use std::borrow::Cow;
use std::sync::Arc;

use faer::MatRef;

use crate::linalg::Matrix;
use crate::rows::affine_map::composed;
use crate::rows::basis::Standardisation;
use crate::rows::class_rows::add_mean;
use crate::rows::{AffineMap, ClassRows, Table};

/// Rows that are looked at together.
const BLOCK_ROWS: usize = 256;

/// Rows of `width` values that are sorted by class.
#[derive(Debug, Clone)]
pub struct AffineRows<'t> {
    rows: Storage<'t>,
    /// Rows of class `c` are `offsets[c]..offsets[c + 1]`.
    offsets: Arc<[usize]>,
}

/// Rows of several classes, with what each weighs.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture<'a> {
    /// Flat and in class order.
    pub rows: Cow<'a, [f64]>,
    /// The mass of each row; `None` where all weigh the same because there is one class.
    pub mass: Option<Vec<f64>>,
}

/// How rows are stored.
#[derive(Debug, Clone)]
enum Storage<'t> {
    Held(Matrix),
    Computed(Computed<'t>),
}

/// `map x + shift` of standardised rows `x` of a table; without a map the standardised rows
/// themselves.
#[derive(Debug, Clone)]
struct Computed<'t> {
    table: Table<'t>,
    numbers: Arc<[u32]>,
    standardisation: Arc<Standardisation>,
    map: Option<Arc<Matrix>>,
    shift: Vec<f64>,
    /// Bytes that may be held instead.
    memory: usize,
}

impl From<ClassRows> for AffineRows<'_> {
    fn from(rows: ClassRows) -> Self {
        let (rows, offsets) = rows.into_parts();
        Self { rows: Storage::Held(rows), offsets: offsets.into() }
    }
}

impl<'t> AffineRows<'t> {
    /// The standardised rows of some classes times the transpose of `axes`: held if they take no
    /// more than `memory` bytes, and so is any map of them.
    #[must_use]
    pub fn of_table<R: AsRef<[u32]>>(
        table: Table<'t>,
        classes: &[R],
        standardisation: Arc<Standardisation>,
        axes: Option<Arc<Matrix>>,
        memory: usize,
    ) -> Self {
        let mut offsets = vec![0];
        for rows in classes {
            offsets.push(offsets[offsets.len() - 1] + rows.as_ref().len());
        }
        let numbers = classes.iter().flat_map(|rows| rows.as_ref()).copied().collect();
        let width = axes.as_ref().map_or(table.width(), |axes| axes.nrows());
        let shift = vec![0.0; width];
        let computed = Computed { table, numbers, standardisation, map: axes, shift, memory };
        Self { rows: computed.held_if_small(), offsets: offsets.into() }
    }

    #[must_use]
    pub fn nrows(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    #[must_use]
    pub fn classes(&self) -> usize {
        self.offsets.len() - 1
    }

    #[must_use]
    pub fn width(&self) -> usize {
        match &self.rows {
            Storage::Held(rows) => rows.ncols(),
            Storage::Computed(computed) => computed.shift.len(),
        }
    }

    #[must_use]
    pub fn start(&self, class: usize) -> usize {
        self.offsets[class]
    }

    #[must_use]
    pub fn count(&self, class: usize) -> usize {
        self.offsets[class + 1] - self.offsets[class]
    }

    /// Share of the rows that each class has.
    #[must_use]
    pub fn prior(&self) -> Vec<f64> {
        let total = self.nrows().max(1) as f64;
        (0..self.classes()).map(|c| self.count(c) as f64 / total).collect()
    }

    /// The rows of one class, flat and row-major.
    #[must_use]
    pub fn class(&self, class: usize) -> Cow<'_, [f64]> {
        let (start, count, width) = (self.start(class), self.count(class), self.width());
        match &self.rows {
            Storage::Held(rows) => Cow::Borrowed(&rows.values()[start * width..][..count * width]),
            Storage::Computed(computed) => {
                let mut out = Matrix::zeros(count, width);
                computed.write(start, &mut out, &mut Matrix::default());
                Cow::Owned(out.into_values())
            }
        }
    }

    /// The rows of the classes that have weight, each class's weight spread evenly over its rows.
    #[must_use]
    pub fn mixture(&self, weights: &[f64]) -> Mixture<'_> {
        let used: Vec<usize> = (0..weights.len()).filter(|&c| weights[c] > 0.0).collect();
        if let [only] = used[..] {
            return Mixture { rows: self.class(only), mass: None };
        }
        let mut rows = Vec::new();
        let mut mass = Vec::new();
        for c in used {
            rows.extend_from_slice(&self.class(c));
            mass.extend(std::iter::repeat_n(weights[c] / self.count(c) as f64, self.count(c)));
        }
        Mixture { rows: Cow::Owned(rows), mass: Some(mass) }
    }

    /// The mean row of each class; zero for a class without rows.
    #[must_use]
    pub fn means(&self) -> Matrix {
        let mut means = Matrix::zeros(self.classes(), self.width());
        for class in 0..self.classes() {
            add_mean(&self.class(class), means.row_mut(class));
        }
        means
    }

    /// All rows, a block at a time, with the number of the block's first row.
    pub fn for_each_block(&self, block_rows: usize, mut visit: impl FnMut(usize, MatRef<'_, f64>)) {
        let (mut out, mut inputs) = (Matrix::default(), Matrix::default());
        for start in (0..self.nrows()).step_by(block_rows) {
            let count = block_rows.min(self.nrows() - start);
            match &self.rows {
                Storage::Held(rows) => visit(start, rows.view().subrows(start, count)),
                Storage::Computed(computed) => {
                    if out.nrows() != count {
                        out = Matrix::zeros(count, self.width());
                    }
                    computed.write(start, &mut out, &mut inputs);
                    visit(start, out.view());
                }
            }
        }
    }

    /// The largest absolute value; NaN where one is NaN.
    #[must_use]
    pub fn largest(&self) -> f64 {
        let mut largest = 0.0_f64;
        self.for_each_block(BLOCK_ROWS, |_, block| {
            for value in block.row_iter().flat_map(|row| row.iter()) {
                if value.abs() > largest || value.is_nan() {
                    largest = value.abs();
                }
            }
        });
        largest
    }

    /// Some rows, in the order given.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Matrix {
        let mut inputs = Matrix::zeros(rows.len(), self.input_width());
        self.copy_inputs(rows, &mut inputs);
        match &self.rows {
            Storage::Held(_) => inputs,
            Storage::Computed(computed) => computed.mapped(inputs),
        }
    }

    /// Some rows of each class, given as places within the class.
    #[must_use]
    pub fn select<R: AsRef<[u32]>>(&self, places: &[R]) -> Self {
        let mut offsets = vec![0];
        let mut chosen = Vec::new();
        for (class, places) in places.iter().enumerate() {
            let start = self.start(class) as u32;
            chosen.extend(places.as_ref().iter().map(|place| start + place));
            offsets.push(chosen.len());
        }
        let rows = match &self.rows {
            Storage::Held(_) => Storage::Held(self.gather(&chosen)),
            Storage::Computed(computed) => {
                let numbers = chosen.iter().map(|&row| computed.numbers[row as usize]).collect();
                Computed { numbers, ..computed.clone() }.held_if_small()
            }
        };
        Self { rows, offsets: offsets.into() }
    }

    /// `weight row + bias` of every row.
    #[must_use]
    pub fn affine(&self, weight: &Matrix, bias: &[f64]) -> Self {
        let rows = match &self.rows {
            Storage::Held(rows) => Storage::Held(rows.affine(weight, bias)),
            Storage::Computed(computed) => {
                let AffineMap { weight, bias } = match &computed.map {
                    Some(map) => composed(weight.view(), bias, map, &computed.shift),
                    None => AffineMap { weight: weight.clone(), bias: bias.to_vec() },
                };
                let map = Some(Arc::new(weight));
                Computed { map, shift: bias, ..computed.clone() }.held_if_small()
            }
        };
        Self { rows, offsets: Arc::clone(&self.offsets) }
    }

    /// `factor row + shift` of every row.
    #[must_use]
    pub fn scaled(&self, factor: f64, shift: &[f64]) -> Self {
        let rows = match &self.rows {
            Storage::Held(rows) => {
                let mut rows = rows.clone();
                for row in rows.rows_mut() {
                    for (v, s) in row.iter_mut().zip(shift) {
                        *v = factor * *v + s;
                    }
                }
                Storage::Held(rows)
            }
            Storage::Computed(computed) => {
                let width = self.width();
                let diagonal =
                    || Matrix::from_fn(width, width, |i, j| if i == j { factor } else { 0.0 });
                let map = computed.map.as_ref().map_or_else(diagonal, |map| {
                    Matrix::from_fn(map.nrows(), map.ncols(), |i, j| factor * map.row(i)[j])
                });
                let shift = computed.shift.iter().zip(shift).map(|(v, s)| factor * v + s).collect();
                Storage::Computed(Computed { map: Some(Arc::new(map)), shift, ..computed.clone() })
            }
        };
        Self { rows, offsets: Arc::clone(&self.offsets) }
    }

    /// How many values a row has as it is read, before the map.
    #[must_use]
    pub fn input_width(&self) -> usize {
        match &self.rows {
            Storage::Held(rows) => rows.ncols(),
            Storage::Computed(computed) => computed.table.width(),
        }
    }

    /// Some consecutive rows as they are read; `buffer` is theirs where they are not held.
    #[must_use]
    pub fn inputs<'a>(
        &'a self,
        start: usize,
        count: usize,
        buffer: &'a mut Matrix,
    ) -> MatRef<'a, f64> {
        match &self.rows {
            Storage::Held(rows) => rows.view().subrows(start, count),
            Storage::Computed(computed) => {
                computed.read(start, count, buffer);
                buffer.view().subrows(0, count)
            }
        }
    }

    /// Some rows as they are read.
    pub fn copy_inputs(&self, rows: &[u32], out: &mut Matrix) {
        for (&row, out) in rows.iter().zip(out.rows_mut()) {
            match &self.rows {
                Storage::Held(rows) => out.copy_from_slice(rows.row(row as usize)),
                Storage::Computed(computed) => computed.read_row(row as usize, out),
            }
        }
    }

    /// One row as it is read; `buffer` is its where it is not held.
    pub fn input<'a>(&'a self, row: u32, buffer: &'a mut [f64]) -> &'a [f64] {
        match &self.rows {
            Storage::Held(rows) => rows.row(row as usize),
            Storage::Computed(computed) => {
                computed.read_row(row as usize, buffer);
                buffer
            }
        }
    }

    /// How much memory the values take of which these are made.
    #[must_use]
    pub fn table_bytes(&self) -> usize {
        match &self.rows {
            Storage::Held(rows) => size_of_val(rows.values()),
            Storage::Computed(computed) => computed.table.bytes(),
        }
    }

    /// An affine map of these rows as one of the rows as they are read; `None` where it is the
    /// same.
    #[must_use]
    pub fn lift(&self, weight: MatRef<'_, f64>, bias: &[f64]) -> Option<AffineMap> {
        match &self.rows {
            Storage::Computed(Computed { map: Some(map), shift, .. }) => {
                Some(composed(weight, bias, map, shift))
            }
            _ => None,
        }
    }

    /// The gradient in an affine map of these rows from that in the lifted map; `None` where it is
    /// the same.
    #[must_use]
    pub fn lower(&self, weight: MatRef<'_, f64>, bias: &[f64]) -> Option<Matrix> {
        match &self.rows {
            Storage::Computed(Computed { map: Some(map), shift, .. }) => {
                let mut lowered = Matrix::zeros(weight.nrows(), map.nrows());
                lowered.set_to_product(weight, map.view().transpose());
                for (row, b) in lowered.rows_mut().zip(bias) {
                    for (v, s) in row.iter_mut().zip(shift) {
                        *v += b * s;
                    }
                }
                Some(lowered)
            }
            _ => None,
        }
    }
}

impl<'t> Computed<'t> {
    fn held_if_small(self) -> Storage<'t> {
        let bytes = self.numbers.len() * self.shift.len() * size_of::<f64>();
        if bytes > self.memory {
            return Storage::Computed(self);
        }
        let mut rows = Matrix::zeros(self.numbers.len(), self.shift.len());
        self.write(0, &mut rows, &mut Matrix::default());
        Storage::Held(rows)
    }

    fn read_row(&self, row: usize, out: &mut [f64]) {
        self.standardisation.standardise(self.table, self.numbers[row], out);
    }

    /// Standardised rows from `start` on, into the first rows of `buffer`.
    fn read(&self, start: usize, count: usize, buffer: &mut Matrix) {
        if buffer.nrows() < count {
            *buffer = Matrix::zeros(count, self.table.width());
        }
        for (row, out) in (start..start + count).zip(buffer.rows_mut()) {
            self.read_row(row, out);
        }
    }

    /// Rows from `start` on, as many as `out` has.
    fn write(&self, start: usize, out: &mut Matrix, buffer: &mut Matrix) {
        for first in (0..out.nrows()).step_by(BLOCK_ROWS) {
            let count = BLOCK_ROWS.min(out.nrows() - first);
            if self.map.is_none() {
                for (k, out) in (first..first + count).zip(out.rows_mut().skip(first)) {
                    self.read_row(start + k, out);
                }
            } else {
                self.read(start + first, count, buffer);
                self.map_into(buffer.view().subrows(0, count), out, first);
            }
        }
    }

    fn mapped(&self, inputs: Matrix) -> Matrix {
        if self.map.is_none() {
            return inputs;
        }
        let mut out = Matrix::zeros(inputs.nrows(), self.shift.len());
        self.map_into(inputs.view(), &mut out, 0);
        out
    }

    fn map_into(&self, inputs: MatRef<'_, f64>, out: &mut Matrix, first: usize) {
        let Some(map) = &self.map else { return };
        for row in out.rows_mut().skip(first).take(inputs.nrows()) {
            row.copy_from_slice(&self.shift);
        }
        faer::linalg::matmul::matmul(
            out.view_mut().subrows_mut(first, inputs.nrows()),
            faer::Accum::Add,
            inputs,
            map.view().transpose(),
            1.0,
            faer::Par::Seq,
        );
    }
}
