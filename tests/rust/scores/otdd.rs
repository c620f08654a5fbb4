//! OTDD: values of POT, closed forms, and the axioms of a metric.

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::points::*;
use polars_transferability::linalg::Matrix;
use polars_transferability::scores::otdd::{otdd, InnerDistance, Settings};
use proptest::prelude::*;

/// The score is the negated distance.
fn distance(source: &Task, target: &Task, inner: InnerDistance, p: f64) -> f64 {
    let settings = Settings { inner, power: p, limit: ALL_ROWS };
    -otdd(source.table(), target.table(), settings).unwrap()
}

#[test]
fn otdd_is_pots() {
    // ot.emd2 on |x - y|^p plus, for each pair of classes, ot.emd2 on its block, or
    // |m - m'|^2 + the Bures term from scipy.linalg.sqrtm and covariances with bias=True.
    let (source, target) = reference_tasks();
    let references =
        [(1.0, 3.9731235810991614), (2.0, 3.1013942417302274), (3.0, 3.017662935317994)];
    for (p, wanted) in references {
        assert_close(distance(&source, &target, InnerDistance::Exact, p), wanted, 1e-13);
    }
    let found = distance(&source, &target, InnerDistance::Gaussian, 2.0);
    assert_close(found, 2.7261293736669385, 1e-7);
}

#[test]
fn one_row_classes_have_the_closed_form() {
    // d^2 = |x - x'|^2 + |x - x'|^2, with either inner distance.
    let source = Task::new(Matrix::from_fn(1, 2, |_, _| 0.0), |_| 0, 1);
    let target = Task::new(Matrix::from_fn(1, 2, |_, _| 3.0), |_| 0, 1);
    for inner in [InnerDistance::Exact, InnerDistance::Gaussian] {
        assert_close(distance(&source, &target, inner, 2.0), 6.0, 1e-14);
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn otdd_is_a_metric(
        x in tasks(3), y in tasks(3), z in tasks(3),
        p in prop_oneof![Just(1.0), Just(2.0), Just(3.0)],
    ) {
        let run = |a: &Task, b: &Task| {
            distance(a, b, InnerDistance::Exact, p)
        };
        prop_assert_eq!(run(&x, &x), 0.0);
        assert_close(run(&y, &x), run(&x, &y), 1e-11);
        prop_assert!(run(&x, &z) <= run(&x, &y) + run(&y, &z) + 1e-9);
        // Never below the distance of the features alone.
        let features = wasserstein(&x.points, &y.points, None, None, p).unwrap();
        prop_assert!(run(&x, &y) >= features - 1e-9);
    }

    #[test]
    fn gaussian_otdd_is_below_the_exact_one(x in tasks(3), y in tasks(3)) {
        let run = |a: &Task, b: &Task, inner| {
            distance(a, b, inner, 2.0)
        };
        prop_assert!(run(&x, &y, InnerDistance::Gaussian) <= run(&x, &y, InnerDistance::Exact) +
            1e-6);
        prop_assert!(run(&x, &x, InnerDistance::Gaussian) < 1e-3);
        assert_close(run(&y, &x, InnerDistance::Gaussian), run(&x, &y, InnerDistance::Gaussian),
            1e-6);
    }

    #[test]
    fn otdd_follows_scale_and_shift(
        x in tasks(3), y in tasks(3), scale in 0.1..10.0f64, shift in -5.0..5.0f64,
        inner in prop_oneof![Just(InnerDistance::Exact), Just(InnerDistance::Gaussian)],
    ) {
        let run = |a: &Task, b: &Task| distance(a, b, inner, 2.0);
        let moved = |task: &Task| Task {
            points: map(&task.points, |v| v * scale + shift),
            classes: task.classes.clone(),
        };
        assert_close(run(&moved(&x), &moved(&y)) / scale, run(&x, &y), 1e-5);
    }
}

#[test]
fn otdd_sees_a_relabelling_that_the_features_do_not() {
    let x = wave(12, 3, 1.3, 0.0);
    let sorted = Task::new(x.clone(), |i| usize::from(x.row(i)[0] > 0.0), 2);
    let shuffled = Task::new(x.clone(), |i| i % 2, 2);
    let found = distance(&sorted, &shuffled, InnerDistance::Exact, 2.0);
    assert!(found > 0.5);
    assert_eq!(wasserstein(&x, &x, None, None, 2.0).unwrap(), 0.0);
}
