//! s-OTDD: values of numpy and POT on given lines, closed forms, and the axioms of a pseudometric.

use crate::generators::points::*;
use crate::generators::{assert_all_close, assert_close, cases};
use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::{Basis, ClassRows};
use polars_transferability::scores::s_otdd::{along, s_otdd, MomentProjection, Settings};
use polars_transferability::scores::ScoreError;
use polars_transferability::transport::sliced::SlicedError;
use polars_transferability::transport::TransportError;
use proptest::prelude::*;

const FEW: Settings = Settings { projections: 40, power: 2.0, seed: 3 };

/// The score is the negated distance.
fn distance(source: &Task, target: &Task, settings: Settings) -> f64 {
    -s_otdd(source.table(), target.table(), settings, Parallelism::Sequential).unwrap()
}

fn class_rows(task: &Task) -> ClassRows {
    Basis::raw(task.points.ncols()).project_classes(task.table().table, &task.classes)
}

/// Points in another place, in the same classes.
fn moved(task: &Task, change: impl Fn(f64) -> f64) -> Task {
    Task { points: map(&task.points, change), classes: task.classes.clone() }
}

#[test]
fn along_given_lines_it_is_numpys() {
    // mixture[0] * x @ t + sum_j mixture[j] * mean((x[y == c] @ t) ** order_j) / factorial(order_j)
    // for the rows of each class c, and ot.wasserstein_1d(..., p=p) ** (1 / p) between the two.
    let line = |direction: [f64; 3], orders: [u32; 5], mixture: [f64; 6]| MomentProjection {
        direction: direction.to_vec(),
        orders: orders.to_vec(),
        mixture: mixture.to_vec(),
    };
    let lines = [
        line([1.0, 0.0, 0.0], [1, 2, 3, 4, 5], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        line([0.6, 0.8, 0.0], [1, 1, 2, 7, 3], [0.5, 0.5, 0.5, 0.3, 0.4, 0.0]),
        line([0.48, 0.6, 0.64], [2, 2, 2, 4, 30], [0.1, -0.7, 0.1, 0.2, 0.3, 0.6]),
    ];
    let references = [
        (1.0, [0.5856882358594763, 1.1871086990302828, 0.25059556783764114]),
        (2.0, [0.7012856109899089, 1.289520406446996, 0.2680106332591887]),
        (3.0, [0.8066450119266297, 1.3724983879464263, 0.2841723760256363]),
    ];
    let (source, target) = reference_tasks();
    for (p, wanted) in references {
        let found = along(&lines, &class_rows(&source), &class_rows(&target), p).unwrap();
        assert_all_close(&found, &wanted, 1e-12);
    }
}

#[test]
fn of_one_row_on_each_side_it_is_the_mean_over_lines() {
    // At the origin every moment is 0, so the origin stands at 0 on every line; a row at `x` on the
    // real line (where directions are 1 and -1) at v_0 x + v . moments. With E v_i v_j = 1/6 for
    // i = j and else 0, and x small, the first moments that are drawn as order 1 add up.
    let x = 1e-4;
    let origin = Task::new(Matrix::zeros(1, 1), |_| 0, 1);
    let near = Task::new(Matrix::from_fn(1, 1, |_, _| x), |_| 0, 1);
    let shares = (1..=5).map(f64::from).map(|rate| rate / rate.exp_m1());
    let wanted = x * ((1.0 + shares.sum::<f64>()) / 6.0).sqrt();
    let many = Settings { projections: 60_000, ..FEW };
    assert_close(distance(&origin, &near, many) / wanted, 1.0, 0.01);
}

#[test]
fn it_sees_a_relabelling_that_the_features_do_not() {
    let x = wave(12, 3, 1.3, 0.0);
    let sorted = Task::new(x.clone(), |i| usize::from(x.row(i)[0] > 0.0), 2);
    let shuffled = Task::new(x.clone(), |i| i % 2, 2);
    assert!(distance(&sorted, &shuffled, FEW) > 0.1);
}

#[test]
fn neither_threads_nor_the_number_of_a_round_change_a_bit() {
    let (source, target) = reference_tasks();
    for projections in [1, 31, 513] {
        let settings = Settings { projections, ..FEW };
        let pool = s_otdd(source.table(), target.table(), settings, Parallelism::Pool).unwrap();
        assert_eq!(-pool, distance(&source, &target, settings));
    }
    assert_ne!(
        distance(&source, &target, FEW),
        distance(&source, &target, Settings { seed: 4, ..FEW })
    );
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn it_is_a_pseudometric_for_every_draw(
        x in tasks(3), y in tasks(3), z in tasks(3), seed in any::<u64>(),
        power in prop_oneof![Just(1.0), Just(2.0), Just(3.0)],
    ) {
        let settings = Settings { projections: 20, power, seed };
        let run = |a: &Task, b: &Task| distance(a, b, settings);
        prop_assert_eq!(run(&x, &x), 0.0);
        prop_assert!(run(&x, &y) >= 0.0);
        assert_close(run(&y, &x), run(&x, &y), 1e-11);
        let (direct, detour) = (run(&x, &z), run(&x, &y) + run(&y, &z));
        prop_assert!(direct <= detour * (1.0 + 1e-9) + 1e-9);
    }

    /// Points of a small grid: many rows are repeated, within classes and across them.
    #[test]
    fn it_depends_on_no_order_or_name(
        labels in prop::collection::vec((0..3usize, 0..3usize), 12),
        cells in prop::collection::vec((0..3i32, 0..2i32), 24),
        order in Just((0..12usize).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let at = |i: usize, k: usize| f64::from([cells[i].0, cells[i].1][k]);
        let source = Task::new(Matrix::from_fn(12, 2, at), |i| labels[i].0, 3);
        let target = Task::new(Matrix::from_fn(12, 2, |i, k| at(12 + i, k)), |i| labels[i].1, 3);
        let other = |task: &Task, label: &dyn Fn(usize) -> usize| {
            let points = Matrix::from_fn(12, 2, |i, k| task.points.row(order[i])[k]);
            Task::new(points, |i| 2 - label(order[i]), 3)
        };
        let others = (other(&source, &|i| labels[i].0), other(&target, &|i| labels[i].1));
        prop_assert_eq!(
            distance(&source, &target, FEW),
            distance(&others.0, &others.1, FEW)
        );
    }

    /// Small features have small higher moments, so that the distance scales with them.
    #[test]
    fn of_small_features_it_follows_the_scale(x in tasks(3), y in tasks(3)) {
        let run = |scale: f64| {
            distance(&moved(&x, |v| v * scale), &moved(&y, |v| v * scale), FEW) / scale
        };
        let (small, smaller) = (run(1e-7), run(1e-8));
        prop_assert!((small - smaller).abs() <= 1e-5 * small + 1e-5);
    }
}

#[test]
fn a_rotation_changes_the_draw_alone() {
    let turn = |task: &Task| {
        let p = &task.points;
        let (c, s) = (0.6, 0.8);
        let turned = Matrix::from_fn(p.nrows(), 3, |i, k| match k {
            0 => c * p.row(i)[0] - s * p.row(i)[1],
            1 => s * p.row(i)[0] + c * p.row(i)[1],
            _ => p.row(i)[2],
        });
        Task { points: turned, classes: task.classes.clone() }
    };
    let (source, target) = reference_tasks();
    let many = Settings { projections: 20_000, ..FEW };
    let turned = distance(&turn(&source), &turn(&target), many);
    assert_close(turned, distance(&source, &target, many), 0.02);
    assert_ne!(turned, distance(&source, &target, many));
}

#[test]
fn bad_input_is_named() {
    let (source, target) = reference_tasks();
    let run = |a: &Task, b: &Task, settings| {
        s_otdd(a.table(), b.table(), settings, Parallelism::Sequential).unwrap_err()
    };
    let narrow = Task::new(wave(6, 2, 1.0, 0.0), |i| i % 2, 2);
    assert_eq!(
        run(&source, &narrow, FEW),
        ScoreError::Width { score: "s-OTDD", source_width: 3, target_width: 2 }
    );
    let none = Settings { projections: 0, ..FEW };
    assert_eq!(run(&source, &target, none), ScoreError::Sliced(SlicedError::NoProjections));
    let low = Settings { power: 0.5, ..FEW };
    let found = run(&source, &target, low);
    assert!(matches!(
        found,
        ScoreError::Sliced(SlicedError::Transport(TransportError::Power { .. }))
    ));
    let nothing = Task { points: Matrix::zeros(0, 3), classes: vec![] };
    let empty = ScoreError::Sliced(SlicedError::Transport(TransportError::EmptySide));
    assert_eq!(run(&nothing, &target, FEW), empty);
    assert_eq!(run(&source, &nothing, FEW), empty);
    // The moments are beyond the range of floats.
    let huge = moved(&source, |v| v * 1e200);
    assert_eq!(run(&huge, &target, FEW), ScoreError::MomentRange { score: "s-OTDD" });
}
