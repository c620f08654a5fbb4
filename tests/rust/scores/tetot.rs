//! TETOT: values of scikit-learn and POT, what the target's labels and orders must not change, and
//! how it follows scale, shift and weight.

use crate::generators::points::*;
use crate::generators::{assert_close, cases};
use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::scores::tetot::{tetot, Settings};
use polars_transferability::scores::{RowLimit, ScoreError};
use polars_transferability::transport::TransportError;
use proptest::prelude::*;

const PLAIN: Settings = Settings { label_weight: 1.0, l2: Some(0.1), limit: ALL_ROWS };

/// The score is the negated distance.
fn distance(source: &Task, target: &Task, settings: Settings) -> f64 {
    -tetot(source.table(), target.table(), settings, Parallelism::Sequential).unwrap()
}

fn moved(task: &Task, change: impl Fn(f64) -> f64) -> Task {
    Task { points: map(&task.points, change), classes: task.classes.clone() }
}

#[test]
fn it_is_that_of_scikit_learn_and_pot() {
    // h is LogisticRegression(C=1 / (0.1 * 12), tol=1e-12) on features divided by their standard
    // deviations; ot.emd2 of |x - x'| + w |onehot(y) - h(x')|.
    let (source, target) = reference_tasks();
    let references = [
        (0.0, 1.7157616957531907),
        (0.5, 2.074672396146008),
        (1.0, 2.432868965758131),
        (4.0, 4.5776919372797735),
    ];
    for (label_weight, wanted) in references {
        let settings = Settings { label_weight, ..PLAIN };
        assert_close(distance(&source, &target, settings), wanted, 1e-6);
    }
    let features = wasserstein(&source.points, &target.points, None, None, 1.0).unwrap();
    let unweighted = Settings { label_weight: 0.0, ..PLAIN };
    assert_close(distance(&source, &target, unweighted), features, 1e-14);
}

#[test]
fn a_head_that_is_certain_of_the_same_rows_leaves_nothing() {
    // Far apart and with next to no penalty, a row's own label is what the head says of it.
    let points = Matrix::from_fn(12, 2, |i, k| 50.0 * f64::from(u8::from(i % 2 == k)) + i as f64);
    let source = Task::new(points.clone(), |i| i % 2, 2);
    let unlabelled = Task::new(points, |_| 0, 1);
    let settings = Settings { l2: Some(1e-6), ..PLAIN };
    let found = distance(&source, &unlabelled, settings);
    assert!((0.0..0.05).contains(&found), "{found}");
}

#[test]
fn labels_add_no_more_than_their_largest_distance() {
    let (source, target) = reference_tasks();
    let features = wasserstein(&source.points, &target.points, None, None, 1.0).unwrap();
    let found = distance(&source, &target, Settings { label_weight: 3.0, ..PLAIN });
    assert!(found > features && found < features + 3.0 * 2f64.sqrt());
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn neither_target_labels_nor_orders_nor_names_change_a_bit(
        labels in prop::collection::vec((0..3usize, 0..3usize), 12),
        cells in prop::collection::vec((0..3i32, 0..2i32), 24),
        order in Just((0..12usize).collect::<Vec<usize>>()).prop_shuffle(),
        rows in prop_oneof![Just(None), Just(Some(7))],
        l2 in prop_oneof![Just(None), Just(Some(0.1))],
    ) {
        let at = |i: usize, k: usize| f64::from([cells[i].0, cells[i].1][k]);
        let source = Task::new(Matrix::from_fn(12, 2, at), |i| labels[i].0, 3);
        prop_assume!(source.classes.len() > 1);
        let target = Task::new(Matrix::from_fn(12, 2, |i, k| at(12 + i, k)), |_| 0, 1);
        let other = |task: &Task, label: &dyn Fn(usize) -> usize| {
            let points = Matrix::from_fn(12, 2, |i, k| task.points.row(order[i])[k]);
            Task::new(points, |i| 2 - label(order[i]), 3)
        };
        let others = (other(&source, &|i| labels[i].0), other(&target, &|i| labels[i].1));
        let settings = Settings { l2, limit: RowLimit { rows, seed: 5 }, ..PLAIN };
        prop_assert_eq!(
            distance(&source, &target, settings),
            distance(&others.0, &others.1, settings)
        );
        let pool = tetot(source.table(), target.table(), settings, Parallelism::Pool).unwrap();
        prop_assert_eq!(-pool, distance(&source, &target, settings));
    }

    #[test]
    fn it_follows_shift_and_scale_and_rises_with_the_weight(
        x in tasks(3), y in tasks(3), scale in 0.1..10.0f64, shift in -5.0..5.0f64,
        weights in (0.0..3.0f64, 0.0..3.0f64),
    ) {
        prop_assume!(x.classes.len() > 1);
        let run = |a: &Task, b: &Task, label_weight: f64| {
            distance(a, b, Settings { label_weight, ..PLAIN })
        };
        let change = |task: &Task| moved(task, |v| v * scale + shift);
        let plain = run(&x, &y, 1.0);
        assert_close(run(&change(&x), &change(&y), scale) / scale, plain, 1e-5);
        let (low, high) = (weights.0.min(weights.1), weights.0.max(weights.1));
        let rise = run(&x, &y, high) - run(&x, &y, low);
        prop_assert!(rise >= -1e-9 && rise <= 2f64.sqrt() * (high - low) + 1e-9);
    }
}

#[test]
fn a_limit_draws_by_seed_and_draws_the_same_rows_of_the_same_task() {
    let task = Task::new(wave(60, 3, 1.3, 0.0), |i| i % 3, 3);
    let other = Task::new(wave(50, 3, 0.7, 0.5), |i| i % 2, 2);
    let run = |target: &Task, rows, seed, label_weight| {
        let limit = RowLimit { rows, seed };
        distance(&task, target, Settings { label_weight, limit, ..PLAIN })
    };
    assert_ne!(run(&other, Some(20), 3, 1.0), run(&other, Some(20), 4, 1.0));
    assert_eq!(run(&other, Some(60), 3, 1.0), run(&other, None, 9, 1.0));
    assert_eq!(run(&task, Some(20), 3, 0.0), 0.0);
}

#[test]
fn bad_input_is_named() {
    let (source, target) = reference_tasks();
    let run = |a: &Task, b: &Task, settings| {
        tetot(a.table(), b.table(), settings, Parallelism::Sequential).unwrap_err()
    };
    let narrow = Task::new(wave(6, 2, 1.0, 0.0), |i| i % 2, 2);
    assert_eq!(
        run(&source, &narrow, PLAIN),
        ScoreError::Width { score: "TETOT", source_width: 3, target_width: 2 }
    );
    let one_class = Task::new(wave(6, 3, 1.0, 0.0), |_| 0, 1);
    assert_eq!(
        run(&one_class, &target, PLAIN),
        ScoreError::FewSourceClasses { score: "TETOT", found: 1 }
    );
    let nothing = Task { points: Matrix::zeros(0, 3), classes: vec![] };
    let none = Settings { limit: RowLimit { rows: Some(0), seed: 0 }, ..PLAIN };
    for found in [run(&source, &nothing, PLAIN), run(&source, &target, none)] {
        assert_eq!(found, ScoreError::Transport(TransportError::EmptySide));
    }
    let strength = Settings { l2: Some(0.0), ..PLAIN };
    assert_eq!(run(&source, &target, strength), ScoreError::NotPositive { name: "l2", value: 0.0 });
    let weight = Settings { label_weight: -1.0, ..PLAIN };
    assert_eq!(
        run(&source, &target, weight),
        ScoreError::NotPositive { name: "label_weight", value: -1.0 }
    );
    let weight = Settings { label_weight: 1e101, ..PLAIN };
    assert!(matches!(run(&source, &target, weight), ScoreError::OutOfRange { .. }));
    let huge = moved(&source, |v| v * 1e200);
    let found = run(&huge, &target, Settings { label_weight: 0.0, ..PLAIN });
    assert!(matches!(found, ScoreError::Transport(TransportError::BadCost { .. })));
}
