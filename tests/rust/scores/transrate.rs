//! TransRate against its definition, in any units.

use crate::generators::assert_close;
use crate::generators::labelled_rows::*;
use faer::Mat;
use polars_transferability::scores::{transrate, ScoreError};

#[test]
fn transrate_weighs_classes_by_their_share() {
    for (n, d) in [(30, 4), (9, 14)] {
        let rows = wave(n, d, 3, 0.0);
        let eps = 1e-2;
        let mean: Vec<f64> = (0..d).map(|k| rows.values.column(k).sum() / n as f64).collect();
        let rate = |chosen: &[usize]| {
            let z = Mat::from_fn(chosen.len(), d, |i, k| rows.values[[chosen[i], k]] - mean[k]);
            let scale = chosen.len() as f64 * eps;
            let mut gram = z.transpose() * &z * (1.0 / scale);
            (0..d).for_each(|k| gram[(k, k)] += 1.0);
            0.5 * log_det(&gram)
        };
        let all: Vec<usize> = (0..n).collect();
        let mut wanted = rate(&all);
        for class in rows.classes() {
            let chosen: Vec<usize> = class.iter().map(|&i| i as usize).collect();
            wanted -= chosen.len() as f64 / n as f64 * rate(&chosen);
        }
        assert_close(rows.with(|t| transrate::from_rows(t, eps)).unwrap(), wanted, 1e-11);
    }
}

#[test]
fn transrate_needs_a_positive_eps() {
    for eps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let found = wave(9, 2, 2, 0.0).with(|t| transrate::from_rows(t, eps));
        assert!(matches!(found, Err(ScoreError::NotPositive { name: "eps", .. })), "{found:?}");
    }
}

#[test]
fn transrate_is_the_same_with_a_decomposition_in_any_units() {
    for units in [[1.0; 3], [1e-5, 1e4, 1e9], [1e-2, 1e30, 1e30], [1e-30, 1e-20, 1.0]] {
        let rows = in_units(units);
        let alone = rows.with(|t| transrate::from_rows(t, 1e-4)).unwrap();
        let beside = rows.with(|t| transrate::from_spectrum(t, &shared(&rows), 1e-4)).unwrap();
        assert_close(beside, alone, 1e-9);
        assert_close(transrate::from_moments(&rows.moments(), 1e-4).unwrap(), alone, 1e-9);
    }
}

#[test]
fn transrate_of_a_repeated_feature_counts_it_once_at_any_scale() {
    // log det(I + 2 s) of the pair is that of one feature of twice the variance.
    for unit in [1.0, 1e12] {
        let once = in_units([unit, 0.0, 0.0]).map(|_, v| v * std::f64::consts::SQRT_2);
        let mut twice = in_units([unit, 0.0, 0.0]);
        let column = twice.values.column(0).to_owned();
        twice.values.column_mut(1).assign(&column);
        let rate = |rows: &Rows| rows.with(|t| transrate::from_rows(t, 1e-4)).unwrap();
        assert_close(rate(&twice), rate(&once), 1e-9);
    }
}
