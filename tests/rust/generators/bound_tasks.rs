//! Random labelled tables, heads and label maps for the tests of the bound.

use ndarray::Array2;
use polars_transferability::bound::{Bound, LabelMap, LabelledRows};
use polars_transferability::estimators::head::LinearHead;
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::Table;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;

/// A random labelled table: class means plus noise, unbalanced classes, some repeated rows.
#[derive(Debug, Clone)]
pub struct Task {
    pub rows: Array2<f64>,
    pub labels: Vec<usize>,
    pub classes: usize,
    pub fit: Vec<bool>,
}

impl Task {
    pub fn random(rng: &mut Xoshiro256PlusPlus, classes: usize, width: usize, split: bool) -> Self {
        let spread = [0.0, 0.3, 1.0, 4.0][rng.random_range(0..4)];
        let scale = [1e-3, 1.0, 50.0][rng.random_range(0..3)];
        let means: Vec<f64> = (0..classes * width).map(|_| rng.random_range(-1.0..1.0)).collect();
        let (mut values, mut labels, mut fit) = (Vec::new(), Vec::new(), Vec::new());
        for class in 0..classes {
            let count = rng.random_range(if split { 2..8 } else { 1..8 });
            for k in 0..count {
                for j in 0..width {
                    let noise: f64 = rng.random_range(-1.0..1.0);
                    values.push(scale * (means[class * width + j] + spread * noise));
                }
                labels.push(class);
                fit.push(k % 2 == 0);
            }
        }
        let rows = Array2::from_shape_vec((labels.len(), width), values).unwrap();
        Self { rows, labels, classes, fit: if split { fit } else { Vec::new() } }
    }

    pub fn labelled(&self) -> LabelledRows<'_> {
        let select = |wanted: Option<bool>| {
            let mut rows = vec![Vec::new(); self.classes];
            for (i, &label) in self.labels.iter().enumerate() {
                if wanted.is_none_or(|w| self.fit[i] == w) {
                    rows[label].push(i as u32);
                }
            }
            rows
        };
        let split = !self.fit.is_empty();
        LabelledRows {
            table: Table::F64(self.rows.view()),
            fit: select(split.then_some(true)),
            evaluation: select(split.then_some(false)),
        }
    }

    pub fn map_rows(&self, order: &[usize]) -> Self {
        Self {
            rows: self.rows.select(ndarray::Axis(0), order),
            labels: order.iter().map(|&i| self.labels[i]).collect(),
            classes: self.classes,
            fit: if self.fit.is_empty() {
                Vec::new()
            } else {
                order.iter().map(|&i| self.fit[i]).collect()
            },
        }
    }
}

pub fn random_head(rng: &mut Xoshiro256PlusPlus, classes: usize, width: usize) -> LinearHead {
    LinearHead {
        weight: Matrix::from_fn(classes, width, |_, _| rng.random_range(-2.0..2.0)),
        bias: (0..classes).map(|_| rng.random_range(-1.0..1.0)).collect(),
    }
}

pub fn random_map(rng: &mut Xoshiro256PlusPlus, targets: usize, sources: usize) -> LabelMap {
    let mut map = Matrix::zeros(targets, sources);
    for y in 0..targets {
        let row = map.row_mut(y);
        for c in row.iter_mut() {
            *c = if rng.random_bool(0.5) { rng.random_range(0.0..1.0) } else { 0.0 };
        }
        let anchor = rng.random_range(0..sources);
        row[anchor] += 0.5;
        let sum: f64 = row.iter().sum();
        for c in row.iter_mut() {
            *c /= sum;
        }
    }
    LabelMap::new(map).unwrap()
}

pub fn check_sums(bound: &Bound) {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs());
    let sum = |part: fn(&polars_transferability::bound::ClassTerms) -> f64| {
        bound.by_class.iter().map(part).sum::<f64>()
    };
    assert!(near(
        bound.bound,
        bound.source_loss + bound.label_mismatch + bound.distribution_mismatch
    ));
    assert!(near(bound.source_loss, sum(|c| c.source_loss)));
    assert!(near(bound.label_mismatch, sum(|c| c.label_mismatch)));
    assert!(near(bound.distribution_mismatch, sum(|c| c.distribution_mismatch)));
    assert!(near(1.0, sum(|c| c.weight)));
    for class in &bound.by_class {
        assert!(near(1.0, class.sources.iter().map(|s| s.1).sum()));
    }
    assert_eq!(bound.vacuous, bound.bound > bound.trivial_loss * (1.0 + 1e-12));
}
