//! LogME against direct dense evaluation of the evidence.

use crate::generators::assert_close;
use crate::generators::labelled_rows::*;
use faer::{Mat, Side};
use ndarray::Array2;
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::Table;
use polars_transferability::scores::logme::{Stopping, TargetError};
use polars_transferability::scores::{logme, ScoreError};

/// `log evidence / n` at given strengths, for one target.
fn evidence(x: &Mat<f64>, y: &[f64], alpha: f64, beta: f64) -> f64 {
    let (n, d) = (x.nrows() as f64, x.ncols() as f64);
    let y = Mat::from_fn(y.len(), 1, |i, _| y[i]);
    let mut a = x.transpose() * x * beta;
    for k in 0..a.nrows() {
        a[(k, k)] += alpha;
    }
    let m = {
        use faer::linalg::solvers::Solve;
        a.llt(Side::Lower).unwrap().solve(x.transpose() * &y * beta)
    };
    let residual = (&y - x * &m).squared_norm_l2();
    let value = d * alpha.ln() + n * beta.ln()
        - log_det(&a)
        - beta * residual
        - alpha * m.squared_norm_l2()
        - n * std::f64::consts::TAU.ln();
    0.5 * value / n
}

/// The maximum over strengths by a grid that closes in.
fn largest_evidence(x: &Mat<f64>, y: &[f64]) -> f64 {
    let (mut centre, mut step, mut best) = ((0.0, 0.0), 3.0, f64::NEG_INFINITY);
    while step > 1e-5 {
        let mut next = centre;
        for i in -4..=4 {
            for j in -4..=4 {
                let at = (centre.0 + step * f64::from(i), centre.1 + step * f64::from(j));
                let value = evidence(x, y, f64::exp(at.0), f64::exp(at.1));
                if value > best {
                    (best, next) = (value, at);
                }
            }
        }
        if next == centre {
            step *= 0.5;
        }
        centre = next;
    }
    best
}

fn indicator(rows: &Rows, class: usize) -> Vec<f64> {
    rows.labels.iter().map(|l| f64::from(u8::from(*l == class))).collect()
}

#[test]
fn logme_is_the_largest_evidence() {
    // More rows than features, fewer, and as many.
    for (n, d) in [(40, 5), (15, 24), (12, 12)] {
        let rows = wave(n, d, 3, 2.0);
        let x = dense(&rows);
        let wanted: f64 =
            (0..3).map(|class| largest_evidence(&x, &indicator(&rows, class)) / 3.0).sum();
        let found = rows.with(|t| logme::from_rows(t, Stopping::CONVERGED)).unwrap();
        assert!(found.converged);
        assert_close(found.value, wanted, 1e-8);
        let published = rows.with(|t| logme::from_rows(t, Stopping::PUBLISHED)).unwrap();
        assert!(published.value <= found.value + 1e-12);
    }
}

#[test]
fn logme_of_targets_is_the_mean_of_their_evidences() {
    let rows = wave(30, 4, 3, 0.5);
    let x = dense(&rows);
    let targets = Matrix::from_fn(30, 2, |i, t| {
        ((i * (t + 2)) as f64).cos() + 0.7 * rows.values[[i, t]] + 3.0 * t as f64
    });
    let column = |t: usize| targets.rows().map(|row| row[t]).collect::<Vec<f64>>();
    let wanted = 0.5 * (largest_evidence(&x, &column(0)) + largest_evidence(&x, &column(1)));
    let order: Vec<u32> = (0..30).collect();
    let table = Table::F64(rows.values.view());
    let found = logme::regression(table, &order, &targets, Stopping::CONVERGED).unwrap();
    assert_close(found.value, wanted, 1e-8);
}

#[test]
fn logme_of_indicators_is_logme() {
    let rows = wave(30, 4, 3, 0.5);
    let targets = Matrix::from_fn(30, 3, |i, c| f64::from(u8::from(rows.labels[i] == c)));
    let order: Vec<u32> = (0..30).collect();
    let table = Table::F64(rows.values.view());
    let found = logme::regression(table, &order, &targets, Stopping::PUBLISHED).unwrap();
    let wanted = rows.with(|t| logme::from_rows(t, Stopping::PUBLISHED)).unwrap();
    assert_close(found.value, wanted.value, 1e-12);
}

#[test]
fn noise_does_not_raise_logme_where_features_outnumber_rows() {
    // The "fixed point" code leaves out (d - n) / 2 log a, and rises without end as noise is added.
    let signal = wave(30, 4, 2, 0.0);
    let noisy = |extra: usize| {
        let values = Array2::from_shape_fn((30, 4 + extra), |(i, k)| {
            if k < 4 {
                signal.values[[i, k]]
            } else {
                (12.9898 * (i as f64 + 0.3) + 78.233 * k as f64 * (1.0 + i as f64)).sin()
            }
        });
        let rows = Rows { values, labels: signal.labels.clone() };
        rows.with(|t| logme::from_rows(t, Stopping::CONVERGED)).unwrap().value
    };
    let (none, much) = (noisy(0), noisy(500));
    assert!(much < none, "{much} with noise, {none} without");
}

#[test]
fn logme_sees_neither_rotations_nor_empty_features_nor_the_order_of_classes() {
    let rows = wave(25, 3, 3, 1.5);
    let value =
        |rows: &Rows| rows.with(|t| logme::from_rows(t, Stopping::CONVERGED)).unwrap().value;
    let wanted = value(&rows);
    let (sin, cos) = (0.6, 0.8);
    let turned = Array2::from_shape_fn((25, 3), |(i, k)| {
        let (a, b) = (rows.values[[i, 0]], rows.values[[i, 1]]);
        [cos * a - sin * b, sin * a + cos * b, rows.values[[i, 2]]][k]
    });
    assert_close(value(&Rows { values: turned, labels: rows.labels.clone() }), wanted, 1e-10);
    let padded =
        Array2::from_shape_fn((25, 40), |(i, k)| if k < 3 { rows.values[[i, k]] } else { 0.0 });
    assert_close(value(&Rows { values: padded, labels: rows.labels.clone() }), wanted, 1e-10);
    let swapped = rows.labels.iter().map(|l| 2 - l).collect();
    assert_close(value(&Rows { values: rows.values.clone(), labels: swapped }), wanted, 1e-12);
}

#[test]
fn logme_refuses_what_has_no_evidence() {
    let rows = wave(20, 3, 2, 0.0);
    let order: Vec<u32> = (0..20).collect();
    let table = Table::F64(rows.values.view());
    let run = |targets: &Matrix| logme::regression(table, &order, targets, Stopping::PUBLISHED);
    assert_eq!(run(&Matrix::zeros(20, 0)), Err(TargetError::NoTargets.into()));
    let short = TargetError::TargetRows { found: 19, expected: 20 };
    assert_eq!(run(&Matrix::zeros(19, 1)), Err(short.into()));
    let bad = Matrix::from_fn(20, 1, |i, _| if i == 3 { f64::NAN } else { 1.0 });
    assert!(matches!(
        run(&bad),
        Err(ScoreError::Targets(TargetError::TargetValue { column: 0, .. }))
    ));
    let exact = Matrix::from_fn(20, 1, |i, _| 2.0 * rows.values[[i, 1]]);
    assert_eq!(run(&exact), Err(TargetError::ExactFit { target: 0 }.into()));
}

#[test]
fn logme_keeps_a_feature_that_is_small_beside_noise() {
    let labels: Vec<usize> = (0..60).map(|i| i % 2).collect();
    let values = Array2::from_shape_fn((60, 2), |(i, k)| {
        let noise = (12.9898 * (i as f64 + 0.3) * (k as f64 + 1.7)).sin();
        [labels[i] as f64 + 0.3 * noise, 1e9 * noise][k]
    });
    let rows = Rows { values, labels };
    let x = dense(&rows);
    let found = rows.with(|t| logme::from_rows(t, Stopping::CONVERGED)).unwrap().value;
    let wanted: f64 =
        (0..2).map(|class| largest_evidence(&x, &indicator(&rows, class)) / 2.0).sum();
    let dropped = rows.map(|k, v| if k == 0 { 0.0 } else { v });
    let dropped = dropped.with(|t| logme::from_rows(t, Stopping::CONVERGED)).unwrap().value;
    assert!(wanted > dropped + 0.1, "{wanted} {dropped}");
    assert_close(found, wanted, 1e-7);
}
