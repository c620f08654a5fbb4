//! The linear probe against scikit-learn 1.9's `LogisticRegression`, and its choice of a strength.

use crate::generators::assert_close;
use crate::generators::classed_rows::*;
use ndarray::Array2;
use polars_transferability::scores::linear_probe;

fn probe(fit: &Rows, evaluate: &Rows, l2: Option<f64>) -> linear_probe::LinearProbe {
    let settings = linear_probe::Settings { l2, seed: 7, ..Default::default() };
    linear_probe::linear_probe(fit.table(), evaluate.table(), settings, SEQUENTIAL).unwrap()
}

#[test]
fn the_probe_is_the_one_of_scikit_learn() {
    let (fit, evaluate) = (example(0..80), example(80..120));
    let found = probe(&fit, &evaluate, Some(0.5));
    assert_close(found.loss, 0.841_602_630_372_505, 1e-7);
    assert_close(found.train_loss, 0.808_556_106_675_393_6, 1e-7);
    assert_eq!((found.accuracy, found.l2), (23.0 / 40.0, 0.5));
    let found = probe(&fit, &evaluate, Some(0.01));
    assert_close(found.loss, 0.709_048_280_598_307_4, 1e-5);
    assert_close(found.train_loss, 0.653_593_647_659_420_4, 1e-6);
    assert_eq!(found.accuracy, 29.0 / 40.0);
}

#[test]
fn the_probe_chooses_a_strength_on_its_path_and_does_not_mind_features_that_say_nothing() {
    let (fit, evaluate) = (example(0..80), example(80..120));
    let chosen = probe(&fit, &evaluate, None);
    assert_eq!(chosen, probe(&fit, &evaluate, None));
    assert!([10.0, 1.0, 0.1, 0.01, 0.001, 1e-4].contains(&chosen.l2));
    let given = probe(&fit, &evaluate, Some(chosen.l2));
    assert_close(chosen.loss, given.loss, 1e-4);
    // A constant feature that is another constant elsewhere, and one that is there twice: the same
    // predictions from weights that share the penalty, so a smaller loss on the fit rows.
    let widen = |rows: &Rows, constant: f64| {
        let wide = Array2::from_shape_fn((rows.values.nrows(), WIDTH + 2), |(i, j)| match j {
            WIDTH => constant,
            j => rows.values[[i, if j > WIDTH { 0 } else { j }]],
        });
        rows.with_values(wide)
    };
    let wide = probe(&widen(&fit, 5.0), &widen(&evaluate, -8.0), Some(0.5));
    let narrow = probe(&fit, &evaluate, Some(0.5));
    assert!(wide.train_loss < narrow.train_loss && wide.loss.is_finite());
    // Nothing to tell classes apart by: the prior.
    let flat = probe(
        &fit.with_values(Array2::ones((80, 2))),
        &evaluate.with_values(Array2::ones((40, 2))),
        Some(0.1),
    );
    let entropy = -(0.5 * 0.5_f64.ln() + 0.3 * 0.3_f64.ln() + 0.2 * 0.2_f64.ln());
    assert_close(flat.train_loss, entropy, 1e-9);
    assert_close(flat.loss, entropy, 1e-9);
    assert_eq!(flat.accuracy, 0.5);
}

/// The first rows of a class of one: it is in both parts of the split.
#[test]
fn the_probe_fits_with_a_class_of_one_row_and_evaluates_without_some_class() {
    let mut fit = example(0..40);
    fit.classes[2].truncate(1);
    let mut evaluate = example(80..120);
    evaluate.classes[2].clear();
    let found = probe(&fit, &evaluate, None);
    assert!(found.loss.is_finite() && (0.0..=1.0).contains(&found.accuracy));
}

/// Without a given strength, rows are set aside by their content: the same bits in any order of
/// rows and whatever the classes are called, also where rows are repeated and classes mirror each
/// other.
#[test]
fn the_probe_sets_the_same_rows_aside_in_any_order() {
    let plain = example(0..80);
    let mirrored = plain.with_values(Array2::from_shape_fn((80, WIDTH), |(i, j)| {
        let sign = if label(i) == 0 { -1.0 } else { 1.0 };
        // Classes 0 and 1 have as many rows of the same lengths.
        sign * (((i / 4 % 9) * (j + 2)) as f64).sin()
    }));
    for rows in [plain, mirrored] {
        let evaluate = example(80..120);
        let wanted = probe(&rows, &evaluate, None);
        for step in [27, 31] {
            let order: Vec<usize> = (0..80).map(|i| (i * step) % 80).collect();
            let values = Array2::from_shape_fn((80, WIDTH), |(i, j)| rows.values[[order[i], j]]);
            let labels: Vec<usize> = order.iter().map(|&i| label(i)).collect();
            assert_eq!(probe(&Rows::new(values, &labels, 3), &evaluate, None), wanted);
        }
        let renamed = |rows: &Rows| Rows {
            values: rows.values.clone(),
            classes: [1, 2, 0].map(|c: usize| rows.classes[c].clone()).into(),
        };
        assert_eq!(probe(&renamed(&rows), &renamed(&evaluate), None), wanted);
    }
}
