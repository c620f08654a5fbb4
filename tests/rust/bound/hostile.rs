//! The theorem on input that is as far from well behaved as it may be: constant, collinear,
//! duplicated, huge, tiny and offset features, classes of one row, many more classes on one side
//! than on the other, heads that do not tell classes apart, label maps that mix classes.
//!
//! `PROPTEST_CASES=20000 cargo test --release --test rust bound::hostile` looks longer than the
//! tests of every day.

use ndarray::Array2;
use polars_transferability::bound::{transfer_bound, GroundCost, Settings, Transform};
use polars_transferability::estimators::head::LinearHead;
use polars_transferability::linalg::Matrix;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::generators::bound_tasks::{check_sums, random_head, random_map, Task};
use crate::generators::cases;

/// What is wrong with a table's features.
#[derive(Debug, Clone, Copy)]
enum Features {
    Usual,
    Zero,
    Constant,
    /// All rows are the same but for the class, or not even that.
    OneAxis,
    /// Few different rows, many times each.
    Duplicated,
    /// A mean that is many times the spread, in single precision.
    Offset,
    /// Columns in units that are far apart.
    Units,
    /// One row is far away.
    Outlier,
}

const FEATURES: [Features; 8] = [
    Features::Usual,
    Features::Zero,
    Features::Constant,
    Features::OneAxis,
    Features::Duplicated,
    Features::Offset,
    Features::Units,
    Features::Outlier,
];

fn hostile_task(
    rng: &mut Xoshiro256PlusPlus,
    classes: usize,
    width: usize,
    split: bool,
) -> (Task, Features) {
    let features = FEATURES[rng.random_range(0..FEATURES.len())];
    let scale = [1.0, 1e-100, 1e-6, 1e6, 1e100][rng.random_range(0..5)];
    let least = if split { 2 } else { 1 };
    let (mut labels, mut fit) = (Vec::new(), Vec::new());
    for class in 0..classes {
        let count = if rng.random_bool(0.4) { least } else { rng.random_range(least..9) };
        labels.extend(std::iter::repeat_n(class, count));
        fit.extend((0..count).map(|k| k % 2 == 0));
    }
    let n = labels.len();
    let mut rows = Array2::from_shape_fn((n, width), |(i, j)| {
        let noise: f64 = rng.random_range(-1.0..1.0);
        let class = labels[i] as f64;
        match features {
            Features::Usual | Features::Outlier => ((class + 1.0) * (j + 1) as f64).sin() + noise,
            Features::Zero => 0.0,
            Features::Constant => 0.7 + j as f64,
            Features::OneAxis => (class * 0.3 + if width > 2 { noise } else { 0.0 }).round(),
            Features::Duplicated => ((i % 3) as f64 + j as f64).cos(),
            Features::Offset => f64::from((1e6 + 0.1 * noise) as f32),
            Features::Units => noise * 10f64.powi(12 * (j % 3) as i32 - 12),
        }
    });
    if matches!(features, Features::OneAxis) {
        let first = rows.column(0).to_owned();
        rows.columns_mut().into_iter().for_each(|mut column| column.assign(&first));
    }
    if matches!(features, Features::Outlier) {
        let row = rng.random_range(0..n);
        rows.row_mut(row).fill([1e3, 1e7, -1e12][rng.random_range(0..3)]);
    }
    rows *= scale;
    (Task { rows, labels, classes, fit: if split { fit } else { Vec::new() } }, features)
}

/// A head for a source; weights are in the units of its features, or its logits would overflow.
fn hostile_head(rng: &mut Xoshiro256PlusPlus, source: &Task) -> LinearHead {
    let (classes, width) = (source.classes, source.rows.ncols());
    let largest = source.rows.iter().fold(0.0_f64, |acc, v| acc.max(v.abs()));
    let unit = if largest > 0.0 { 1.0 / largest } else { 1.0 };
    let mut head = random_head(rng, classes, width);
    match rng.random_range(0..4) {
        0 => head.weight = Matrix::zeros(classes, width),
        1 => {
            let first = head.weight.row(0).to_vec();
            head.weight = Matrix::from_fn(classes, width, |_, j| first[j]);
        }
        2 => head.weight.values_mut().iter_mut().for_each(|w| *w *= 1e3),
        _ => {}
    }
    head.weight.values_mut().iter_mut().for_each(|w| *w *= unit);
    head
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn the_target_loss_is_never_above_the_bound(
        seed: u64,
        width in 1usize..7,
        split: bool,
        cost in 0usize..3,
        level in 0usize..3,
        fixed_head: bool,
        fixed_map: bool,
        standardize: bool,
        strength in 0usize..4,
    ) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut count = || {
            let most = if rng.random_bool(0.2) { 24 } else { 5 };
            rng.random_range(2..=most)
        };
        let (sources, targets) = (count(), count());
        let (source, of_source) = hostile_task(&mut rng, sources, width, split);
        let (mut target, of_target) = hostile_task(&mut rng, targets, width, split);
        if rng.random_bool(0.3) {
            // In the source's units, as one encoder gives them.
            let largest = |task: &Task| task.rows.iter().fold(0.0_f64, |acc, v| acc.max(v.abs()));
            let (from, to) = (largest(&target), largest(&source));
            if from > 0.0 && to > 0.0 {
                target.rows.mapv_inplace(|v| v / from * to);
            }
        }
        let settings = Settings {
            transform: [Transform::Identity, Transform::Features, Transform::All][level],
            ground_cost: [GroundCost::Margin, GroundCost::Head, GroundCost::Euclidean][cost],
            head: fixed_head.then(|| hostile_head(&mut rng, &source)),
            label_map: fixed_map.then(|| random_map(&mut rng, targets, sources)),
            l2: [None, None, Some(1e-3), Some(1.0)][strength],
            max_rows_per_class: rng.random_bool(0.2).then_some(2),
            standardize,
            seed,
            ..Settings::default()
        };
        let found = transfer_bound(&source.labelled(), &target.labelled(), &settings);
        let bound = match found {
            Ok(bound) => bound,
            Err(error) => {
                // A head in the units of another scale has logits without end, which is said.
                prop_assert!(
                    error.to_string().contains("overflow"),
                    "{of_source:?} {of_target:?}: {error}"
                );
                return Ok(());
            }
        };
        prop_assert!(bound.certified);
        prop_assert!(
            bound.target_loss <= bound.bound * (1.0 + 1e-9) + 1e-12,
            "{of_source:?} {of_target:?}: loss {} above bound {}", bound.target_loss, bound.bound
        );
        prop_assert!(bound.bound.is_finite() && (0.0..=1.0).contains(&bound.target_accuracy));
        check_sums(&bound);
    }
}
