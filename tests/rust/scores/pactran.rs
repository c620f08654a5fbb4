//! PACTran: known evidence, values of independent code, and bounds.
//!
//! The reference values come from implementations in NumPy and SciPy 1.17 that share nothing with
//! these (full `N x Z` arrays, trust-region Newton for the Gaussian bound), on [`example`].

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::classed_rows::*;
use ndarray::Array2;
use polars_transferability::scores::pactran;
use proptest::prelude::*;

#[test]
fn pactran_has_the_values_that_independent_code_gave() {
    let rows = example(0..80);
    let probabilities = rows.softmax(2.0);
    let dirichlet = |alpha| pactran::dirichlet(probabilities.table(), alpha).unwrap();
    // The ascent stops at gains of 1e-9 a step; the reference ran to the end.
    assert_close(dirichlet(1.0), -1.025_553_584_733_741, 1e-7);
    assert_close(dirichlet(2.5), -0.994_889_883_095_891_9, 1e-7);
    let gamma = |alpha, beta| pactran::gamma(probabilities.table(), alpha, beta).unwrap();
    assert_close(gamma(1.0, 1.0), -1.094_782_833_047_628_6, 1e-7);
    assert_close(gamma(0.5, 2.0), -1.141_197_331_755_204_9, 1e-7);
    let gaussian = |strength, variance| {
        pactran::gaussian(rows.table(), pactran::GaussianPrior { strength, variance }).unwrap()
    };
    assert_close(gaussian(10.0, 1000.0), -11.545_769_999_576_77, 1e-6);
    assert_close(gaussian(1.0, 10.0), -1.336_004_842_382_274_3, 1e-7);
    assert_close(gaussian(0.1, 1.0), -1.039_991_364_315_13, 1e-7);
}

/// The bound holds for the evidence: with one source class whose probability is 1 the Dirichlet
/// evidence is known exactly, `log B(a0 + n) - log B(a0)`; for two classes of equal prior and
/// `alpha = 2` this is `log(n_0! n_1! / (n + 1)!)`.
#[test]
fn the_dirichlet_bound_is_the_evidence_where_that_is_known() {
    let rows = Rows::new(Array2::ones((6, 1)), &[0, 0, 0, 1, 1, 1], 2);
    let wanted = (36.0_f64 / 5040.0).ln() / 6.0;
    assert_close(pactran::dirichlet(rows.table(), 2.0).unwrap(), wanted, 1e-13);
}

/// Source classes that decide the target class beat ones that say nothing about it.
#[test]
fn pactran_prefers_probabilities_that_tell_the_class() {
    let labels: Vec<usize> = (0..60).map(|i| i % 3).collect();
    let telling = Array2::from_shape_fn((60, 4), |(i, z)| if z == i % 3 { 0.97 } else { 0.01 });
    let silent = Array2::from_elem((60, 4), 0.25);
    let (telling, silent) = (Rows::new(telling, &labels, 3), Rows::new(silent, &labels, 3));
    for score in [
        |rows: &Rows| pactran::dirichlet(rows.table(), 1.0).unwrap(),
        |rows: &Rows| pactran::gamma(rows.table(), 1.0, 1.0).unwrap(),
    ] {
        assert!(score(&silent) < score(&telling) && score(&telling) < 0.0);
    }
    // A one-hot source class, and one without any mass.
    let hard = telling
        .with_values(Array2::from_shape_fn((60, 4), |(i, z)| f64::from(u8::from(z == i % 3))));
    assert!(pactran::dirichlet(hard.table(), 1.0).unwrap().is_finite());
    assert!(pactran::gamma(hard.table(), 1.0, 1.0).unwrap().is_finite());
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn the_evidence_bounds_are_not_positive(rows in any_rows(), alpha in 0.05..5.0f64) {
        let probabilities = rows.softmax(1.0);
        for score in [
            pactran::dirichlet(probabilities.table(), alpha).unwrap(),
            pactran::gamma(probabilities.table(), alpha, 1.0).unwrap(),
        ] {
            prop_assert!(score.is_finite() && score <= 1e-9, "{}", score);
        }
    }
}
