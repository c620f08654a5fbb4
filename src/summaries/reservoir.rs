//! A sample of rows without replacement, drawn while rows pass by.
//!
//! Each row has a random number, which the seed and the row's place decide, and the rows with the
//! lowest ones are kept. So every set of rows of that size is equally likely, samples of parts
//! merge into one of the whole, and neither threads nor the order of reading change it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::sampling::{priority, Stream};
use crate::storage::Floats;

/// Where a row stands: the file, in order of names, and how many rows of it come before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub file: u64,
    pub row: u64,
}

/// A row of a sample, with the values of its vectors.
#[derive(Debug, Clone)]
pub struct SampledRow {
    pub priority: u64,
    pub place: Place,
    pub vectors: Vec<Floats>,
}

impl SampledRow {
    fn rank(&self) -> (u64, Place) {
        (self.priority, self.place)
    }
}

impl PartialEq for SampledRow {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for SampledRow {}

impl PartialOrd for SampledRow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SampledRow {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// At most `size` rows of all that were offered.
#[derive(Debug, Clone)]
pub struct Reservoir {
    size: usize,
    seed: u64,
    /// The row to give up next is on top.
    rows: BinaryHeap<SampledRow>,
}

impl Reservoir {
    #[must_use]
    pub fn new(size: usize, seed: u64) -> Self {
        Self { size, seed, rows: BinaryHeap::new() }
    }

    /// Offers a row, whose vectors are only made if it is kept.
    pub fn offer(&mut self, place: Place, vectors: impl FnOnce() -> Vec<Floats>) {
        let priority = priority(self.seed, Stream::SummaryRows, [place.file, place.row]);
        let is_low = self.rows.peek().is_none_or(|last| (priority, place) < last.rank());
        if self.rows.len() < self.size || self.size > 0 && is_low {
            self.rows.push(SampledRow { priority, place, vectors: vectors() });
            self.shrink();
        }
    }

    /// Takes the rows of another sample in.
    pub fn absorb(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.shrink();
    }

    fn shrink(&mut self) {
        while self.rows.len() > self.size {
            self.rows.pop();
        }
    }

    /// The rows in the order of their places.
    #[must_use]
    pub fn into_rows(self) -> Vec<SampledRow> {
        let mut rows = self.rows.into_vec();
        rows.sort_unstable_by_key(|row| row.place);
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(sample: Reservoir) -> Vec<u64> {
        sample.into_rows().into_iter().map(|row| row.place.row).collect()
    }

    fn sample(rows: impl Iterator<Item = u64>, size: usize, seed: u64) -> Reservoir {
        let mut sample = Reservoir::new(size, seed);
        for row in rows {
            sample.offer(Place { file: 0, row }, Vec::new);
        }
        sample
    }

    proptest! {
        /// The sample of a whole is that of its parts, in whatever order they are read.
        #[test]
        fn samples_merge(rows in 0_u64..200, cut in 0_u64..200, size in 0_usize..30, seed: u64) {
            let cut = cut.min(rows);
            let whole = places(sample(0..rows, size, seed));
            let mut parts = sample((cut..rows).rev(), size, seed);
            parts.absorb(sample(0..cut, size, seed));
            prop_assert_eq!(whole.len(), size.min(rows as usize));
            prop_assert_eq!(whole, places(parts));
        }
    }

    /// Of 10 rows every one is among 3 equally often: a chi-square of 9 degrees is below 27.9 in
    /// 999 of 1000 cases.
    #[test]
    fn every_row_is_equally_likely() {
        let mut counts = [0_u32; 10];
        for seed in 0..3000 {
            for row in places(sample(0..10, 3, seed)) {
                counts[row as usize] += 1;
            }
        }
        let square = |count: &u32| (f64::from(*count) - 900.0).powi(2) / 900.0;
        assert!(counts.iter().map(square).sum::<f64>() < 27.9, "{counts:?}");
    }
}
