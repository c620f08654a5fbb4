//! Moments that merge, and the scores that need nothing else: LogME, H-score, shrinkage H-score,
//! TransRate, GBC and the Wasserstein distance of Gaussians. Values come from direct dense
//! evaluation of the definitions, closed forms, and scikit-learn's Ledoit-Wolf.

use faer::{Mat, Side};
use ndarray::Array2;
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::moments::MomentsError;
use polars_transferability::rows::{ClassSpectrum, ClassedTable, Moments, Table};
use polars_transferability::scores::gbc::Covariance;
use polars_transferability::scores::logme::Stopping;
use polars_transferability::scores::{
    gbc, h_score, logme, shrinkage_h_score, transrate, ScoreError,
};
use polars_transferability::transport::gaussian::{
    from_moments, gaussian_wasserstein, Gaussian, GaussianError,
};
use proptest::prelude::*;

/// Rows with the class of each.
#[derive(Debug, Clone)]
struct Rows {
    values: Array2<f64>,
    labels: Vec<usize>,
}

impl Rows {
    fn classes(&self) -> Vec<Vec<u32>> {
        let count = self.labels.iter().max().map_or(0, |most| most + 1);
        let mut classes = vec![Vec::new(); count];
        for (row, &label) in self.labels.iter().enumerate() {
            classes[label].push(row as u32);
        }
        classes
    }

    fn with<T>(&self, then: impl FnOnce(ClassedTable<'_>) -> T) -> T {
        then(ClassedTable { table: Table::F64(self.values.view()), classes: &self.classes() })
    }

    fn map(&self, change: impl Fn(usize, f64) -> f64) -> Self {
        let mut values = self.values.clone();
        values.indexed_iter_mut().for_each(|((_, k), v)| *v = change(k, *v));
        Self { values, labels: self.labels.clone() }
    }

    fn moments(&self) -> Moments {
        self.with(|rows| Moments::of(rows, true))
    }
}

/// Smooth pseudo-random rows in classes of unequal size that overlap.
fn wave(n: usize, d: usize, classes: usize, seed: f64) -> Rows {
    let labels: Vec<usize> = (0..n).map(|i| (i * i + i / 3) % classes).collect();
    let labels = relabelled(&labels);
    let values = Array2::from_shape_fn((n, d), |(i, k)| {
        let (x, y) = (i as f64 + seed, k as f64);
        (1.7 * (x + 1.0) * (y + 2.3) + 0.13 * x * x).sin() * (1.0 + 0.2 * (y * y).sin())
            + 0.8 * ((labels[i] * 7 + k * 3) as f64).sin()
            + 0.4
    });
    Rows { values, labels }
}

/// Numbered from 0 without gaps.
fn relabelled(labels: &[usize]) -> Vec<usize> {
    let mut found = labels.to_vec();
    found.sort_unstable();
    found.dedup();
    labels.iter().map(|label| found.iter().position(|l| l == label).unwrap()).collect()
}

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

#[track_caller]
fn assert_close(found: f64, wanted: f64, tolerance: f64) {
    let scale = wanted.abs().max(1.0);
    assert!((found - wanted).abs() <= tolerance * scale, "{found} is not {wanted}");
}

fn log_det(matrix: &Mat<f64>) -> f64 {
    let factor = matrix.llt(Side::Lower).unwrap();
    (0..matrix.nrows()).map(|i| 2.0 * factor.L()[(i, i)].ln()).sum()
}

fn dense(rows: &Rows) -> Mat<f64> {
    Mat::from_fn(rows.values.nrows(), rows.values.ncols(), |i, k| rows.values[[i, k]])
}

// Moments

fn any_rows() -> impl Strategy<Value = Rows> {
    (2..5usize, 1..4usize, 8..40usize, -3.0..3.0f64).prop_flat_map(|(classes, width, n, offset)| {
        let values = prop::collection::vec(-2.0..2.0f64, n * width);
        let labels = prop::collection::vec(0..classes, n);
        (values, labels).prop_map(move |(values, labels)| Rows {
            values: Array2::from_shape_fn((n, width), |(i, k)| values[i * width + k] + offset),
            labels: relabelled(&labels),
        })
    })
}

/// The moments of some rows, and the classes that they have, which are numbered anew.
fn part(rows: &Rows, chosen: &[usize]) -> (Moments, Vec<usize>) {
    let mut present: Vec<usize> = chosen.iter().map(|&i| rows.labels[i]).collect();
    present.sort_unstable();
    present.dedup();
    let classes: Vec<Vec<u32>> = present
        .iter()
        .map(|c| chosen.iter().filter(|i| rows.labels[**i] == *c).map(|&i| i as u32).collect())
        .collect();
    let table = ClassedTable { table: Table::F64(rows.values.view()), classes: &classes };
    (Moments::of(table, true), present)
}

/// Merge parts one after the other, matching classes; and the classes in the order of the result.
fn merged(rows: &Rows, parts: &[Vec<usize>]) -> (Moments, Vec<usize>) {
    let mut parts = parts.iter().filter(|chosen| !chosen.is_empty()).map(|c| part(rows, c));
    let (mut all, mut classes) = parts.next().unwrap();
    for (moments, present) in parts {
        let into: Vec<usize> = present
            .into_iter()
            .map(|class| {
                classes.iter().position(|c| *c == class).unwrap_or_else(|| {
                    classes.push(class);
                    classes.len() - 1
                })
            })
            .collect();
        all = all.merge(&moments, &into).unwrap();
    }
    (all, classes)
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn moments_of_parts_merge_to_those_of_all_rows(
        rows in any_rows(), parts in 1..5usize, assignment in prop::collection::vec(0..5usize, 40),
        far in prop_oneof![Just(0.0), Just(1e6)],
    ) {
        let rows = rows.map(|_, v| v + far);
        let n = rows.labels.len();
        let chosen = |p: usize| (0..n).filter(|&i| assignment[i] % parts == p).collect();
        let (found, classes) = merged(&rows, &(0..parts).map(chosen).collect::<Vec<_>>());
        let wanted = rows.moments();
        prop_assert_eq!(found.count(), wanted.count());
        // Far from zero a mean is rounded by that much, times sums of up to 40 squares of up to 12.
        let unit = 1e-12 + 500.0 * f64::EPSILON * far;
        for (at, &class) in classes.iter().enumerate() {
            prop_assert_eq!(found.counts()[at], wanted.counts()[class]);
            for (f, w) in found.means().row(at).iter().zip(wanted.means().row(class)) {
                assert_close(*f, *w, 1e-14);
            }
            let scatters = (found.class_within().unwrap(), wanted.class_within().unwrap());
            for (f, w) in scatters.0[at].packed().iter().zip(scatters.1[class].packed()) {
                assert_close(*f, *w, unit);
            }
        }
        for (f, w) in found.within().packed().iter().zip(wanted.within().packed()) {
            assert_close(*f, *w, unit);
        }
        for (f, w) in found.cubic().iter().zip(wanted.cubic()) {
            assert_close(*f, *w, unit);
        }
        assert_close(found.quartic(), wanted.quartic(), unit);
    }

    #[test]
    fn scatter_and_tails_are_their_sums(rows in any_rows()) {
        let moments = rows.moments();
        let (n, d) = rows.values.dim();
        let mean: Vec<f64> = (0..d).map(|k| rows.values.column(k).sum() / n as f64).collect();
        let centred = Array2::from_shape_fn((n, d), |(i, k)| rows.values[[i, k]] - mean[k]);
        let square = moments.scatter();
        let product = centred.t().dot(&centred);
        for i in 0..d {
            for j in 0..d {
                assert_close(square.row(i)[j], product[[i, j]], 1e-12);
            }
        }
        let norms: Vec<f64> = centred.rows().into_iter().map(|r| r.dot(&r)).collect();
        assert_close(moments.quartic(), norms.iter().map(|s| s * s).sum(), 1e-12);
        for k in 0..d {
            assert_close(moments.cubic()[k], (0..n).map(|i| norms[i] * centred[[i, k]]).sum(),
                1e-12);
        }
    }

    #[test]
    fn h_score_is_within_its_bounds(rows in any_rows()) {
        prop_assume!(rows.classes().len() > 1);
        let found = rows.with(h_score::from_rows).unwrap();
        let most = (rows.classes().len() - 1).min(rows.values.ncols()) as f64;
        prop_assert!((-1e-12..=most + 1e-9).contains(&found), "{found} of {most}");
    }

    /// Units change nothing, whether rows are more than features, as many or fewer, whether rows or
    /// moments are scored, and alone or beside others.
    #[test]
    fn h_score_sees_no_units(
        n in 6..40usize, d in 1..9usize, seed in 0.0..9.0f64,
        exponents in prop::collection::vec(-12..=12i32, 9),
        far in prop_oneof![Just(0.0), Just(3.0)],
    ) {
        let rows = wave(n, d, 3, seed);
        prop_assume!(rows.classes().len() > 1);
        let scaled = rows.map(|k, v| (v + far) * 10f64.powi(exponents[k]));
        let wanted = rows.with(h_score::from_rows).unwrap();
        assert_close(scaled.with(h_score::from_rows).unwrap(), wanted, 1e-8);
        let of_moments = |rows: &Rows| h_score::from_moments(&rows.moments()).unwrap();
        // As many features as rows can tell, and squares of them have no digits to spare.
        if n > d + 2 {
            assert_close(of_moments(&scaled), wanted, 1e-8);
        }
    }

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
fn scores_of_moments_are_those_of_rows() {
    for (n, d) in [(60, 5), (12, 7), (9, 9), (40, 1), (20, 30)] {
        for (rows, moments) in scores(&wave(n, d, 3, 0.0)) {
            assert_close(moments, rows, 1e-9);
        }
    }
}

#[test]
fn single_precision_tables_lose_nothing() {
    let rows = wave(30, 4, 3, 1.0).map(|_, v| f64::from(v as f32));
    let narrow = rows.values.mapv(|v| v as f32);
    let classes = rows.classes();
    let narrow = ClassedTable { table: Table::F32(narrow.view()), classes: &classes };
    assert_eq!(Moments::of(narrow, true), rows.moments());
}

#[test]
fn stored_moments_come_back() {
    let moments = wave(20, 3, 3, 0.0).moments();
    let stored = |m: &Moments| {
        Moments::from_parts(
            m.counts().to_vec(),
            m.means().clone(),
            m.within().packed().to_vec(),
            m.class_within().map(|all| all.iter().map(|s| s.packed().to_vec()).collect()),
            m.cubic().to_vec(),
            m.quartic(),
        )
    };
    assert_eq!(stored(&moments).unwrap(), moments);
}

#[test]
fn stored_moments_that_cannot_be_are_refused() {
    let make = |counts: Vec<u64>, means: Matrix, within: Vec<f64>, quartic: f64| {
        Moments::from_parts(counts, means, within, None, vec![0.0; 2], quartic)
    };
    let means = || Matrix::zeros(1, 2);
    assert!(make(vec![3], means(), vec![1.0, 0.0, 1.0], 1.0).is_ok());
    let shape = |found| matches!(found, Err(MomentsError::Shape { .. }));
    let value = |found| matches!(found, Err(MomentsError::Value { .. }));
    assert!(shape(make(vec![3, 4], means(), vec![1.0, 0.0, 1.0], 1.0)));
    assert!(shape(make(vec![3], means(), vec![1.0, 0.0], 1.0)));
    assert!(value(make(vec![0], means(), vec![1.0, 0.0, 1.0], 1.0)));
    assert!(value(make(vec![3], means(), vec![-1.0, 0.0, 1.0], 1.0)));
    assert!(value(make(vec![3], means(), vec![1.0, f64::NAN, 1.0], 1.0)));
    assert!(value(make(vec![3], means(), vec![1.0, 0.0, 1.0], -1.0)));
}

#[test]
fn moments_that_do_not_fit_do_not_merge() {
    let (narrow, wide) = (wave(10, 2, 2, 0.0).moments(), wave(10, 3, 2, 0.0).moments());
    let pooled = wave(10, 2, 2, 0.0).with(|rows| Moments::of(rows, false));
    assert_eq!(narrow.merge(&wide, &[0, 1]), Err(MomentsError::Width { left: 2, right: 3 }));
    assert_eq!(narrow.merge(&pooled, &[0, 1]), Err(MomentsError::ClassScatter));
    let short = MomentsError::MapLength { found: 1, expected: 2 };
    assert_eq!(narrow.merge(&narrow, &[0]), Err(short));
    assert_eq!(narrow.merge(&narrow, &[1, 1]), Err(MomentsError::MapRepeats { class: 1 }));
    assert_eq!(narrow.merge(&narrow, &[0, 5]), Err(MomentsError::MapGap { class: 2 }));
}

#[test]
fn scores_that_need_each_class_say_so() {
    let pooled = wave(10, 2, 2, 0.0).with(|rows| Moments::of(rows, false));
    let errors = [
        transrate::from_moments(&pooled, 1e-4).unwrap_err(),
        gbc::from_moments(&pooled, Covariance::Spherical, 2).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, ScoreError::NoClassScatter { .. }), "{error:?}");
    }
}

// LogME

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
    assert_eq!(run(&Matrix::zeros(20, 0)), Err(ScoreError::NoTargets));
    let short = ScoreError::TargetRows { found: 19, expected: 20 };
    assert_eq!(run(&Matrix::zeros(19, 1)), Err(short));
    let bad = Matrix::from_fn(20, 1, |i, _| if i == 3 { f64::NAN } else { 1.0 });
    assert!(matches!(run(&bad), Err(ScoreError::TargetValue { column: 0, .. })));
    let exact = Matrix::from_fn(20, 1, |i, _| 2.0 * rows.values[[i, 1]]);
    assert_eq!(run(&exact), Err(ScoreError::ExactFit { target: 0 }));
}

// H-scores

#[test]
fn h_score_saturates_where_features_span_the_rows() {
    for (n, d) in [(12, 12), (12, 40)] {
        let found = wave(n, d, 3, 0.0).with(h_score::from_rows).unwrap();
        assert_close(found, 2.0, 1e-10);
    }
}

#[test]
fn h_score_sees_no_invertible_map() {
    let rows = wave(40, 3, 3, 0.0);
    let wanted = rows.with(h_score::from_rows).unwrap();
    let mapped = rows.map(|k, v| v * [0.1, 1.0, 10.0][k] + 10.0 * k as f64);
    assert_close(mapped.with(h_score::from_rows).unwrap(), wanted, 1e-10);
}

#[test]
fn shrinkage_h_score_is_that_of_scikit_learns_ledoit_wolf() {
    // For x = [[i * (k + 1) % 7 + 0.5 * (i % 3 == k), k = 0..4], i = 0..n] and y = i % 3:
    //   c = LedoitWolf().fit(x); a = c.shrinkage_
    //   g = np.array([x[y == k].mean(0) for k in range(3)])[y]
    //   (1 - a) * np.trace(np.linalg.pinv(c.covariance_) @ np.cov(g, rowvar=False))
    for (n, wanted) in [(40, 0.07395587880783376), (5, 0.0)] {
        let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
        let values = Array2::from_shape_fn((n, 4), |(i, k)| {
            (i * (k + 1) % 7) as f64 + if i % 3 == k { 0.5 } else { 0.0 }
        });
        let found = Rows { values, labels }.with(shrinkage_h_score::from_rows).unwrap();
        assert_close(found, wanted, 1e-12);
    }
}

// TransRate

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

// GBC

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

// Degenerate rows

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
    assert_eq!(axes, Err(ScoreError::NoComponents));
}

// Features in different units

/// An informative feature and two that are noise, each in its own unit.
fn in_units(units: [f64; 3]) -> Rows {
    let labels: Vec<usize> = (0..60).map(|i| i % 3).collect();
    let values = Array2::from_shape_fn((60, 3), |(i, k)| {
        let noise = (12.9898 * (i as f64 + 0.3) * (k as f64 + 1.7)).sin();
        units[k] * if k == 0 { labels[i] as f64 + 0.3 * noise } else { noise }
    });
    Rows { values, labels }
}

fn shared(rows: &Rows) -> ClassSpectrum {
    rows.with(|t| ClassSpectrum::of(t, 3)).unwrap()
}

#[test]
fn a_decomposition_keeps_the_directions_of_small_units() {
    let wanted = in_units([1.0; 3]).with(h_score::from_rows).unwrap();
    assert!(wanted > 0.8);
    for units in [[1e-9, 1.0, 1e3], [1e-12, 1e12, 1.0], [1e8, 1.0, 1.0], [1e-60, 1.0, 1e60]] {
        let spectrum = shared(&in_units(units));
        assert_eq!(spectrum.spectrum().values().len(), 3, "{units:?}");
        assert_close(h_score::from_spectrum(&spectrum).unwrap(), wanted, 1e-8);
    }
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

// Gaussian Wasserstein

fn diagonal(variances: &[f64]) -> Matrix {
    let d = variances.len();
    Matrix::from_fn(d, d, |i, j| if i == j { variances[i] } else { 0.0 })
}

#[test]
fn distance_of_gaussians_with_common_axes_is_that_of_their_deviations() {
    let (left, right) = (diagonal(&[4.0, 1.0, 0.0]), diagonal(&[1.0, 9.0, 0.25]));
    let found = gaussian_wasserstein((&[1.0, 0.0, 0.0], &left), (&[0.0, 0.0, 2.0], &right));
    // |m|^2 = 5, and deviations 2 and 1, 1 and 3, 0 and 0.5.
    assert_close(found.unwrap(), (5.0 + 1.0 + 4.0 + 0.25f64).sqrt(), 1e-12);
}

#[test]
fn distance_of_gaussians_is_a_metric() {
    let gaussians: Vec<Gaussian> = (0..4)
        .map(|s| Gaussian::of_moments(&wave(12 - s, 4, 2, 3.0 * s as f64).moments()).unwrap())
        .collect();
    let distance = |a: usize, b: usize| gaussians[a].distance(&gaussians[b]).unwrap();
    for a in 0..4 {
        assert!(distance(a, a) < 1e-7);
        for b in 0..4 {
            assert_close(distance(a, b), distance(b, a), 1e-10);
            for c in 0..4 {
                assert!(distance(a, c) <= distance(a, b) + distance(b, c) + 1e-10);
            }
        }
    }
    assert!(distance(0, 1) > 0.01);
}

#[test]
fn distance_of_gaussians_keeps_what_is_small_beside_the_largest() {
    // The large features agree, so that the small ones are all there is.
    for (large, small) in [(1e8, 1.0), (1e100, 1e-100), (1.0, 1e-30)] {
        let left = diagonal(&[large * large, small * small, large * large]);
        let right = diagonal(&[large * large, 9.0 * small * small, large * large]);
        let zero = [0.0; 3];
        let found = gaussian_wasserstein((&zero, &left), (&zero, &right)).unwrap();
        assert!((found - 2.0 * small).abs() < 1e-12 * small, "{found:e} of {small:e}");
    }
    // So they do where features are correlated: rows and the same ones with one small feature
    // doubled.
    let rows = in_units([1e-9, 1.0, 1.0]);
    let mixed = |unit: f64| {
        let values = Array2::from_shape_fn((60, 3), |(i, k)| {
            let row = rows.values.row(i);
            [unit * (row[0] + 1e-10 * row[1]), row[1] + row[2], row[1] - 2.0 * row[2]][k]
        });
        Rows { values, labels: rows.labels.clone() }.moments()
    };
    let found = from_moments(&mixed(1.0), &mixed(1.0)).unwrap();
    assert!(found < 1e-14, "{found:e}");
    let found = from_moments(&mixed(1.0), &mixed(-1.0)).unwrap();
    assert!(found > 1e-11 && found < 1e-8, "{found:e}");
}

proptest! {
    #[test]
    fn distance_of_diagonal_gaussians_has_its_closed_form(
        left in prop::collection::vec(-100.0..100.0f64, 1..7),
        right in prop::collection::vec(-100.0..100.0f64, 7),
        means in prop::collection::vec((-1.0..1.0f64, -100.0..100.0f64), 7),
        dropped in 0..7usize,
    ) {
        let d = left.len();
        let power = |exponents: &[f64]| -> Vec<f64> {
            exponents.iter().map(|e| 10f64.powf(*e)).collect()
        };
        let (mut left, right) = (power(&left), power(&right[..d]));
        if dropped < d {
            left[dropped] = 0.0;
        }
        let mean: Vec<f64> = means[..d].iter().map(|(m, e)| m * 10f64.powf(*e)).collect();
        let squares = |deviations: &[f64]| {
            diagonal(&deviations.iter().map(|v| v * v).collect::<Vec<f64>>())
        };
        let zero = vec![0.0; d];
        let found = gaussian_wasserstein((&mean, &squares(&left)), (&zero, &squares(&right)));
        let mut terms: Vec<f64> = left.iter().zip(&right).map(|(a, b)| (a - b) * (a - b)).collect();
        terms.extend(mean.iter().map(|m| m * m));
        terms.sort_by(f64::total_cmp);
        let wanted = terms.iter().sum::<f64>().sqrt();
        let found = found.unwrap();
        prop_assert!((found - wanted).abs() <= 1e-9 * wanted, "{found:e} is not {wanted:e}");
    }

    /// `tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2))` of two dimensions, where the last term is
    /// `sqrt(tr(S_1 S_2) + 2 sqrt(det(S_1 S_2)))`.
    #[test]
    fn distance_of_gaussians_of_two_dimensions_has_its_closed_form(
        left in (0.1..3.0f64, 0.1..3.0f64, -0.9..0.9f64),
        right in (0.1..3.0f64, 0.1..3.0f64, -0.9..0.9f64),
        unit in prop_oneof![Just(1.0), Just(1e-3), Just(1e-5)],
    ) {
        let covariance = |(a, b, r): (f64, f64, f64)| {
            let b = b * unit;
            Matrix::from_fn(2, 2, |i, j| [[a * a, r * a * b], [r * a * b, b * b]][i][j])
        };
        let (one, other) = (covariance(left), covariance(right));
        let entry = |m: &Matrix, i: usize, j: usize| m.row(i)[j];
        let trace = |m: &Matrix| entry(m, 0, 0) + entry(m, 1, 1);
        let det = |(a, b, r): (f64, f64, f64)| (a * b * unit).powi(2) * (1.0 - r * r);
        let product: f64 = (0..2)
            .flat_map(|i| (0..2).map(move |j| (i, j)))
            .map(|(i, j)| entry(&one, i, j) * entry(&other, j, i))
            .sum();
        let root = (product + 2.0 * (det(left) * det(right)).sqrt()).sqrt();
        let wanted = (trace(&one) + trace(&other) - 2.0 * root).max(0.0);
        let found = gaussian_wasserstein((&[0.0; 2], &one), (&[0.0; 2], &other)).unwrap();
        prop_assert!((found * found - wanted).abs() < 1e-12, "{found} {wanted}");
    }
}

#[test]
fn distance_of_gaussians_neither_overflows_nor_vanishes() {
    for scale in [1e-150, 1e150] {
        let (left, right) = (diagonal(&[scale * scale; 2]), diagonal(&[4.0 * scale * scale; 2]));
        let mean = [2.0 * scale, 0.0];
        let found = gaussian_wasserstein((&mean, &left), (&[0.0; 2], &right)).unwrap();
        assert_close(found / scale, 6f64.sqrt(), 1e-12);
    }
}

#[test]
fn a_shift_is_its_length() {
    let rows = wave(20, 3, 2, 0.0);
    let moved = rows.map(|k, v| v + [3.0, 0.0, 4.0][k]);
    assert_close(from_moments(&rows.moments(), &moved.moments()).unwrap(), 5.0, 1e-9);
}

#[test]
fn what_is_no_gaussian_is_refused() {
    let run = |covariance: &Matrix| Gaussian::new(vec![0.0, 0.0], covariance).unwrap_err();
    assert!(matches!(run(&Matrix::zeros(2, 3)), GaussianError::Shape { .. }));
    assert!(matches!(run(&diagonal(&[1.0, -1.0])), GaussianError::Negative { .. }));
    assert!(matches!(run(&diagonal(&[1.0, f64::NAN])), GaussianError::NotFinite { .. }));
    let large = Matrix::from_fn(2, 2, |i, j| if i == j { 1.0 } else { 2.0 });
    assert!(matches!(run(&large), GaussianError::Indefinite { .. }));
    let hollow = Matrix::from_fn(2, 2, |i, j| if i == j { 0.0 } else { 1.0 });
    assert!(matches!(run(&hollow), GaussianError::Indefinite { .. }));
    let skew = Matrix::from_fn(2, 2, |i, j| if i < j { 0.5 } else { 1.0 });
    assert!(matches!(run(&skew), GaussianError::Asymmetric { .. }));
    let left = Gaussian::new(vec![0.0], &diagonal(&[1.0])).unwrap();
    let right = Gaussian::new(vec![0.0; 2], &diagonal(&[1.0, 1.0])).unwrap();
    assert_eq!(left.distance(&right), Err(GaussianError::Width { left: 1, right: 2 }));
}
