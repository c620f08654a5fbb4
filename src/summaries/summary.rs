//! The summary of the rows of one key: counts, moments and a sample of each class.

use std::collections::BTreeMap;

use ndarray::ArrayView2;

use crate::rows::moments::{numbered_on, ClassScatters, MomentsError};
use crate::rows::{ClassedTable, Moments, Table};
use crate::storage::{Batch, Floats, Value, Vectors};
use crate::summaries::reservoir::{Place, Reservoir};

/// What a summary holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// Moments of the first column of vectors, or none.
    pub moments: Option<ClassScatters>,
    /// The size of the sample of each class.
    pub rows_per_class: usize,
    pub seed: u64,
}

/// What is kept of the rows of one key.
#[derive(Debug, Clone)]
pub struct Summary {
    /// In order of first appearance.
    pub classes: Vec<Value>,
    pub counts: Vec<u64>,
    pub moments: Option<Moments>,
    pub samples: Vec<Reservoir>,
}

impl Summary {
    /// The summary of some `rows` of a batch of file number `file`.
    #[must_use]
    pub fn of(batch: &Batch, rows: &[u32], file: u64, contents: Contents) -> Self {
        let classes = by_class(batch, rows);
        let samples = classes.values().map(|rows| {
            let mut sample = Reservoir::new(contents.rows_per_class, contents.seed);
            for &row in rows {
                let place = Place { file, row: batch.first_row + u64::from(row) };
                let vectors = || batch.vectors.iter().map(|all| all.row(row as usize)).collect();
                sample.offer(place, vectors);
            }
            sample
        });
        let samples = samples.collect();
        let counts = classes.values().map(|rows| rows.len() as u64).collect();
        let rows: Vec<Vec<u32>> = classes.values().cloned().collect();
        let moments = contents.moments.zip(batch.vectors.first()).map(|(scatters, vectors)| {
            Moments::of(ClassedTable { table: table(vectors), classes: &rows }, scatters)
        });
        let classes = classes.keys().map(|code| batch.label.values[*code as usize].clone());
        Self { classes: classes.collect(), counts, moments, samples }
    }

    /// The summary of the rows of both.
    ///
    /// # Errors
    /// Vectors of different width.
    pub fn merge(mut self, other: Self) -> Result<Self, MomentsError> {
        let into = numbered_on(&mut self.classes, other.classes);
        self.counts.resize(self.classes.len(), 0);
        for ((at, count), sample) in into.iter().zip(other.counts).zip(other.samples) {
            self.counts[*at] += count;
            match self.samples.get_mut(*at) {
                Some(own) => own.absorb(sample),
                None => self.samples.push(sample),
            }
        }
        self.moments = match (self.moments, other.moments) {
            (Some(own), Some(theirs)) => Some(own.merge(&theirs, &into)?),
            (own, theirs) => own.or(theirs),
        };
        Ok(self)
    }

    /// How many rows there are.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The rows of each class of a batch, by the code of the class.
fn by_class(batch: &Batch, rows: &[u32]) -> BTreeMap<u32, Vec<u32>> {
    let mut classes: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for &row in rows {
        classes.entry(batch.label.codes[row as usize]).or_default().push(row);
    }
    classes
}

/// The vectors as the mathematics reads them.
fn table(vectors: &Vectors) -> Table<'_> {
    match &vectors.values {
        Floats::F32(values) => Table::F32(view(values.values(), vectors.width)),
        Floats::F64(values) => Table::F64(view(values.values(), vectors.width)),
    }
}

/// Values of which every `width` are a row. What a last row lacks is left out: vectors of one width
/// lack nothing.
fn view<T>(values: &[T], width: usize) -> ArrayView2<'_, T> {
    let rows = values.len().checked_div(width).unwrap_or(0);
    ArrayView2::from_shape((rows, width), &values[..rows * width])
        .unwrap_or_else(|_| unreachable!("a slice of rows times width values has that shape"))
}
