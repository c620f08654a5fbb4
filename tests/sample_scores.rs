//! The scores that need the rows themselves: LEEP, NCE, N-LEEP, kNN accuracy and PARC, and the
//! clusterings and neighbours under them. Analytic values and invariants on random tables, plain
//! implementations of the same definitions, and values from NumPy, SciPy and scikit-learn.

use ndarray::{Array2, Axis};
use polars_transferability::estimators::gaussian_mixture;
use polars_transferability::estimators::gaussian_mixture::Covariance;
use polars_transferability::estimators::k_means::{k_means, pseudo_labels, ClusterError};
use polars_transferability::estimators::nearest_neighbours::{
    among, between, Metric, NeighbourError,
};
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::nleep::Settings;
use polars_transferability::scores::{
    knn_accuracy, knn_accuracy_split, leep, nce, nleep, parc, ScoreError, Ties, Voting,
};
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Of the rows of [`waves`], by scikit-learn 1.9 (`KMeans`, `GaussianMixture`) and by SciPy's
/// `spearmanr` on NumPy's correlations, labels' distances rounded to their two values.
const K_MEANS_INERTIA: f64 = 233.908_992_943_458_1;
const MIXTURE_FULL: f64 = -5.044_674_625_233_548;
const MIXTURE_DIAGONAL: f64 = -5.091_350_731_781_925;
const PARC_FEATURES: f64 = 52.255_701_328_924_19;
const PARC_FOUR_AXES: f64 = 62.858_859_557_211_574;

/// A table with labels from 0 on, each of which occurs.
#[derive(Debug, Clone)]
struct Task {
    rows: Array2<f64>,
    labels: Vec<u32>,
}

impl Task {
    fn with<T>(&self, score: impl FnOnce(ClassedTable<'_>) -> T) -> T {
        let classes = group(&self.labels);
        score(ClassedTable { table: Table::F64(self.rows.view()), classes: &classes })
    }

    fn permuted(&self, seed: u64) -> Self {
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        order.shuffle(&mut generator(seed));
        Self {
            rows: self.rows.select(Axis(0), &order),
            labels: order.iter().map(|&i| self.labels[i]).collect(),
        }
    }

    /// Class numbers in the opposite order.
    fn relabelled(&self) -> Self {
        let last = self.labels.iter().max().unwrap();
        Self {
            rows: self.rows.clone(),
            labels: self.labels.iter().map(|label| last - label).collect(),
        }
    }
}

fn group(labels: &[u32]) -> Vec<Vec<u32>> {
    let classes = labels.iter().max().map_or(0, |label| label + 1);
    (0..classes)
        .map(|c| (0..).zip(labels).filter(|(_, l)| **l == c).map(|(i, _)| i).collect())
        .collect()
}

fn generator(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

fn noise(rng: &mut Xoshiro256PlusPlus, n: usize, d: usize) -> Array2<f64> {
    Array2::from_shape_simple_fn((n, d), || (0..4).map(|_| rng.random_range(-1.0..1.0)).sum())
}

/// Rows around one centre a class, `apart` from each other.
fn clusters(seed: u64, n: usize, d: usize, classes: u32, apart: f64) -> Task {
    let mut rng = generator(seed);
    let centres = noise(&mut rng, classes as usize, d) * apart;
    let labels: Vec<u32> = (0..n as u32).map(|i| i % classes).collect();
    let mut rows = noise(&mut rng, n, d);
    for (mut row, &label) in rows.rows_mut().into_iter().zip(&labels) {
        row += &centres.row(label as usize);
    }
    Task { rows, labels }
}

fn random_labels(rng: &mut Xoshiro256PlusPlus, n: usize, classes: u32) -> Vec<u32> {
    (0..n as u32).map(|i| if i < classes { i } else { rng.random_range(0..classes) }).collect()
}

/// Each row a distribution over `sources` classes, some of which get nothing.
fn distributions(rng: &mut Xoshiro256PlusPlus, n: usize, sources: usize) -> Array2<f64> {
    let mut rows = Array2::from_shape_simple_fn((n, sources), || {
        if rng.random_bool(0.3) {
            0.0
        } else {
            rng.random_range(0.0..1.0)
        }
    });
    for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
        row[i % sources] += 1e-3;
        let sum = row.sum();
        row /= sum;
    }
    rows
}

fn entropy(labels: &[u32]) -> f64 {
    let n = labels.len() as f64;
    group(labels).iter().map(|rows| rows.len() as f64 / n).map(|p| -p * p.ln()).sum()
}

fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs())
}

mod leep_and_nce {
    use super::*;

    proptest! {
        #[test]
        fn probabilities_that_ignore_the_row_leave_the_entropy_of_the_labels(
            seed in any::<u64>(), n in 6usize..80, classes in 2u32..6, sources in 1usize..7,
        ) {
            let mut rng = generator(seed);
            let theta = distributions(&mut rng, 1, sources);
            let rows = theta.select(Axis(0), &vec![0; n]);
            let task = Task { rows, labels: random_labels(&mut rng, n, classes) };
            prop_assert!(near(task.with(leep).unwrap(), -entropy(&task.labels), 1e-12));
        }

        #[test]
        fn of_certain_probabilities_leep_is_nce(
            seed in any::<u64>(), n in 6usize..80, classes in 2u32..6, sources in 1u32..9,
        ) {
            let mut rng = generator(seed);
            let source: Vec<u32> = (0..n).map(|_| rng.random_range(0..sources)).collect();
            let rows = Array2::from_shape_fn((n, sources as usize), |(i, z)| {
                f64::from(u8::from(source[i] == z as u32))
            });
            let task = Task { rows, labels: random_labels(&mut rng, n, classes) };
            let value = nce(&source, &task.labels).unwrap();
            prop_assert!(near(task.with(leep).unwrap(), value, 1e-12));
            prop_assert!(value <= 0.0 && value >= -f64::from(classes).ln() - 1e-12);
            prop_assert!(value >= -entropy(&task.labels) - 1e-12);
        }

        #[test]
        fn a_source_label_that_decides_the_target_label_gives_nce_zero(
            seed in any::<u64>(), n in 6usize..80, classes in 2u32..6,
        ) {
            let mut rng = generator(seed);
            let labels = random_labels(&mut rng, n, classes);
            let source: Vec<u32> =
                labels.iter().map(|label| 1000 * label + rng.random_range(0..3)).collect();
            prop_assert_eq!(nce(&source, &labels).unwrap(), 0.0);
            prop_assert!(near(nce(&vec![7; n], &labels).unwrap(), -entropy(&labels), 1e-12));
        }

        #[test]
        fn leep_depends_on_no_order(
            seed in any::<u64>(), n in 6usize..60, classes in 2u32..6, sources in 1usize..7,
        ) {
            let mut rng = generator(seed);
            let rows = distributions(&mut rng, n, sources);
            let task = Task { rows, labels: random_labels(&mut rng, n, classes) };
            let value = task.with(leep).unwrap();
            prop_assert!(value <= 1e-12);
            prop_assert!(near(task.permuted(seed).with(leep).unwrap(), value, 1e-12));
            prop_assert!(near(task.relabelled().with(leep).unwrap(), value, 1e-12));
            let backwards: Vec<usize> = (0..sources).rev().collect();
            let columns =
                Task { rows: task.rows.select(Axis(1), &backwards), labels: task.labels.clone() };
            prop_assert!(near(columns.with(leep).unwrap(), value, 1e-12));
            // A source class that no row can be changes nothing, and divides nothing by zero.
            let mut wider = Array2::zeros((n, sources + 1));
            wider.slice_mut(ndarray::s![.., ..sources]).assign(&task.rows);
            let wider = Task { rows: wider, labels: task.labels.clone() };
            prop_assert_eq!(wider.with(leep).unwrap(), value);
        }

        #[test]
        fn nce_depends_on_no_order_or_name(
            seed in any::<u64>(), n in 6usize..60, classes in 2u32..6,
        ) {
            let mut rng = generator(seed);
            let labels = random_labels(&mut rng, n, classes);
            let source = random_labels(&mut rng, n, 4);
            let value = nce(&source, &labels).unwrap();
            let mut order: Vec<usize> = (0..n).collect();
            order.shuffle(&mut rng);
            let moved = |of: &[u32]| -> Vec<u32> { order.iter().map(|&i| 90 - of[i]).collect() };
            prop_assert!(near(nce(&moved(&source), &moved(&labels)).unwrap(), value, 1e-12));
        }
    }

    #[test]
    fn single_precision_probabilities_count_as_distributions() {
        let mut rng = generator(1);
        let rows = distributions(&mut rng, 50, 1000);
        let labels = random_labels(&mut rng, 50, 4);
        let single = rows.mapv(|p| p as f32);
        let classes = group(&labels);
        let value =
            leep(ClassedTable { table: Table::F32(single.view()), classes: &classes }).unwrap();
        let task = Task { rows, labels };
        assert!(near(task.with(leep).unwrap(), value, 1e-6));
    }

    #[test]
    fn what_is_no_distribution_is_named() {
        let labels = vec![0, 1, 0];
        let with = |row: [f64; 2]| {
            let rows = ndarray::arr2(&[[0.5, 0.5], [1.0, 0.0], row]);
            Task { rows, labels: labels.clone() }.with(leep)
        };
        assert!(with([0.25, 0.75]).is_ok());
        assert_eq!(with([0.5, 0.6]), Err(ScoreError::NotADistribution { row: 2, sum: 1.1 }));
        assert_eq!(
            with([1.5, -0.5]),
            Err(ScoreError::NegativeProbability { row: 2, column: 1, value: -0.5 })
        );
        assert!(matches!(with([f64::NAN, 1.0]), Err(ScoreError::NotADistribution { row: 2, .. })));
        let one = Task { rows: ndarray::arr2(&[[1.0], [1.0]]), labels: vec![0, 0] };
        assert_eq!(one.with(leep), Err(ScoreError::FewClasses { score: "LEEP", found: 1 }));
        assert_eq!(nce(&[0, 1], &[3, 3]), Err(ScoreError::FewClasses { score: "NCE", found: 1 }));
        assert_eq!(nce(&[], &[]), Err(ScoreError::FewClasses { score: "NCE", found: 0 }));
        assert_eq!(nce(&[0], &[1, 2]), Err(ScoreError::Lengths { source_labels: 1, labels: 2 }));
    }
}

mod neighbours {
    use super::*;

    /// The definition: every squared distance summed in `f64`, all of them sorted.
    fn plain(
        points: &Array2<f64>,
        query: ndarray::ArrayView1<'_, f64>,
        k: usize,
        metric: Metric,
        own: Option<usize>,
    ) -> Vec<u32> {
        let unit = |row: ndarray::ArrayView1<'_, f64>| match metric {
            Metric::Euclidean => row.to_owned(),
            Metric::Cosine => &row / row.dot(&row).sqrt(),
        };
        let query = unit(query);
        let mut order: Vec<(f64, u32)> = (0..points.nrows())
            .filter(|i| Some(*i) != own)
            .map(|i| ((&unit(points.row(i)) - &query).mapv(|v| v * v).sum(), i as u32))
            .collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        order.into_iter().take(k).map(|(_, i)| i).collect()
    }

    fn all(n: usize) -> Vec<u32> {
        (0..n as u32).collect()
    }

    fn assert_as_plain(rows: &Array2<f64>, k: usize, metric: Metric) {
        let found = among(Table::F64(rows.view()), &all(rows.nrows()), k, metric).unwrap();
        for (i, found) in found.chunks_exact(k).enumerate() {
            assert_eq!(
                found,
                plain(rows, rows.row(i), k, metric, Some(i)),
                "neighbours of row {i}"
            );
        }
    }

    proptest! {
        #[test]
        fn are_those_of_the_definition(
            seed in any::<u64>(), n in 7usize..90, d in 1usize..40, k in 1usize..6,
        ) {
            let rows = noise(&mut generator(seed), n, d);
            assert_as_plain(&rows, k, Metric::Euclidean);
            if d > 1 {
                assert_as_plain(&rows, k, Metric::Cosine);
            }
        }

        /// Small integers: exact ties everywhere, and duplicates.
        #[test]
        fn ties_go_to_the_first_row(
            seed in any::<u64>(), n in 7usize..200, d in 1usize..5, k in 1usize..6,
        ) {
            let mut rng = generator(seed);
            let rows = Array2::from_shape_simple_fn((n, d), || f64::from(rng.random_range(0..3)));
            assert_as_plain(&rows, k, Metric::Euclidean);
        }

        #[test]
        fn between_two_tables_are_those_of_the_definition(
            seed in any::<u64>(), n in 5usize..60, m in 1usize..60, d in 2usize..20, k in 1usize..6,
        ) {
            let mut rng = generator(seed);
            let (points, queries) = (noise(&mut rng, n, d), noise(&mut rng, m, d));
            for metric in [Metric::Euclidean, Metric::Cosine] {
                let found = between(
                    (Table::F64(points.view()), &all(n)),
                    (Table::F64(queries.view()), &all(m)),
                    k,
                    metric,
                ).unwrap();
                for (query, found) in queries.rows().into_iter().zip(found.chunks_exact(k)) {
                    prop_assert_eq!(found, plain(&points, query, k, metric, None));
                }
            }
        }
    }

    /// Several blocks of rows, and distances that single precision cannot tell apart.
    #[test]
    fn hold_where_single_precision_does_not() {
        let mut rng = generator(5);
        let mut rows = noise(&mut rng, 2300, 12) * 1e-4;
        for (i, mut row) in rows.rows_mut().into_iter().enumerate() {
            row += [-1e3, 0.0, 2e3][i % 3];
        }
        assert_as_plain(&rows, 5, Metric::Euclidean);
    }

    #[test]
    fn hold_at_any_scale_and_beside_an_outlier() {
        let mut rng = generator(6);
        let rows = noise(&mut rng, 300, 10);
        let found = |rows: &Array2<f64>| {
            among(Table::F64(rows.view()), &all(300), 4, Metric::Euclidean).unwrap()
        };
        let expected = found(&rows);
        for exponent in [-900, -130, 130, 900] {
            assert_eq!(found(&(&rows * 2f64.powi(exponent))), expected);
        }
        let mut outlier = rows;
        outlier[[17, 3]] = 1e7;
        assert_as_plain(&outlier, 4, Metric::Euclidean);
    }

    fn nearest(k: usize, metric: Metric) -> Voting {
        Voting { k, metric, ties: Ties::Nearest }
    }

    #[test]
    fn ties_go_to_the_first_class_or_to_the_nearest_neighbour() {
        // The row at 0 has one neighbour of class 1, then one of class 0; it is of class 1.
        let rows = ndarray::arr2(&[[0.0], [1.0], [-2.0], [50.0], [51.0]]);
        let task = Task { rows, labels: vec![1, 1, 0, 0, 0] };
        let accuracy = |ties| {
            task.with(|t| knn_accuracy(t, Voting { k: 2, metric: Metric::Euclidean, ties }))
                .unwrap()
        };
        assert_eq!(accuracy(Ties::Nearest) - accuracy(Ties::First), 0.4);
    }

    proptest! {
        /// Rows that are repeated in several classes tie wherever there is something to choose.
        #[test]
        fn ties_depend_on_no_order_or_name(
            seed in any::<u64>(), n in 12usize..60, d in 1usize..4,
        ) {
            let mut rng = generator(seed);
            let rows = Array2::from_shape_simple_fn((n, d), || f64::from(rng.random_range(-1..2)));
            let task = Task { rows, labels: random_labels(&mut rng, n, 3) };
            let others = [task.permuted(seed), task.permuted(seed ^ 1).relabelled()];
            let compared = |task: &Task| task.with(|t| parc(t, Some(2), n / 2, seed));
            let clustered = |task: &Task| {
                let settings = Settings { components: Some(2), seed, ..Settings::default() };
                task.with(|t| nleep::nleep(t, &settings)).map(|found| found.value)
            };
            for other in &others {
                prop_assert_eq!(compared(other).ok(), compared(&task).ok());
                prop_assert_eq!(clustered(other).ok(), clustered(&task).ok());
            }
        }
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
        let fit =
            Task { rows: ndarray::arr2(&[[4.0], [3.0], [2.0], [1.0]]), labels: vec![1, 0, 0, 1] };
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
        assert_eq!(
            accuracy(&task, 2, Metric::Cosine),
            Err(NeighbourError::ZeroRow { row: 5 }.into())
        );
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
}

/// Rows that other programs can make: waves, with one coordinate raised for each class.
fn waves(n: usize, d: usize, raise: f64) -> Task {
    let rows = Array2::from_shape_fn((n, d), |(row, column)| {
        let (i, j) = (row as f64, column as f64);
        ((i * 7.0 + j * 3.0) * 1.9).sin()
            + (0.37 * i * i + 0.7 * i * j + 1.3 * j * j).cos()
            + if row % 3 == column % 3 { raise } else { 0.0 }
    });
    Task { rows, labels: (0..n as u32).map(|i| i % 3).collect() }
}

mod pairwise_comparison {
    use super::*;

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
        task.with(|t| parc(t, axes, 2000, 0)).unwrap()
    }

    #[test]
    fn is_what_scipy_says() {
        let task = waves(60, 8, 1.5);
        assert!(near(score(&task, None), PARC_FEATURES, 1e-10));
        assert!(near(score(&task, Some(4)), PARC_FOUR_AXES, 1e-9));
    }

    proptest! {
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
                let score = |task: &Task| task.with(|t| parc(t, axes, rows, 3)).unwrap();
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
        let score = |seed| task.with(|t| parc(t, Some(32), 50, seed)).unwrap();
        assert_eq!(score(1), score(1));
        assert_ne!(score(1), score(2));
    }

    #[test]
    fn bad_input_is_named() {
        let of = |rows: Array2<f64>, labels: Vec<u32>, axes| {
            Task { rows, labels }.with(|t| parc(t, axes, 2000, 0))
        };
        let rows = noise(&mut generator(1), 6, 4);
        assert_eq!(
            of(rows.clone(), (0..6).collect(), None),
            Err(ScoreError::NoPairs { score: "PARC", classes: 6 })
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
            Err(ScoreError::ConstantRow { score: "PARC", .. })
        ));
        // Standardised, the last row is zero in all coordinates.
        let mut balanced = Array2::zeros((5, 3));
        balanced[[0, 0]] = 1.0;
        balanced[[1, 0]] = -1.0;
        balanced[[2, 1]] = 1.0;
        balanced[[3, 1]] = -1.0;
        assert_eq!(
            of(balanced, vec![0, 0, 1, 1, 1], None),
            Err(ScoreError::ConstantRow { score: "PARC", row: 4 })
        );
    }
}

mod clustering {
    use super::*;

    fn run(rows: &Array2<f64>, clusters: usize, seed: u64) -> Result<Vec<u32>, ClusterError> {
        let all: Vec<u32> = (0..rows.nrows() as u32).collect();
        pseudo_labels(Table::F64(rows.view()), &all, clusters, seed)
    }

    proptest! {
        /// What convergence means: centres are means, and no row is nearer to another centre.
        #[test]
        fn ends_at_a_fixed_point(
            seed in any::<u64>(), n in 8usize..120, d in 1usize..6, k in 1usize..8,
        ) {
            let rows = noise(&mut generator(seed), n, d) + 1e3;
            let all: Vec<u32> = (0..n as u32).collect();
            let means = k_means(Table::F64(rows.view()), &all, k, seed).unwrap();
            prop_assert!(means.converged);
            let square = |i: usize, c: usize| -> f64 {
                rows.row(i).iter().zip(means.centres.row(c)).map(|(x, m)| (x - m) * (x - m)).sum()
            };
            let mut inertia = 0.0;
            let mut sums = Array2::<f64>::zeros((k, d));
            let mut counts = vec![0.0; k];
            for (i, &label) in means.labels.iter().enumerate() {
                let own = square(i, label as usize);
                for c in 0..k {
                    prop_assert!(own <= square(i, c) + 1e-9);
                }
                inertia += own;
                let mut sum = sums.row_mut(label as usize);
                sum += &rows.row(i);
                counts[label as usize] += 1.0;
            }
            prop_assert!(near(means.inertia, inertia, 1e-9));
            for ((sum, count), centre) in sums.rows().into_iter().zip(&counts).zip(means.centres
                .rows()) {
                prop_assert!(*count > 0.0);
                for (sum, centre) in sum.iter().zip(centre) {
                    prop_assert!((sum / count - centre).abs() < 1e-9);
                }
            }
        }

        #[test]
        fn depends_on_the_seed_and_not_on_the_order(seed in any::<u64>(), n in 10usize..60) {
            let task = clusters(seed, n, 4, 3, 0.5);
            let labels = run(&task.rows, 4, seed).unwrap();
            prop_assert_eq!(&run(&task.rows, 4, seed).unwrap(), &labels);
            let moved = Task { rows: task.rows, labels: labels.clone() }.permuted(seed);
            prop_assert_eq!(run(&moved.rows, 4, seed).unwrap(), moved.labels);
        }
    }

    #[test]
    fn finds_what_is_apart() {
        let task = waves(90, 3, 6.0);
        let all: Vec<u32> = (0..90).collect();
        for seed in 0..5 {
            let means = k_means(Table::F64(task.rows.view()), &all, 3, seed).unwrap();
            assert!(near(means.inertia, K_MEANS_INERTIA, 1e-12));
            assert!((0..90).all(|i| means.labels[i] == means.labels[i % 3]));
        }
    }

    #[test]
    fn needs_as_many_distinct_rows_as_clusters() {
        let rows = noise(&mut generator(9), 4, 3).select(Axis(0), &[0, 1, 2, 3, 0, 1, 2, 3]);
        assert_eq!(
            run(&rows, 5, 0),
            Err(ClusterError::FewDistinctRows { distinct: 4, clusters: 5 })
        );
        let mut labels = run(&rows, 4, 0).unwrap();
        assert_eq!(labels[..4], labels[4..]);
        labels.truncate(4);
        labels.sort_unstable();
        assert_eq!(labels, [0, 1, 2, 3]);
        assert_eq!(run(&rows, 9, 0), Err(ClusterError::FewRows { rows: 8, clusters: 9 }));
        assert_eq!(run(&rows, 0, 0), Err(ClusterError::FewRows { rows: 8, clusters: 0 }));
    }
}

mod mixtures {
    use super::*;

    fn centred(rows: &Array2<f64>) -> Matrix {
        let mean = rows.mean_axis(Axis(0)).unwrap();
        Matrix::from_fn(rows.nrows(), rows.ncols(), |i, j| rows[[i, j]] - mean[j])
    }

    fn settings(components: usize, covariance: Covariance) -> gaussian_mixture::Settings {
        gaussian_mixture::Settings { covariance, ..gaussian_mixture::Settings::new(components, 3) }
    }

    #[test]
    fn are_what_scikit_learn_says() {
        let rows = centred(&waves(90, 3, 6.0).rows);
        for (covariance, expected) in
            [(Covariance::Full, MIXTURE_FULL), (Covariance::Diagonal, MIXTURE_DIAGONAL)]
        {
            let settings =
                gaussian_mixture::Settings { tolerance: 1e-10, ..settings(3, covariance) };
            let fit = gaussian_mixture::fit(&rows, &settings).unwrap();
            assert!(fit.converged);
            assert!(near(fit.log_likelihood, expected, 1e-9), "{}", fit.log_likelihood);
        }
    }

    /// One component is a Gaussian with the rows' moments: `-(d log 2 pi + d + log det) / 2`, up to
    /// the ridge.
    #[test]
    fn of_one_component_are_a_gaussian() {
        let rows = centred(&noise(&mut generator(4), 200, 1));
        let variance = rows.values().iter().map(|v| v * v).sum::<f64>() / 200.0 + 1e-6;
        let square = (variance - 1e-6) / variance;
        let expected = -0.5 * (std::f64::consts::TAU.ln() + variance.ln() + square);
        for covariance in [Covariance::Full, Covariance::Diagonal] {
            let fit = gaussian_mixture::fit(&rows, &settings(1, covariance)).unwrap();
            assert!(near(fit.log_likelihood, expected, 1e-12));
            assert!(fit.responsibilities.by_component[0].iter().all(|(_, p)| *p == 1.0));
        }
    }

    proptest! {
        #[test]
        fn share_each_row_out_and_gain_likelihood(
            seed in any::<u64>(), n in 30usize..120, d in 1usize..50, k in 1usize..5,
                full in any::<bool>(),
        ) {
            let rows = centred(&clusters(seed, n, d, 3, 0.3).rows);
            let covariance = if full { Covariance::Full } else { Covariance::Diagonal };
            let mut before = f64::NEG_INFINITY;
            for max_iterations in [1, 2, 5, 30] {
                let settings = gaussian_mixture::Settings {
                    max_iterations,
                    tolerance: 0.0,
                    ridge: 1e-9,
                    ..settings(k, covariance)
                };
                let fit = gaussian_mixture::fit(&rows, &settings).unwrap();
                prop_assert!(fit.iterations <= max_iterations && !fit.converged);
                prop_assert!((fit.mixture.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                for shares in fit.responsibilities.by_row(n) {
                    let sum: f64 = shares.iter().map(|(_, p)| p).sum();
                    prop_assert!((sum - 1.0).abs() < 1e-12);
                }
                // The ridge is not part of the likelihood, so it may cost some.
                prop_assert!(fit.log_likelihood >= before - 1e-6 * before.abs());
                before = fit.log_likelihood;
            }
        }
    }
}

mod nleep_score {
    use super::*;

    fn score(task: &Task, settings: &Settings) -> f64 {
        task.with(|t| nleep(t, settings)).unwrap().value
    }

    #[test]
    fn is_zero_for_separate_classes() {
        let task = clusters(1, 300, 12, 3, 50.0);
        let found = task.with(|t| nleep(t, &Settings::default())).unwrap();
        assert!(found.converged && found.value <= 1e-12 && found.value > -1e-6, "{found:?}");
        assert_eq!(found.components, 15);
        assert!((1..=2).contains(&found.dimensions));
    }

    #[test]
    fn of_one_component_is_the_entropy_of_the_labels() {
        let task = clusters(2, 90, 6, 4, 1.0);
        let value = score(&task, &Settings { components: Some(1), ..Settings::default() });
        assert!(near(value, -entropy(&task.labels), 1e-12));
    }

    proptest! {
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
        assert!(of(Settings { energy: 1.0, ..Settings::default() }).dimensions == 30);
        assert!(of(Settings::default()).dimensions < 30);
        // Five a class would be 15; half the rows of a third of the table is less.
        let few = Task {
            rows: task.rows.slice(ndarray::s![..18, ..]).to_owned(),
            labels: task.labels[..18].to_vec(),
        };
        assert_eq!(few.with(|t| nleep(t, &Settings::default())).unwrap().components, 9);
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
        assert_eq!(
            of(&one, Settings::default()),
            ScoreError::FewClasses { score: "N-LEEP", found: 1 }
        );
        let tiny = Task { rows: ndarray::arr2(&[[0.0], [1.0], [2.0]]), labels: vec![0, 1, 1] };
        assert_eq!(
            of(&tiny, Settings::default()),
            ScoreError::FewRows { score: "N-LEEP", found: 3, needed: 4 }
        );
    }
}
