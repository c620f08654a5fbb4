//! Points with masses and points in classes, for distances and the scores of two tasks.
//!
//! The reference values of the tests that use them were made with POT 0.9.7 and numpy on the points
//! of [`reference_points`]: `x` of 12 rows and `y` of 9, weights `1 + i % 3` and `1 + j % 4`,
//! classes `i % 3` and `j % 2`.

use ndarray::ArrayView2;
use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::RowLimit;
use polars_transferability::transport::{
    sliced, wasserstein, TransportError, WeightedPoints, Weights,
};
use proptest::prelude::*;

/// On the caller's thread.
pub fn wasserstein(
    x: &Matrix,
    y: &Matrix,
    a: Option<&[f64]>,
    b: Option<&[f64]>,
    p: f64,
) -> Result<f64, TransportError> {
    let sequential = Parallelism::Sequential;
    let weights = Weights { source: a, target: b };
    wasserstein::wasserstein(x.view().into(), y.view().into(), weights, p, sequential)
}

/// All rows of two tasks are moved.
pub const ALL_ROWS: RowLimit = RowLimit { rows: None, seed: 0 };

/// The rows of a matrix as one side of a distance.
pub fn side<'a>(points: &'a Matrix, weight: Option<&'a [f64]>) -> WeightedPoints<'a> {
    WeightedPoints::new(points.view(), weight)
}

/// Settings of a sliced distance.
pub fn settings_of(power: f64, projections: usize, seed: u64) -> sliced::Settings {
    sliced::Settings { power, projections, seed }
}

pub fn wave(n: usize, d: usize, frequency: f64, shift: f64) -> Matrix {
    Matrix::from_fn(n, d, |i, k| (frequency * (i * d + k) as f64).sin() * 2.0 + shift)
}

pub fn reference_points() -> (Matrix, Matrix) {
    (wave(12, 3, 1.3, 0.0), wave(9, 3, 0.7, 0.5))
}

pub fn reference_masses() -> (Vec<f64>, Vec<f64>) {
    let mass = |n: usize, k: usize| (0..n).map(|i| 1.0 + (i % k) as f64).collect();
    (mass(12, 3), mass(9, 4))
}

pub fn map(points: &Matrix, change: impl Fn(f64) -> f64) -> Matrix {
    Matrix::from_fn(points.nrows(), points.ncols(), |i, k| change(points.row(i)[k]))
}

/// Rows in another order: a stride that shares no factor with their number visits each once.
pub fn permuted<T>(n: usize, take: impl Fn(usize) -> T) -> Vec<T> {
    let stride = (2..).find(|s| gcd(*s, n) == 1).unwrap_or(1);
    (0..n).map(|i| take(i * stride % n)).collect()
}

pub fn gcd(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}

pub fn permuted_rows(points: &Matrix) -> Matrix {
    let order = permuted(points.nrows(), |i| i);
    Matrix::from_fn(points.nrows(), points.ncols(), |i, k| points.row(order[i])[k])
}

pub fn points(rows: std::ops::Range<usize>, width: usize) -> impl Strategy<Value = Matrix> {
    // A coarse grid now and then: ties and duplicate points.
    let value = prop_oneof![-3.0..3.0f64, (-2..3i32).prop_map(f64::from)];
    rows.prop_flat_map(move |n| prop::collection::vec(value.clone(), n * width)).prop_map(
        move |values| Matrix::from_fn(values.len() / width, width, |i, k| values[i * width + k]),
    )
}

pub fn masses(n: usize) -> impl Strategy<Value = Option<Vec<f64>>> {
    let some = prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), 0.01..1.0f64], n)
        .prop_filter("some mass", |mass| mass.iter().sum::<f64>() > 0.1);
    prop::option::of(some)
}

pub fn weighted(width: usize) -> impl Strategy<Value = (Matrix, Option<Vec<f64>>)> {
    points(1..14, width).prop_flat_map(|points| {
        let mass = masses(points.nrows());
        (Just(points), mass)
    })
}

/// Rows of a table in classes given by a label for each.
#[derive(Debug)]
pub struct Task {
    pub points: Matrix,
    pub classes: Vec<Vec<u32>>,
}

impl Task {
    pub fn new(points: Matrix, label: impl Fn(usize) -> usize, classes: usize) -> Self {
        let mut rows = vec![Vec::new(); classes];
        for i in 0..points.nrows() {
            rows[label(i)].push(i as u32);
        }
        rows.retain(|class| !class.is_empty());
        Self { points, classes: rows }
    }

    pub fn table(&self) -> ClassedTable<'_> {
        let shape = (self.points.nrows(), self.points.ncols());
        let view = ArrayView2::from_shape(shape, self.points.values()).unwrap();
        ClassedTable { table: Table::F64(view), classes: &self.classes }
    }
}

pub fn reference_tasks() -> (Task, Task) {
    let (x, y) = reference_points();
    (Task::new(x, |i| i % 3, 3), Task::new(y, |i| i % 2, 2))
}

pub fn tasks(most_classes: usize) -> impl Strategy<Value = Task> {
    points(3..14, 2)
        .prop_flat_map(move |points| {
            let labels = prop::collection::vec(0..most_classes, points.nrows());
            (Just(points), labels)
        })
        .prop_map(move |(points, labels)| Task::new(points, |i| labels[i], most_classes))
}
