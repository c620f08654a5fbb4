//! The H-score and its shrinkage variant: bounds, invariants, and scikit-learn's Ledoit-Wolf.

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::labelled_rows::*;
use ndarray::Array2;
use polars_transferability::scores::{h_score, shrinkage_h_score};
use proptest::prelude::*;

proptest! {
    #![proptest_config(cases(200))]

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
}

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
