//! Random tables with labels for the scores that read the rows themselves.

use ndarray::{Array2, Axis};
use polars_transferability::rows::{ClassedTable, Table};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A table with labels from 0 on, each of which occurs.
#[derive(Debug, Clone)]
pub struct Task {
    pub rows: Array2<f64>,
    pub labels: Vec<u32>,
}

impl Task {
    pub fn with<T>(&self, score: impl FnOnce(ClassedTable<'_>) -> T) -> T {
        let classes = group(&self.labels);
        score(ClassedTable { table: Table::F64(self.rows.view()), classes: &classes })
    }

    pub fn permuted(&self, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        order.shuffle(&mut generator(seed));
        Self {
            rows: self.rows.select(Axis(0), &order),
            labels: order.iter().map(|&i| self.labels[i]).collect(),
        }
    }

    /// Class numbers in the opposite order.
    pub fn relabelled(&self) -> Self {
        let last = self.labels.iter().max().unwrap();
        Self {
            rows: self.rows.clone(),
            labels: self.labels.iter().map(|label| last - label).collect(),
        }
    }
}

pub fn group(labels: &[u32]) -> Vec<Vec<u32>> {
    let classes = labels.iter().max().map_or(0, |label| label + 1);
    (0..classes)
        .map(|c| (0..).zip(labels).filter(|(_, l)| **l == c).map(|(i, _)| i).collect())
        .collect()
}

pub fn generator(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

pub fn noise(rng: &mut Xoshiro256PlusPlus, n: usize, d: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((n, d), || (0..4).map(|_| rng.random_range(-1.0..1.0)).sum())
}

/// Rows around one centre a class, `apart` from each other.
pub fn clusters(seed: u64, n: usize, d: usize, classes: u32, apart: f64) -> Task {
    let mut rng = generator(seed);
    let centres = noise(&mut rng, classes as usize, d) * apart;
    let labels: Vec<u32> = (0..n as u32).map(|i| i % classes).collect();
    let mut rows = noise(&mut rng, n, d);
    for (mut row, &label) in rows.rows_mut().into_iter().zip(&labels) {
        row += &centres.row(label as usize);
    }
    Task { rows, labels }
}

pub fn random_labels(rng: &mut Xoshiro256PlusPlus, n: usize, classes: u32) -> Vec<u32> {
    (0..n as u32).map(|i| if i < classes { i } else { rng.random_range(0..classes) }).collect()
}

/// Each row a distribution over `sources` classes, some of which get nothing.
pub fn distributions(rng: &mut Xoshiro256PlusPlus, n: usize, sources: usize) -> Array2<f64> {
    let mut rows = Array2::from_shape_simple_fn((n, sources), || {
        if rng.random_bool(0.3) {
            0.0
        } else {
            rng.random_range(0.0..1.0)
        }
    });
    for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
        row[i % sources] += 1e-3;
        let sum = row.sum();
        row /= sum;
    }
    rows
}

/// Rows that other programs can make: waves, with one coordinate raised for each class.
pub fn waves(n: usize, d: usize, raise: f64) -> Task {
    let rows = Array2::from_shape_fn((n, d), |(row, column)| {
        let (i, j) = (row as f64, column as f64);
        ((i * 7.0 + j * 3.0) * 1.9).sin()
            + (0.37 * i * i + 0.7 * i * j + 1.3 * j * j).cos()
            + if row % 3 == column % 3 { raise } else { 0.0 }
    });
    Task { rows, labels: (0..n as u32).map(|i| i % 3).collect() }
}

pub fn entropy(labels: &[u32]) -> f64 {
    let n = labels.len() as f64;
    group(labels).iter().map(|rows| rows.len() as f64 / n).map(|p| -p * p.ln()).sum()
}

pub fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs())
}
