//! GBC: closed forms, many classes, and units of the axes.

use crate::generators::assert_close;
use crate::generators::labelled_rows::*;
use ndarray::Array2;
use polars_transferability::scores::gbc;
use polars_transferability::scores::gbc::Covariance;

#[test]
fn gbc_keeps_every_axis_of_the_log_determinant() {
    // Two classes with the same mean, at 0, and variances v and 4 v in each of 6 axes: the distance
    // is 6 / 2 log((v + 4 v) / (2 sqrt(4 v^2))) = 3 log(5 / 4), spherical or not.
    let d = 6;
    let values = Array2::from_shape_fn((4 * d, d), |(i, k)| {
        let (axis, sign, far) = (i / 2 % d, [1.0, -1.0][i % 2], i >= 2 * d);
        if axis == k {
            sign * if far { 2.0 } else { 1.0 }
        } else {
            0.0
        }
    });
    let labels = (0..4 * d).map(|i| usize::from(i >= 2 * d)).collect();
    let rows = Rows { values, labels };
    let wanted = -2.0 * (-3.0 * 1.25f64.ln()).exp();
    for covariance in [Covariance::Spherical, Covariance::Diagonal] {
        let found = rows.with(|t| gbc::from_rows(t, covariance, 64)).unwrap();
        assert_close(found, wanted, 1e-12);
    }
}

#[test]
fn gbc_of_points_counts_only_equal_ones() {
    let values = ndarray::arr2(&[[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]]);
    let rows = Rows { values, labels: vec![0, 1, 2] };
    assert_eq!(rows.with(|t| gbc::from_rows(t, Covariance::Diagonal, 2)), Ok(-2.0));
}

#[test]
fn gbc_of_many_classes_does_not_underflow() {
    let rows = wave(600, 70, 100, 0.0);
    let classes = rows.classes().len() as f64;
    let found = rows.with(|t| gbc::from_rows(t, Covariance::Diagonal, 64)).unwrap();
    assert!((-classes * (classes - 1.0)..=0.0).contains(&found), "{found}");
}

#[test]
fn gbc_of_one_variance_for_each_axis_sees_no_units_of_the_axes() {
    // Features that are uncorrelated are principal axes in any units.
    let labels: Vec<usize> = (0..32).map(|i| i % 2).collect();
    let values = Array2::from_shape_fn((32, 3), |(i, k)| {
        let sign = |bit: usize| if i >> bit & 1 == 1 { 1.0 } else { -1.0 };
        [sign(0) + 0.8 * sign(1), 2.0 * sign(2), 0.7 * sign(3) * (1.0 + 0.5 * sign(4))][k]
    });
    let rows = Rows { values, labels };
    let value = |rows: &Rows| rows.with(|t| gbc::from_rows(t, Covariance::Diagonal, 3)).unwrap();
    let wanted = value(&rows);
    assert!(wanted < -0.1, "{wanted}");
    for units in [[1e-9, 1.0, 1.0], [1.0, 1e-10, 1e10], [1e20, 1.0, 1e-20]] {
        let scaled = rows.map(|k, v| v * units[k]);
        assert_close(value(&scaled), wanted, 1e-9);
        let moments = gbc::from_moments(&scaled.moments(), Covariance::Diagonal, 3).unwrap();
        assert_close(moments, wanted, 1e-9);
    }
}
