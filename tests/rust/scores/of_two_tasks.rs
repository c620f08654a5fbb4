//! What OT-NCE and OTDD have in common: draws, ties and the input that they refuse.

use crate::generators::cases;
use crate::generators::points::*;
use polars_transferability::linalg::Matrix;
use polars_transferability::scores::otce::ot_nce;
use polars_transferability::scores::otdd::{otdd, InnerDistance, Settings};
use polars_transferability::scores::{RowLimit, ScoreError};
use polars_transferability::transport::TransportError;
use proptest::prelude::*;

fn exact(limit: RowLimit) -> Settings {
    Settings { inner: InnerDistance::Exact, power: 2.0, limit }
}

proptest! {
    #![proptest_config(cases(200))]

    /// Points of a small grid: many couplings cost the same, and rows are repeated.
    #[test]
    fn ties_and_draws_depend_on_no_order_or_name(
        labels in prop::collection::vec((0..3usize, 0..3usize), 12),
        cells in prop::collection::vec((0..3i32, 0..2i32), 24),
        order in Just((0..12usize).collect::<Vec<usize>>()).prop_shuffle(),
        limit in prop_oneof![Just(None), Just(Some(7))],
    ) {
        let at = |i: usize, k: usize| f64::from([cells[i].0, cells[i].1][k]);
        let source = Task::new(Matrix::from_fn(12, 2, at), |i| labels[i].0, 3);
        let target = Task::new(Matrix::from_fn(12, 2, |i, k| at(12 + i, k)), |i| labels[i].1, 3);
        prop_assume!(target.classes.len() > 1);
        let other = |task: &Task, label: &dyn Fn(usize) -> usize| {
            let points = Matrix::from_fn(12, 2, |i, k| task.points.row(order[i])[k]);
            Task::new(points, |i| 2 - label(order[i]), 3)
        };
        let others = (other(&source, &|i| labels[i].0), other(&target, &|i| labels[i].1));
        let limit = RowLimit { rows: limit, seed: 5 };
        let coupled = |s: &Task, t: &Task| ot_nce(s.table(), t.table(), limit).ok();
        prop_assert_eq!(coupled(&source, &target), coupled(&others.0, &others.1));
        let moved = |s: &Task, t: &Task| {
            otdd(s.table(), t.table(), exact(limit)).unwrap()
        };
        prop_assert_eq!(moved(&source, &target), moved(&others.0, &others.1));
    }
}

#[test]
fn a_limit_draws_by_seed_and_draws_the_same_rows_of_the_same_task() {
    let task = Task::new(wave(60, 3, 1.3, 0.0), |i| i % 3, 3);
    let other = Task::new(wave(50, 3, 0.7, 0.5), |i| i % 2, 2);
    let run = |rows, seed| {
        let limit = RowLimit { rows, seed };
        let moved = otdd(task.table(), other.table(), exact(limit)).unwrap();
        (moved, ot_nce(task.table(), other.table(), limit).unwrap())
    };
    assert_eq!(run(Some(20), 3), run(Some(20), 3));
    assert_ne!(run(Some(20), 3).0, run(Some(20), 4).0);
    assert_eq!(run(Some(60), 3), run(None, 9));
    let limit = RowLimit { rows: Some(20), seed: 5 };
    assert_eq!(otdd(task.table(), task.table(), exact(limit)).unwrap(), 0.0);
}

#[test]
fn bad_score_input_is_named() {
    let (source, target) = reference_tasks();
    let narrow = Task::new(wave(6, 2, 1.0, 0.0), |i| i % 2, 2);
    let one_class = Task::new(wave(6, 3, 1.0, 0.0), |_| 0, 1);
    let nothing = Task { points: Matrix::zeros(0, 3), classes: vec![] };
    let none = ALL_ROWS;
    let all = exact(none);
    assert_eq!(
        ot_nce(source.table(), narrow.table(), none).unwrap_err(),
        ScoreError::Width { score: "OT-NCE", source_width: 3, target_width: 2 }
    );
    assert_eq!(
        ot_nce(source.table(), one_class.table(), none).unwrap_err(),
        ScoreError::FewClasses { score: "OT-NCE", found: 1 }
    );
    for found in [
        ot_nce(nothing.table(), target.table(), none).err(),
        otdd(nothing.table(), target.table(), all).err(),
        otdd(source.table(), target.table(), exact(RowLimit { rows: Some(0), seed: 0 })).err(),
    ] {
        assert_eq!(found, Some(ScoreError::Transport(TransportError::EmptySide)));
    }
    assert_eq!(
        otdd(
            source.table(),
            target.table(),
            Settings { inner: InnerDistance::Gaussian, power: 1.0, ..all }
        )
        .unwrap_err(),
        ScoreError::GaussianPower { p: 1.0 }
    );
    let found = otdd(source.table(), target.table(), Settings { power: 0.5, ..all }).unwrap_err();
    assert!(matches!(found, ScoreError::Transport(TransportError::Power { .. })));
    let huge = Task { points: map(&source.points, |v| v * 1e200), classes: source.classes.clone() };
    let found = otdd(huge.table(), target.table(), all).unwrap_err();
    assert!(matches!(found, ScoreError::Transport(TransportError::BadCost { .. })));
}
