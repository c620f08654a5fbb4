//! OT-NCE and OTCE: values of POT, closed forms, and bounds.

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::points::*;
use ndarray::ArrayView2;
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::otce::{ot_nce, otce, OtNce, OtceCoefficients};
use polars_transferability::scores::ScoreError;
use proptest::prelude::*;

#[test]
fn ot_nce_is_pots() {
    // G = ot.emd(uniform, uniform, ot.dist(x, y)); the entropy of the labels' joint by numpy.
    let (source, target) = reference_tasks();
    let found = ot_nce(source.table(), target.table(), ALL_ROWS).unwrap();
    assert_close(found.ot_nce, -0.6742695098049011, 1e-13);
    assert_close(found.wasserstein, 3.2779895459544592, 1e-13);
    assert_eq!(found.conditional_entropy, -found.ot_nce);
}

#[test]
fn ot_nce_knows_a_deterministic_label_map_and_independence() {
    let x = wave(12, 3, 1.3, 0.0);
    let source = Task::new(x.clone(), |i| i % 4, 4);
    let coarser = Task::new(x.clone(), |i| i % 2, 2);
    let found = ot_nce(source.table(), coarser.table(), ALL_ROWS).unwrap();
    assert_eq!((found.ot_nce, found.wasserstein), (0.0, 0.0));
    assert!(found.ot_nce.is_sign_positive(), "-0 would be printed as such");
    // The other way round each source class is two target classes, half and half.
    let found = ot_nce(coarser.table(), source.table(), ALL_ROWS).unwrap();
    assert_close(found.ot_nce, -2f64.ln(), 1e-14);
    let independent = Task::new(x, |i| i / 4, 3);
    let found = ot_nce(source.table(), independent.table(), ALL_ROWS).unwrap();
    assert_close(found.ot_nce, -3f64.ln(), 1e-14);
}

#[test]
fn otce_is_linear_in_its_terms() {
    let terms = OtNce { ot_nce: -0.5, wasserstein: 2.0, conditional_entropy: 0.5 };
    let coefficients =
        OtceCoefficients { wasserstein: -0.1, conditional_entropy: -0.4, intercept: 0.9 };
    assert_close(otce(&terms, &coefficients).unwrap(), 0.5, 1e-15);
    let huge = OtceCoefficients { wasserstein: 1e308, ..coefficients };
    let far = OtNce { wasserstein: 1e10, ..terms };
    assert_eq!(otce(&far, &huge), Err(ScoreError::CoefficientRange));
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn ot_nce_lies_between_minus_the_label_entropy_and_zero(source in tasks(4),
        target in tasks(4)) {
        prop_assume!(target.classes.len() > 1);
        let found = ot_nce(source.table(), target.table(), ALL_ROWS).unwrap();
        let n = target.table().count() as f64;
        let entropy: f64 =
            target.classes.iter().map(|c| c.len() as f64 / n).map(|p| -p * p.ln()).sum();
        prop_assert!(found.ot_nce <= 0.0 && found.ot_nce >= -entropy - 1e-12);
        let distance =
            wasserstein(&source.points, &target.points, None, None, 2.0).unwrap();
        assert_close(found.wasserstein, distance * distance, 1e-12);
    }
}

#[test]
fn ot_nce_sees_neither_class_order_nor_float_width() {
    let (source, target) = reference_tasks();
    let wanted = ot_nce(source.table(), target.table(), ALL_ROWS).unwrap();
    let reversed = Task {
        points: target.points.clone(),
        classes: target.classes.iter().rev().cloned().collect(),
    };
    let found = ot_nce(source.table(), reversed.table(), ALL_ROWS).unwrap();
    assert_close(found.ot_nce, wanted.ot_nce, 1e-14);
    let single: Vec<f32> = target.points.values().iter().map(|v| *v as f32).collect();
    let view = ArrayView2::from_shape((9, 3), &single).unwrap();
    let narrow = ClassedTable { table: Table::F32(view), classes: &target.classes };
    let found = ot_nce(source.table(), narrow, ALL_ROWS).unwrap();
    assert_close(found.ot_nce, wanted.ot_nce, 1e-14);
    assert_close(found.wasserstein, wanted.wasserstein, 1e-6);
}
