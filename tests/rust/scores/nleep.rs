//! N-LEEP: analytic values, what it says that it used, and what must not matter.

use crate::generators::cases;
use crate::generators::random_tables::*;
use ndarray::Array2;
use polars_transferability::estimators::gaussian_mixture::Covariance;
use polars_transferability::scores::nleep::Settings;
use polars_transferability::scores::{nleep, ScoreError};
use proptest::prelude::*;

fn score(task: &Task, settings: &Settings) -> f64 {
    task.with(|t| nleep(t, settings)).unwrap().value
}

#[test]
fn is_zero_for_separate_classes() {
    let task = clusters(1, 300, 12, 3, 50.0);
    let found = task.with(|t| nleep(t, &Settings::default())).unwrap();
    assert!(found.converged && found.value <= 1e-12 && found.value > -1e-6, "{found:?}");
    // Five components for each class.
    let fifteen = Settings { components: Some(15), ..Settings::default() };
    assert_eq!(task.with(|t| nleep(t, &fifteen)), Ok(found));
}

#[test]
fn of_one_component_is_the_entropy_of_the_labels() {
    let task = clusters(2, 90, 6, 4, 1.0);
    let value = score(&task, &Settings { components: Some(1), ..Settings::default() });
    assert!(near(value, -entropy(&task.labels), 1e-12));
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn depends_on_no_order_name_or_scale(
        seed in any::<u64>(), n in 30usize..90, d in 2usize..12, full in any::<bool>(),
    ) {
        let task = clusters(seed, n, d, 3, 0.7);
        let covariance = if full { Covariance::Full } else { Covariance::Diagonal };
        let settings =
            Settings { components: Some(4), covariance, seed, ..Settings::default() };
        let value = score(&task, &settings);
        prop_assert!(value <= 1e-12);
        prop_assert_eq!(score(&task, &settings), value);
        prop_assert_eq!(score(&task.permuted(seed), &settings), value);
        prop_assert!(near(score(&task.relabelled(), &settings), value, 1e-12));
        let scaled = Task { rows: &task.rows * 1024.0, labels: task.labels.clone() };
        prop_assert!(near(score(&scaled, &settings), value, 1e-9));
    }
}

#[test]
fn says_what_it_used() {
    let task = clusters(5, 60, 30, 3, 0.2);
    let of = |settings: Settings| task.with(|t| nleep(t, &settings)).unwrap();
    let short = of(Settings { max_iterations: 1, ..Settings::default() });
    assert!(!short.converged && short.iterations == 1);
    // Fewer principal axes are another mixture.
    let all_axes = of(Settings { energy: 1.0, ..Settings::default() });
    assert_ne!(all_axes, of(Settings::default()));
    // Five a class would be 15; half the rows of a third of the table is less.
    let few = Task {
        rows: task.rows.slice(ndarray::s![..18, ..]).to_owned(),
        labels: task.labels[..18].to_vec(),
    };
    let nine = Settings { components: Some(9), ..Settings::default() };
    let found = few.with(|t| nleep(t, &nine)).unwrap();
    assert_eq!(few.with(|t| nleep(t, &Settings::default())).unwrap(), found);
}

#[test]
fn bad_input_is_named() {
    let task = clusters(6, 12, 3, 3, 1.0);
    let of = |task: &Task, settings: Settings| task.with(|t| nleep(t, &settings)).unwrap_err();
    for energy in [0.0, 1.5, f64::NAN] {
        let error = of(&task, Settings { energy, ..Settings::default() });
        assert!(matches!(error, ScoreError::Energy { .. }));
    }
    let many = of(&task, Settings { components: Some(13), ..Settings::default() });
    assert!(many.to_string().contains("12 rows"), "{many}");
    let constant = Task { rows: Array2::ones((12, 3)), labels: task.labels.clone() };
    assert_eq!(
        of(&constant, Settings::default()),
        ScoreError::ConstantFeatures { score: "N-LEEP" }
    );
    let one = Task { rows: task.rows.clone(), labels: vec![0; 12] };
    assert_eq!(of(&one, Settings::default()), ScoreError::FewClasses { score: "N-LEEP", found: 1 });
    let tiny = Task { rows: ndarray::arr2(&[[0.0], [1.0], [2.0]]), labels: vec![0, 1, 1] };
    assert_eq!(
        of(&tiny, Settings::default()),
        ScoreError::FewRows { score: "N-LEEP", found: 3, needed: 4 }
    );
}
