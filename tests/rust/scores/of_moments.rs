//! What LogME, H-score, TransRate and GBC have in common: rows and moments give the same values.

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::labelled_rows::*;
use ndarray::Array2;
use polars_transferability::rows::moments::ClassScatters;
use polars_transferability::rows::Moments;
use polars_transferability::scores::gbc::Covariance;
use polars_transferability::scores::logme::Stopping;
use polars_transferability::scores::{
    gbc, h_score, logme, shrinkage_h_score, transrate, ScoreError,
};
use proptest::prelude::*;

/// All scores, from rows and from moments.
fn scores(rows: &Rows) -> [(f64, f64); 6] {
    let moments = rows.moments();
    rows.with(|t| {
        let converged = Stopping::CONVERGED;
        [
            (
                logme::from_rows(t, converged).unwrap().value,
                logme::from_moments(&moments, converged).unwrap().value,
            ),
            (h_score::from_rows(t).unwrap(), h_score::from_moments(&moments).unwrap()),
            (
                shrinkage_h_score::from_rows(t).unwrap(),
                shrinkage_h_score::from_moments(&moments).unwrap(),
            ),
            (
                transrate::from_rows(t, 1e-2).unwrap(),
                transrate::from_moments(&moments, 1e-2).unwrap(),
            ),
            (
                gbc::from_rows(t, Covariance::Spherical, 4).unwrap(),
                gbc::from_moments(&moments, Covariance::Spherical, 4).unwrap(),
            ),
            (
                gbc::from_rows(t, Covariance::Diagonal, 4).unwrap(),
                gbc::from_moments(&moments, Covariance::Diagonal, 4).unwrap(),
            ),
        ]
    })
}

#[test]
fn scores_of_moments_are_those_of_rows() {
    for (n, d) in [(60, 5), (12, 7), (9, 9), (40, 1), (20, 30)] {
        for (rows, moments) in scores(&wave(n, d, 3, 0.0)) {
            assert_close(moments, rows, 1e-9);
        }
    }
}

#[test]
fn scores_that_need_each_class_say_so() {
    let pooled = wave(10, 2, 2, 0.0).with(|rows| Moments::of(rows, ClassScatters::Pooled));
    let errors = [
        transrate::from_moments(&pooled, 1e-4).unwrap_err(),
        gbc::from_moments(&pooled, Covariance::Spherical, 2).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, ScoreError::NoClassScatter { .. }), "{error:?}");
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn gbc_and_transrate_are_within_their_bounds(rows in any_rows(), pca in 1..5usize) {
        let classes = rows.classes().len() as f64;
        prop_assume!(classes > 1.0);
        for covariance in [Covariance::Spherical, Covariance::Diagonal] {
            let found = rows.with(|t| gbc::from_rows(t, covariance, pca)).unwrap();
            prop_assert!((-classes * (classes - 1.0) - 1e-9..=0.0).contains(&found), "{found}");
        }
        prop_assert!(rows.with(|t| transrate::from_rows(t, 1e-3)).unwrap() >= -1e-9);
    }
}

#[test]
fn degenerate_rows_give_an_error_or_a_number() {
    let constant = Rows { values: Array2::from_elem((6, 2), 3.0), labels: vec![0, 0, 0, 1, 1, 1] };
    let one_each = Rows { values: wave(3, 2, 3, 0.0).values, labels: vec![0, 1, 2] };
    let one_class = Rows { values: wave(4, 2, 2, 0.0).values, labels: vec![0; 4] };
    let single = wave(8, 1, 2, 0.0);
    for rows in [&constant, &one_each, &one_class, &single] {
        rows.with(|t| {
            let found = [
                logme::from_rows(t, Stopping::CONVERGED).map(|found| found.value),
                h_score::from_rows(t),
                shrinkage_h_score::from_rows(t),
                transrate::from_rows(t, 1e-4),
                gbc::from_rows(t, Covariance::Spherical, 2),
                gbc::from_rows(t, Covariance::Diagonal, 2),
            ];
            for value in found.into_iter().flatten() {
                assert!(value.is_finite(), "{value} of {rows:?}");
            }
        });
    }
    let few = |found| matches!(found, Err(ScoreError::FewClasses { found: 1, .. }));
    assert!(one_class.with(|t| few(h_score::from_rows(t)) && few(shrinkage_h_score::from_rows(t))));
    assert!(one_class.with(|t| few(transrate::from_rows(t, 1e-4))));
    assert!(one_class.with(|t| few(gbc::from_rows(t, Covariance::Diagonal, 2))));
    let flat = |found| matches!(found, Err(ScoreError::ConstantFeatures { .. }));
    assert!(constant.with(|t| flat(h_score::from_rows(t))));
    assert!(constant.with(|t| flat(shrinkage_h_score::from_rows(t))));
    assert!(constant.with(|t| flat(gbc::from_rows(t, Covariance::Diagonal, 2))));
    let axes = single.with(|t| gbc::from_rows(t, Covariance::Diagonal, 0));
    assert_eq!(axes, Err(ScoreError::NoAxes));
}
