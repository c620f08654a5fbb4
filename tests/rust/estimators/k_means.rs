//! k-means: fixed points, seeds, and the input that it refuses.

use crate::generators::cases;
use crate::generators::random_tables::*;
use ndarray::{Array2, Axis};
use polars_transferability::estimators::k_means::{k_means, pseudo_labels, ClusterError};
use polars_transferability::rows::Table;
use proptest::prelude::*;

/// Of the rows of [`waves`], by `KMeans` of scikit-learn 1.9.
const K_MEANS_INERTIA: f64 = 233.908_992_943_458_1;

fn run(rows: &Array2<f64>, clusters: usize, seed: u64) -> Result<Vec<u32>, ClusterError> {
    let all: Vec<u32> = (0..rows.nrows() as u32).collect();
    pseudo_labels(Table::F64(rows.view()), &all, clusters, seed)
}

proptest! {
    #![proptest_config(cases(256))]

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
        let mut sums = Array2::<f64>::zeros((k, d));
        let mut counts = vec![0.0; k];
        for (i, &label) in means.labels.iter().enumerate() {
            let own = square(i, label as usize);
            for c in 0..k {
                prop_assert!(own <= square(i, c) + 1e-9);
            }
            let mut sum = sums.row_mut(label as usize);
            sum += &rows.row(i);
            counts[label as usize] += 1.0;
        }
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
        let centre = |i: usize| means.centres.row(means.labels[i] as usize);
        let square = |i: usize| -> f64 {
            task.rows.row(i).iter().zip(centre(i)).map(|(x, m)| (x - m) * (x - m)).sum()
        };
        assert!(near((0..90).map(square).sum(), K_MEANS_INERTIA, 1e-12));
        assert!((0..90).all(|i| means.labels[i] == means.labels[i % 3]));
    }
}

#[test]
fn needs_as_many_distinct_rows_as_clusters() {
    let rows = noise(&mut generator(9), 4, 3).select(Axis(0), &[0, 1, 2, 3, 0, 1, 2, 3]);
    assert_eq!(run(&rows, 5, 0), Err(ClusterError::FewDistinctRows { distinct: 4, clusters: 5 }));
    let mut labels = run(&rows, 4, 0).unwrap();
    assert_eq!(labels[..4], labels[4..]);
    labels.truncate(4);
    labels.sort_unstable();
    assert_eq!(labels, [0, 1, 2, 3]);
    assert_eq!(run(&rows, 9, 0), Err(ClusterError::FewRows { rows: 8, clusters: 9 }));
    assert_eq!(run(&rows, 0, 0), Err(ClusterError::FewRows { rows: 8, clusters: 0 }));
}
