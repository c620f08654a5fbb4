//! What SFDA, ETran, NCTI and PACTran-Gaussian have in common: values that independent code gave,
//! invariants, degenerate input, and pools.
//!
//! The reference values come from implementations in NumPy and SciPy 1.17 that share nothing with
//! these (dense inverses, full `N x C` arrays), on [`example`].

use crate::generators::assert_all_close;
use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::classed_rows::*;
use ndarray::Array2;
use polars_transferability::estimators::discriminant::DiscriminantError;
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::ProbabilityError;
use polars_transferability::scores::{etran, linear_probe, ncti, pactran, sfda, ScoreError};
use proptest::prelude::*;

#[test]
fn the_scores_have_the_values_that_independent_code_gave() {
    let rows = example(0..80);
    let small = rows.with_values(0.2 * &rows.values);
    assert_close(sfda::sfda(rows.table()).unwrap(), -0.767_358_935_694_533_8, 1e-11);
    assert_close(sfda::sfda(small.table()).unwrap(), -0.810_583_237_908_869_4, 1e-11);
    let parts = etran::parts(rows.table()).unwrap();
    assert_close(parts.energy, 0.935_208_094_699_655_9, 1e-11);
    assert_close(parts.lda, 0.629_852_947_239_719_2, 1e-11);
    let parts = etran::parts(small.table()).unwrap();
    assert_close(parts.energy, 1.584_645_596_196_259, 1e-11);
    assert_close(parts.lda, 0.590_558_660_451_636_5, 1e-11);
    let parts = ncti::parts(rows.table()).unwrap();
    assert_close(parts.seli, 21.989_354_446_966_594, 1e-11);
    assert_close(parts.ncc, 0.629_852_946_748_081_1, 1e-11);
    assert_close(parts.variability, -18.255_142_540_814_73, 1e-11);
    let parts = ncti::parts(small.table()).unwrap();
    assert_close(parts.seli, 21.142_734_805_630_85, 1e-11);
    assert_close(parts.ncc, 0.580_263_688_828_274_3, 1e-11);
    assert_close(parts.variability, -17.591_739_407_271_177, 1e-11);
}

/// Rotating features, shuffling rows and renumbering classes change nothing, nor does moving all
/// rows.
#[test]
fn the_scores_do_not_depend_on_coordinates_row_order_or_class_numbers() {
    let rows = example(0..80);
    let wanted = rows.all_scores();
    let mut rotation = Array2::eye(WIDTH);
    for (step, (a, b)) in [(0, 1), (2, 5), (1, 4), (3, 0), (5, 1)].into_iter().enumerate() {
        let (sin, cos) = (0.7 + step as f64).sin_cos();
        let mut turn = Array2::eye(WIDTH);
        turn[[a, a]] = cos;
        turn[[b, b]] = cos;
        turn[[a, b]] = -sin;
        turn[[b, a]] = sin;
        rotation = rotation.dot(&turn);
    }
    let rotated = rows.with_values(rows.values.dot(&rotation) + 3.0);
    assert_all_close(&rotated.all_scores(), &wanted, 1e-8);

    let order: Vec<usize> = (0..80).map(|i| (i * 27) % 80).collect();
    let shuffled = Array2::from_shape_fn((80, WIDTH), |(i, j)| rows.values[[order[i], j]]);
    let labels: Vec<usize> = order.iter().map(|&i| label(i)).collect();
    assert_all_close(&Rows::new(shuffled, &labels, 3).all_scores(), &wanted, 1e-8);

    let renumbered = Rows {
        values: rows.values.clone(),
        classes: vec![rows.classes[2].clone(), rows.classes[0].clone(), rows.classes[1].clone()],
    };
    assert_all_close(&renumbered.all_scores(), &wanted, 1e-8);
    let probabilities = (rows.softmax(1.0), renumbered.softmax(1.0));
    for score in [
        |rows: &Rows| pactran::dirichlet(rows.table(), 1.0).unwrap(),
        |rows: &Rows| pactran::gamma(rows.table(), 1.0, 1.0).unwrap(),
    ] {
        assert_close(score(&probabilities.0), score(&probabilities.1), 1e-9);
    }
}

/// The same bits again, and from `f32`; the caller's rows are read only, so there is no order of
/// calls.
#[test]
fn the_scores_are_deterministic_and_read_either_float() {
    let single = example(0..80).values.mapv(|v| v as f32);
    let rows = example(0..80).with_values(single.mapv(f64::from));
    let wanted = rows.all_scores();
    assert_eq!(rows.all_scores(), wanted);
    let table = ClassedTable { table: Table::F32(single.view()), classes: &rows.classes };
    assert_eq!(sfda::sfda(table).unwrap(), wanted[0]);
    assert_eq!(etran::parts(table).unwrap().lda, wanted[1]);
    assert_eq!(ncti::parts(table).unwrap().seli, wanted[2]);
    assert_eq!(pactran::gaussian(table, pactran::GaussianPrior::default()).unwrap(), wanted[5]);
}

#[test]
fn pools_are_combined_by_their_ranges() {
    let part = |energy, lda| etran::Parts { energy, lda };
    let pool = [part(2.0, 0.5), part(4.0, 0.5), part(3.0, 0.9)];
    assert_all_close(&etran::combine(&pool), &[0.0, 0.15, 0.925], 1e-15);
    assert_eq!(etran::combine(&pool[..1]), [0.0]);
    assert_eq!(etran::combine(&[]), [0.0; 0]);
    let part = |seli, ncc, variability| ncti::Parts { seli, ncc, variability };
    let pool = [part(10.0, 0.2, -5.0), part(30.0, 0.2, -9.0), part(20.0, 0.2, -1.0)];
    assert_all_close(&ncti::combine(&pool), &[0.5, 1.0, 1.5], 1e-15);
    assert_eq!(ncti::combine(&pool[..1]), [0.0]);
}

#[test]
fn degenerate_input_is_refused_with_the_reason() {
    let rows = example(0..80);
    let one = Rows { values: rows.values.clone(), classes: vec![(0..80).collect()] };
    let constant = rows.with_values(Array2::from_elem((80, 3), 0.1));
    let collapsed = rows.with_values(Array2::from_shape_fn((80, 3), |(i, j)| {
        0.1 * label(i) as f64 + 0.3 * j as f64
    }));
    type Score = fn(ClassedTable<'_>) -> Result<f64, ScoreError>;
    let scores: [(&str, Score); 4] = [
        ("SFDA", sfda::sfda),
        ("ETran", |rows| etran::parts(rows).map(|parts| parts.lda)),
        ("NCTI", |rows| ncti::parts(rows).map(|parts| parts.ncc)),
        ("PACTran-Gaussian", |rows| pactran::gaussian(rows, pactran::GaussianPrior::default())),
    ];
    for (score, compute) in scores {
        assert_eq!(compute(one.table()), Err(ScoreError::FewClasses { score, found: 1 }));
        let error = compute(constant.table()).unwrap_err();
        assert!(
            error == ScoreError::ConstantFeatures { score }
                || error
                    == ScoreError::Discriminant { score, reason: DiscriminantError::ConstantRows },
            "{error}"
        );
        if score != "PACTran-Gaussian" {
            let reason = DiscriminantError::NoWithinScatter;
            assert_eq!(compute(collapsed.table()), Err(ScoreError::Discriminant { score, reason }));
        }
    }
    let negative = pactran::dirichlet(rows.table(), 1.0).unwrap_err();
    assert!(
        matches!(negative, ScoreError::Probabilities(ProbabilityError::NegativeProbability { .. })),
        "{negative}"
    );
    let logits = rows.with_values(rows.values.mapv(f64::abs));
    let error = pactran::gamma(logits.table(), 1.0, 1.0).unwrap_err();
    assert!(
        matches!(error, ScoreError::Probabilities(ProbabilityError::NotADistribution { .. })),
        "{error}"
    );
    let probabilities = rows.softmax(1.0);
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = pactran::dirichlet(probabilities.table(), alpha).unwrap_err();
        assert!(matches!(error, ScoreError::NotPositive { name: "alpha", .. }), "{error}");
    }
    let two = Rows { values: rows.values.clone(), classes: rows.classes[..2].to_vec() };
    let error =
        linear_probe::linear_probe(rows.table(), two.table(), Default::default(), SEQUENTIAL);
    assert_eq!(error, Err(ScoreError::EvaluationClasses { found: 2, expected: 3 }));
    let empty = Rows { values: rows.values.clone(), classes: vec![Vec::new(); 3] };
    let error =
        linear_probe::linear_probe(rows.table(), empty.table(), Default::default(), SEQUENTIAL)
            .unwrap_err();
    assert!(matches!(error, ScoreError::FewRows { found: 0, .. }), "{error}");
}

proptest! {
    #![proptest_config(cases(300))]

    /// Few rows, more features than rows, all scales: finite, and within the ranges that are
    /// promised.
    #[test]
    fn the_scores_stay_in_their_ranges(rows in any_rows()) {
        let sfda = sfda::sfda(rows.table()).unwrap();
        prop_assert!(sfda.is_finite() && sfda <= 1e-12);
        let etran = etran::parts(rows.table()).unwrap();
        prop_assert!(etran.energy.is_finite() && (0.0..=1.0 + 1e-12).contains(&etran.lda));
        let ncti = ncti::parts(rows.table()).unwrap();
        let total = rows.values.nrows() as f64;
        prop_assert!(ncti.seli.is_finite() && ncti.seli > 0.0);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&ncti.ncc));
        // A nuclear norm is at most the sum of the rows' norms.
        prop_assert!(ncti.variability < 0.0 && -ncti.variability <= total);
    }
}
