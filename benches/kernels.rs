//! How far the kernels are from the machine: flops against a matrix product, bytes against a pass
//! through memory, all on one thread, in one process. Only the flops and bytes that the method
//! needs are counted, once, so shares are lower bounds.

use std::hint::black_box;
use std::time::Instant;

use ndarray::Array2;
use polars_transferability::estimators::head::LinearHead;
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::moments::ClassScatters;
use polars_transferability::rows::{ClassedTable, Moments, Table};
use polars_transferability::transport::costs::distance_rows::Power;
use polars_transferability::transport::costs::ground_cost;
use polars_transferability::transport::exact::lowest_difference::lowest_difference;

const RUNS: usize = 5;

/// Pseudo-random numbers in (-1, 1) without a generator to set up.
fn noise(k: usize) -> f64 {
    ((k as f64 + 1.0) * 12.989_8).sin() * 43_758.545 % 1.0
}

fn matrix(rows: usize, columns: usize) -> Matrix {
    Matrix::from_fn(rows, columns, |i, j| noise(i * columns + j))
}

/// Units of work per second, in billions: sorted, for each run.
fn rates<R>(work: f64, mut run: impl FnMut() -> R) -> Vec<f64> {
    black_box(run());
    let mut rates: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            work / start.elapsed().as_secs_f64() / 1e9
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    rates
}

struct Limit {
    rate: f64,
    unit: &'static str,
}

impl Limit {
    fn new<R>(what: &str, unit: &'static str, work: f64, run: impl FnMut() -> R) -> Self {
        let rate = rates(work, run)[RUNS - 1];
        println!("limit: {what:63} {rate:6.1} {unit}");
        Self { rate, unit }
    }

    fn report<R>(&self, what: &str, work: f64, run: impl FnMut() -> R) {
        let rates = rates(work, run);
        let [least, median, most] = [rates[0], rates[RUNS / 2], rates[RUNS - 1]];
        let share = |rate: f64| 100.0 * rate / self.rate;
        println!(
            "{what:70} {least:6.1} / {median:6.1} / {most:6.1} {}  {:3.0} / {:3.0} / {:3.0} % of \
             the limit",
            self.unit,
            share(least),
            share(median),
            share(most)
        );
    }
}

fn main() {
    let side = 2048;
    let (a, b) = (matrix(side, side), matrix(side, side));
    let cubes = 2.0 * (side as f64).powi(3);
    let flops =
        Limit::new("product of 2048 x 2048 numbers", "GFLOP/s", cubes, || a.times_transposed(&b));
    let large: Vec<f64> = (0..1 << 25).map(noise).collect();
    let bytes = size_of_val(&large[..]) as f64;
    let reading = Limit::new("sum of 256 MiB", "GB/s", bytes, || {
        large.chunks_exact(64).fold([0.0; 64], |mut sums, part| {
            sums.iter_mut().zip(part).for_each(|(sum, v)| *sum += v);
            sums
        })
    });

    let (n, d, classes) = (20_000, 512, 50);
    let rows = Array2::from_shape_fn((n, d), |(i, j)| noise(i * d + j) as f32);
    let members: Vec<Vec<u32>> =
        (0..classes as u32).map(|c| (c..n as u32).step_by(classes).collect()).collect();
    let input = ClassedTable { table: Table::F32(rows.view()), classes: &members };
    // Half of the symmetric product.
    flops.report("scatter of 20,000 x 512 rows in f32, by class", (n * d * d) as f64, || {
        Moments::of(input, ClassScatters::Pooled)
    });
    let rows = matrix(4000, 1024);
    let head = LinearHead { weight: matrix(100, 1024), bias: vec![0.0; 100] };
    flops.report("logits of 4000 x 1024 rows, 100 classes", 2.0 * 4000.0 * 1024.0 * 100.0, || {
        head.logits(&rows)
    });
    for d in [64, 1024] {
        let (x, y) = (matrix(2000, d), matrix(2000, d));
        let what = format!("distances of 2000 x 2000 points, {d}-d");
        flops.report(&what, 2.0 * 2000.0 * 2000.0 * d as f64, || {
            ground_cost::euclidean(x.view(), y.view(), Power::One)
        });
    }
    let (logits, other) = (matrix(2000, 10), matrix(2000, 10));
    reading.report(
        "margin costs of 2000 x 2000 rows, 10 classes, as written",
        2000.0 * 16_000.0,
        || ground_cost::margin_matrix(logits.values(), other.values(), 10, &[3]),
    );
    let side = 5000;
    let (cost, dual) = (&large[..side * side], &large[..side]);
    let arch = pulp::Arch::new();
    reading.report("entering arcs: 5000 rows of 5000 costs", (side * side * 8) as f64, || {
        cost.chunks_exact(side).map(|row| lowest_difference(arch, row, dual).1).sum::<usize>()
    });
}
