//! LEEP and NCE: analytic values, and what must not matter.

use crate::generators::cases;
use crate::generators::random_tables::*;
use ndarray::{Array2, Axis};
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::ProbabilityError;
use polars_transferability::scores::{leep, nce, ScoreError};
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::RngExt;

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn probabilities_that_ignore_the_row_leave_the_entropy_of_the_labels(
        seed in any::<u64>(), n in 6usize..80, classes in 2u32..6, sources in 1usize..7,
    ) {
        let mut rng = generator(seed);
        let theta = distributions(&mut rng, 1, sources);
        let rows = theta.select(Axis(0), &vec![0; n]);
        let task = Task { rows, labels: random_labels(&mut rng, n, classes) };
        prop_assert!(near(task.with(leep).unwrap(), -entropy(&task.labels), 1e-12));
    }

    #[test]
    fn of_certain_probabilities_leep_is_nce(
        seed in any::<u64>(), n in 6usize..80, classes in 2u32..6, sources in 1u32..9,
    ) {
        let mut rng = generator(seed);
        let source: Vec<u32> = (0..n).map(|_| rng.random_range(0..sources)).collect();
        let rows = Array2::from_shape_fn((n, sources as usize), |(i, z)| {
            f64::from(u8::from(source[i] == z as u32))
        });
        let task = Task { rows, labels: random_labels(&mut rng, n, classes) };
        let value = nce(&source, &task.labels).unwrap();
        prop_assert!(near(task.with(leep).unwrap(), value, 1e-12));
        prop_assert!(value <= 0.0 && value >= -f64::from(classes).ln() - 1e-12);
        prop_assert!(value >= -entropy(&task.labels) - 1e-12);
    }

    #[test]
    fn a_source_label_that_decides_the_target_label_gives_nce_zero(
        seed in any::<u64>(), n in 6usize..80, classes in 2u32..6,
    ) {
        let mut rng = generator(seed);
        let labels = random_labels(&mut rng, n, classes);
        let source: Vec<u32> =
            labels.iter().map(|label| 1000 * label + rng.random_range(0..3)).collect();
        prop_assert_eq!(nce(&source, &labels).unwrap(), 0.0);
        prop_assert!(near(nce(&vec![7; n], &labels).unwrap(), -entropy(&labels), 1e-12));
    }

    #[test]
    fn leep_depends_on_no_order(
        seed in any::<u64>(), n in 6usize..60, classes in 2u32..6, sources in 1usize..7,
    ) {
        let mut rng = generator(seed);
        let rows = distributions(&mut rng, n, sources);
        let task = Task { rows, labels: random_labels(&mut rng, n, classes) };
        let value = task.with(leep).unwrap();
        prop_assert!(value <= 1e-12);
        prop_assert!(near(task.permuted(seed).with(leep).unwrap(), value, 1e-12));
        prop_assert!(near(task.relabelled().with(leep).unwrap(), value, 1e-12));
        let backwards: Vec<usize> = (0..sources).rev().collect();
        let columns =
            Task { rows: task.rows.select(Axis(1), &backwards), labels: task.labels.clone() };
        prop_assert!(near(columns.with(leep).unwrap(), value, 1e-12));
        // A source class that no row can be changes nothing, and divides nothing by zero.
        let mut wider = Array2::zeros((n, sources + 1));
        wider.slice_mut(ndarray::s![.., ..sources]).assign(&task.rows);
        let wider = Task { rows: wider, labels: task.labels.clone() };
        prop_assert_eq!(wider.with(leep).unwrap(), value);
    }

    #[test]
    fn nce_depends_on_no_order_or_name(
        seed in any::<u64>(), n in 6usize..60, classes in 2u32..6,
    ) {
        let mut rng = generator(seed);
        let labels = random_labels(&mut rng, n, classes);
        let source = random_labels(&mut rng, n, 4);
        let value = nce(&source, &labels).unwrap();
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut rng);
        let moved = |of: &[u32]| -> Vec<u32> { order.iter().map(|&i| 90 - of[i]).collect() };
        prop_assert!(near(nce(&moved(&source), &moved(&labels)).unwrap(), value, 1e-12));
    }
}

#[test]
fn single_precision_probabilities_count_as_distributions() {
    let mut rng = generator(1);
    let rows = distributions(&mut rng, 50, 1000);
    let labels = random_labels(&mut rng, 50, 4);
    let single = rows.mapv(|p| p as f32);
    let classes = group(&labels);
    let value = leep(ClassedTable { table: Table::F32(single.view()), classes: &classes }).unwrap();
    let task = Task { rows, labels };
    assert!(near(task.with(leep).unwrap(), value, 1e-6));
}

#[test]
fn what_is_no_distribution_is_named() {
    let labels = vec![0, 1, 0];
    let with = |row: [f64; 2]| {
        let rows = ndarray::arr2(&[[0.5, 0.5], [1.0, 0.0], row]);
        Task { rows, labels: labels.clone() }.with(leep)
    };
    assert!(with([0.25, 0.75]).is_ok());
    assert_eq!(
        with([0.5, 0.6]),
        Err(ProbabilityError::NotADistribution { row: 2, sum: 1.1 }.into())
    );
    assert_eq!(
        with([1.5, -0.5]),
        Err(ProbabilityError::NegativeProbability { row: 2, column: 1, value: -0.5 }.into())
    );
    assert!(matches!(
        with([f64::NAN, 1.0]),
        Err(ScoreError::Probabilities(ProbabilityError::NotADistribution { row: 2, .. }))
    ));
    let one = Task { rows: ndarray::arr2(&[[1.0], [1.0]]), labels: vec![0, 0] };
    assert_eq!(one.with(leep), Err(ScoreError::FewClasses { score: "LEEP", found: 1 }));
    assert_eq!(nce(&[0, 1], &[3, 3]), Err(ScoreError::FewClasses { score: "NCE", found: 1 }));
    assert_eq!(nce(&[], &[]), Err(ScoreError::FewClasses { score: "NCE", found: 0 }));
    assert_eq!(nce(&[0], &[1, 2]), Err(ScoreError::Lengths { source_labels: 1, labels: 2 }));
}
