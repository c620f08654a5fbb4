//! PARC against Spearman's correlation of NumPy and SciPy, and what must not matter.

use crate::generators::cases;
use crate::generators::random_tables::*;
use ndarray::{Array2, Axis};
use polars_transferability::scores::parc::{PairError, Settings};
use polars_transferability::scores::{parc, ScoreError};
use proptest::prelude::*;

/// Of the rows of [`waves`], by SciPy's `spearmanr` on NumPy's correlations, the labels' distances
/// rounded to their two values.
const PARC_FEATURES: f64 = 52.255_701_328_924_19;

const PARC_FOUR_AXES: f64 = 62.858_859_557_211_574;

/// Spearman's correlation with every rank written out.
fn plain(task: &Task) -> f64 {
    let (mean, sd) = (task.rows.mean_axis(Axis(0)).unwrap(), task.rows.std_axis(Axis(0), 0.0));
    let mut rows = (&task.rows - &mean) / &sd;
    for mut row in rows.rows_mut() {
        let mean = row.mean().unwrap();
        row -= mean;
        let norm = row.dot(&row).sqrt();
        row /= norm;
    }
    let (mut features, mut labels) = (Vec::new(), Vec::new());
    for i in 0..rows.nrows() {
        for j in 0..i {
            features.push(1.0 - rows.row(i).dot(&rows.row(j)));
            labels.push(f64::from(u8::from(task.labels[i] != task.labels[j])));
        }
    }
    100.0 * pearson(&ranks(&features), &ranks(&labels))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let rank = |v: &f64| {
        let below = values.iter().filter(|other| *other < v).count();
        let equal = values.iter().filter(|other| *other == v).count();
        below as f64 + 0.5 * (equal as f64 + 1.0)
    };
    values.iter().map(rank).collect()
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(a, b)| f(a - ma, b - mb)).sum()
    };
    sum(&|a, b| a * b) / (sum(&|a, _| a * a) * sum(&|_, b| b * b)).sqrt()
}

fn score(task: &Task, axes: Option<usize>) -> f64 {
    task.with(|t| parc(t, Settings { axes, max_rows: 2000, seed: 0 })).unwrap()
}

#[test]
fn is_what_scipy_says() {
    let task = waves(60, 8, 1.5);
    assert!(near(score(&task, None), PARC_FEATURES, 1e-10));
    assert!(near(score(&task, Some(4)), PARC_FOUR_AXES, 1e-9));
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn is_spearmans_correlation(
        seed in any::<u64>(), n in 5usize..24, d in 3usize..8, apart in 0.0..3.0,
    ) {
        let task = clusters(seed, n, d, 2, apart);
        prop_assert!(near(score(&task, None), plain(&task), 1e-9));
    }

    #[test]
    fn depends_on_no_order_or_name(
        seed in any::<u64>(), n in 20usize..60, d in 5usize..20,
    ) {
        let task = clusters(seed, n, d, 3, 0.5);
        for (axes, rows) in [(None, 2000), (Some(4), 2000), (Some(3), 15)] {
            let settings = Settings { axes, max_rows: rows, seed: 3 };
            let score = |task: &Task| task.with(|t| parc(t, settings)).unwrap();
            let value = score(&task);
            prop_assert!(value.abs() <= 100.0 + 1e-9);
            prop_assert!(near(score(&task.permuted(seed)), value, 1e-9));
            prop_assert!(near(score(&task.relabelled()), value, 1e-9));
        }
    }
}

/// Coordinates that are the class, all but noise below every gap: all pairs within a class are
/// closer than all pairs across.
#[test]
fn is_highest_for_separate_classes() {
    let separate = clusters(2, 60, 40, 4, 1e3);
    let value = score(&separate, None);
    let random = score(&clusters(2, 60, 40, 4, 0.0), None);
    // 4 classes of 15: the ranks of 420 pairs of 1770 are the lowest.
    let (all, within) = (1770.0_f64, 420.0);
    let best = 100.0 * (3.0 * within * (all - within) / ((all - 1.0) * (all + 1.0))).sqrt();
    assert!(near(value, best, 1e-9), "{value} {best}");
    assert!(random.abs() < 10.0);
}

#[test]
fn draws_by_seed() {
    let task = clusters(4, 200, 10, 3, 0.4);
    let score =
        |seed| task.with(|t| parc(t, Settings { axes: Some(32), max_rows: 50, seed })).unwrap();
    assert_eq!(score(1), score(1));
    assert_ne!(score(1), score(2));
}

#[test]
fn bad_input_is_named() {
    let of = |rows: Array2<f64>, labels: Vec<u32>, axes| {
        Task { rows, labels }.with(|t| parc(t, Settings { axes, max_rows: 2000, seed: 0 }))
    };
    let rows = noise(&mut generator(1), 6, 4);
    assert_eq!(
        of(rows.clone(), (0..6).collect(), None),
        Err(PairError::NoPairs { classes: 6 }.into())
    );
    assert_eq!(
        of(rows.clone(), vec![0; 6], None),
        Err(ScoreError::FewClasses { score: "PARC", found: 1 })
    );
    let labels = vec![0, 0, 0, 1, 1, 1];
    assert_eq!(
        of(Array2::ones((6, 4)), labels.clone(), Some(32)),
        Err(ScoreError::ConstantFeatures { score: "PARC" })
    );
    assert!(matches!(
        of(rows, labels.clone(), Some(1)),
        Err(ScoreError::Pairs(PairError::ConstantRow { .. }))
    ));
    // Standardised, the last row is zero in all coordinates.
    let mut balanced = Array2::zeros((5, 3));
    balanced[[0, 0]] = 1.0;
    balanced[[1, 0]] = -1.0;
    balanced[[2, 1]] = 1.0;
    balanced[[3, 1]] = -1.0;
    assert_eq!(
        of(balanced, vec![0, 0, 1, 1, 1], None),
        Err(PairError::ConstantRow { row: 4 }.into())
    );
}
