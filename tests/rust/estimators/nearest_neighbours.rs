//! Nearest neighbours against a plain implementation of their definition.

use crate::generators::cases;
use crate::generators::random_tables::*;
use ndarray::Array2;
use polars_transferability::estimators::nearest_neighbours::{among, between, Metric, TableRows};
use polars_transferability::rows::Table;
use proptest::prelude::*;
use rand::RngExt;

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

fn table_rows<'a>(table: &'a Array2<f64>, rows: &'a [u32]) -> TableRows<'a, 'a> {
    TableRows { table: Table::F64(table.view()), rows }
}

fn assert_as_plain(rows: &Array2<f64>, k: usize, metric: Metric) {
    let found = among(table_rows(rows, &all(rows.nrows())), k, metric).unwrap();
    for (i, found) in found.chunks_exact(k).enumerate() {
        assert_eq!(found, plain(rows, rows.row(i), k, metric, Some(i)), "neighbours of row {i}");
    }
}

proptest! {
    #![proptest_config(cases(256))]

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
                table_rows(&points, &all(n)),
                table_rows(&queries, &all(m)),
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
    let found =
        |rows: &Array2<f64>| among(table_rows(rows, &all(300)), 4, Metric::Euclidean).unwrap();
    let expected = found(&rows);
    for exponent in [-900, -130, 130, 900] {
        assert_eq!(found(&(&rows * 2f64.powi(exponent))), expected);
    }
    let mut outlier = rows;
    outlier[[17, 3]] = 1e7;
    assert_as_plain(&outlier, 4, Metric::Euclidean);
}
