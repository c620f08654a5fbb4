//! Rows with the class of each, for moments and the scores that need nothing else.

use faer::{Mat, Side};
use ndarray::Array2;
use polars_transferability::rows::moments::ClassScatters;
use polars_transferability::rows::{ClassSpectrum, ClassedTable, Moments, Table};
use proptest::prelude::*;

/// Rows with the class of each.
#[derive(Debug, Clone)]
pub struct Rows {
    pub values: Array2<f64>,
    pub labels: Vec<usize>,
}

impl Rows {
    pub fn classes(&self) -> Vec<Vec<u32>> {
        let count = self.labels.iter().max().map_or(0, |most| most + 1);
        let mut classes = vec![Vec::new(); count];
        for (row, &label) in self.labels.iter().enumerate() {
            classes[label].push(row as u32);
        }
        classes
    }

    pub fn with<T>(&self, then: impl FnOnce(ClassedTable<'_>) -> T) -> T {
        then(ClassedTable { table: Table::F64(self.values.view()), classes: &self.classes() })
    }

    pub fn map(&self, change: impl Fn(usize, f64) -> f64) -> Self {
        let mut values = self.values.clone();
        values.indexed_iter_mut().for_each(|((_, k), v)| *v = change(k, *v));
        Self { values, labels: self.labels.clone() }
    }

    pub fn moments(&self) -> Moments {
        self.with(|rows| Moments::of(rows, ClassScatters::Kept))
    }
}

/// Smooth pseudo-random rows in classes of unequal size that overlap.
pub fn wave(n: usize, d: usize, classes: usize, seed: f64) -> Rows {
    let labels: Vec<usize> = (0..n).map(|i| (i * i + i / 3) % classes).collect();
    let labels = relabelled(&labels);
    let values = Array2::from_shape_fn((n, d), |(i, k)| {
        let (x, y) = (i as f64 + seed, k as f64);
        (1.7 * (x + 1.0) * (y + 2.3) + 0.13 * x * x).sin() * (1.0 + 0.2 * (y * y).sin())
            + 0.8 * ((labels[i] * 7 + k * 3) as f64).sin()
            + 0.4
    });
    Rows { values, labels }
}

/// Numbered from 0 without gaps.
pub fn relabelled(labels: &[usize]) -> Vec<usize> {
    let mut found = labels.to_vec();
    found.sort_unstable();
    found.dedup();
    labels.iter().map(|label| found.iter().position(|l| l == label).unwrap()).collect()
}

/// An informative feature and two that are noise, each in its own unit.
pub fn in_units(units: [f64; 3]) -> Rows {
    let labels: Vec<usize> = (0..60).map(|i| i % 3).collect();
    let values = Array2::from_shape_fn((60, 3), |(i, k)| {
        let noise = (12.9898 * (i as f64 + 0.3) * (k as f64 + 1.7)).sin();
        units[k] * if k == 0 { labels[i] as f64 + 0.3 * noise } else { noise }
    });
    Rows { values, labels }
}

/// The decomposition that several scores share.
pub fn shared(rows: &Rows) -> ClassSpectrum {
    rows.with(|t| ClassSpectrum::of(t, 3)).unwrap()
}

pub fn any_rows() -> impl Strategy<Value = Rows> {
    (2..5usize, 1..4usize, 8..40usize, -3.0..3.0f64).prop_flat_map(|(classes, width, n, offset)| {
        let values = prop::collection::vec(-2.0..2.0f64, n * width);
        let labels = prop::collection::vec(0..classes, n);
        (values, labels).prop_map(move |(values, labels)| Rows {
            values: Array2::from_shape_fn((n, width), |(i, k)| values[i * width + k] + offset),
            labels: relabelled(&labels),
        })
    })
}

pub fn dense(rows: &Rows) -> Mat<f64> {
    Mat::from_fn(rows.values.nrows(), rows.values.ncols(), |i, k| rows.values[[i, k]])
}

pub fn log_det(matrix: &Mat<f64>) -> f64 {
    let factor = matrix.llt(Side::Lower).unwrap();
    (0..matrix.nrows()).map(|i| 2.0 * factor.L()[(i, i)].ln()).sum()
}
