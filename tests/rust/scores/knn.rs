//! The accuracy of neighbours that vote: values by hand, ties, and what must not matter.

use crate::generators::cases;
use crate::generators::random_tables::*;
use ndarray::{Array2, Axis};
use polars_transferability::estimators::nearest_neighbours::{Metric, NeighbourError};
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::knn::Settings;
use polars_transferability::scores::{knn_accuracy, knn_accuracy_split, ScoreError, Ties};
use proptest::prelude::*;

fn nearest(k: usize, metric: Metric) -> Settings {
    Settings { k, metric, ties: Ties::Nearest }
}

#[test]
fn ties_go_to_the_first_class_or_to_the_nearest_neighbour() {
    // The row at 0 has one neighbour of class 1, then one of class 0; it is of class 1.
    let rows = ndarray::arr2(&[[0.0], [1.0], [-2.0], [50.0], [51.0]]);
    let task = Task { rows, labels: vec![1, 1, 0, 0, 0] };
    let accuracy = |ties| {
        task.with(|t| knn_accuracy(t, Settings { k: 2, metric: Metric::Euclidean, ties })).unwrap()
    };
    assert_eq!(accuracy(Ties::Nearest) - accuracy(Ties::First), 0.4);
}

#[test]
fn of_duplicates_are_their_duplicates() {
    let mut rng = generator(7);
    let twice: Vec<usize> = (0..400).map(|i| i / 2).collect();
    let rows = noise(&mut rng, 200, 6).select(Axis(0), &twice);
    // Labels that only a duplicate can know.
    let labels = twice.iter().map(|&i| (i * 7919 % 13) as u32).collect();
    let task = Task { rows, labels };
    for metric in [Metric::Euclidean, Metric::Cosine] {
        assert_eq!(task.with(|table| knn_accuracy(table, nearest(1, metric))), Ok(1.0));
    }
}

#[test]
fn votes_that_tie_go_to_the_nearest() {
    // Seen from 0 the neighbours are 1 (class 1), 2 (class 0), 3 (class 0), 4 (class 1).
    let fit = Task { rows: ndarray::arr2(&[[4.0], [3.0], [2.0], [1.0]]), labels: vec![1, 0, 0, 1] };
    let accuracy = |k: usize, class: usize| {
        let query = ndarray::arr2(&[[0.0]]);
        let mut classes = vec![vec![]; 2];
        classes[class].push(0);
        let test = ClassedTable { table: Table::F64(query.view()), classes: &classes };
        fit.with(|fit| knn_accuracy_split(fit, test, nearest(k, Metric::Euclidean))).unwrap()
    };
    assert_eq!([1, 2, 3, 4].map(|k| accuracy(k, 1)), [1.0, 1.0, 0.0, 1.0]);
    assert_eq!([1, 2, 3, 4].map(|k| accuracy(k, 0)), [0.0, 0.0, 1.0, 0.0]);
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn accuracy_depends_on_no_order_or_name(
        seed in any::<u64>(), n in 12usize..80, d in 2usize..9, k in 1usize..6,
    ) {
        let task = clusters(seed, n, d, 3, 0.8);
        for metric in [Metric::Euclidean, Metric::Cosine] {
            let accuracy = |task: &Task| task.with(|t| knn_accuracy(t, nearest(k, metric)))
                .unwrap();
            let value = accuracy(&task);
            prop_assert!((0.0..=1.0).contains(&value));
            prop_assert_eq!(accuracy(&task.permuted(seed)), value);
            prop_assert_eq!(accuracy(&task.relabelled()), value);
        }
    }
}

#[test]
fn bad_input_is_named() {
    let mut task = clusters(3, 9, 4, 3, 1.0);
    let accuracy = |task: &Task, k, metric| task.with(|t| knn_accuracy(t, nearest(k, metric)));
    assert!(accuracy(&task, 8, Metric::Euclidean).is_ok());
    assert_eq!(
        accuracy(&task, 9, Metric::Euclidean),
        Err(NeighbourError::FewRows { found: 9, k: 9, needed: 10 }.into())
    );
    assert_eq!(accuracy(&task, 0, Metric::Euclidean), Err(NeighbourError::NoNeighbours.into()));
    task.rows.row_mut(5).fill(0.0);
    assert!(accuracy(&task, 2, Metric::Euclidean).is_ok());
    assert_eq!(accuracy(&task, 2, Metric::Cosine), Err(NeighbourError::ZeroRow { row: 5 }.into()));
    task.labels.fill(0);
    assert_eq!(
        accuracy(&task, 2, Metric::Euclidean),
        Err(ScoreError::FewClasses { score: "kNN accuracy", found: 1 })
    );
}

#[test]
fn rows_that_are_all_the_same_have_an_accuracy() {
    let task = Task { rows: Array2::ones((60, 3)), labels: (0..60).map(|i| i % 2).collect() };
    let value = task.with(|t| knn_accuracy(t, nearest(1, Metric::Euclidean))).unwrap();
    // Row 1 is the nearest of row 0, and row 0 of all others: right for 29 rows of class 0.
    assert_eq!(value, 29.0 / 60.0);
}
