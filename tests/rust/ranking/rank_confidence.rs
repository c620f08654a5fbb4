//! How sure a ranking is: what must hold of every resampling, and a value that can be computed.

use polars_transferability::ranking::{
    rank_confidence, Evaluated, RankConfidence, RankingError, Resampling,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::generators::cases;

const SETTINGS: Resampling = Resampling { resamples: 100, k: 2, confidence: 0.9, seed: 5 };

/// Some models on the same rows.
fn same_rows() -> impl Strategy<Value = Vec<Evaluated>> {
    (1..5usize, 1..30usize).prop_flat_map(|(models, rows)| {
        let hits = prop::collection::vec(any::<bool>(), rows);
        let model = hits.prop_map(|hits| Evaluated { hits, rows: 0 });
        prop::collection::vec(model, models)
    })
}

fn of(models: &[Evaluated]) -> Vec<RankConfidence> {
    rank_confidence(models, &SETTINGS).unwrap()
}

fn hits(right: usize, rows: usize) -> Vec<bool> {
    (0..rows).map(|row| row < right).collect()
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn the_probabilities_add_up(models in same_rows()) {
        let found = of(&models);
        let best: f64 = found.iter().map(|model| model.p_best).sum();
        let top: f64 = found.iter().map(|model| model.p_top_k).sum();
        prop_assert!((best - 1.0).abs() <= 1e-12);
        prop_assert!((top - SETTINGS.k.min(models.len()) as f64).abs() <= 1e-12);
        for model in &found {
            prop_assert!((0.0..=1.0 + 1e-12).contains(&model.p_best));
            prop_assert!(model.p_best <= model.p_top_k + 1e-12);
            prop_assert!(1 <= model.rank_low && model.rank_low <= model.rank_high);
            prop_assert!(model.rank_high as usize <= models.len());
        }
    }

    /// On the same rows such a model is never behind, whichever of them are drawn.
    #[test]
    fn who_is_right_wherever_another_is_never_ranks_below(models in same_rows()) {
        let mut models = models;
        let (first, last) = (models[0].clone(), models.len() - 1);
        prop_assume!(last > 0);
        models[last].hits.iter_mut().zip(first.hits).for_each(|(hit, other)| *hit |= other);
        let found = of(&models);
        prop_assert!(found[last].p_best >= found[0].p_best);
        prop_assert!(found[last].p_top_k >= found[0].p_top_k);
        prop_assert!(found[last].rank_low <= found[0].rank_low);
        prop_assert!(found[last].rank_high <= found[0].rank_high);
    }

    #[test]
    fn the_order_of_rows_changes_no_bit(models in same_rows(), turn in 0..30usize) {
        let turned = models.iter().map(|model| {
            let mut hits = model.hits.clone();
            let places = turn % hits.len();
            hits.rotate_left(places);
            Evaluated { hits, rows: model.rows }
        });
        prop_assert_eq!(of(&models), of(&turned.collect::<Vec<_>>()));
    }

    #[test]
    fn what_the_rows_are_called_changes_no_bit(models in same_rows()) {
        let renamed = models.iter().map(|model| Evaluated { rows: 7, ..model.clone() });
        prop_assert_eq!(of(&models), of(&renamed.collect::<Vec<_>>()));
    }
}

#[test]
fn models_that_agree_on_every_row_share_all_ranks() {
    let model = Evaluated { hits: hits(3, 10), rows: 0 };
    for found in of(&[model.clone(), model.clone(), model]) {
        assert!((found.p_best - 1.0 / 3.0).abs() <= 1e-12);
        assert!((found.p_top_k - 2.0 / 3.0).abs() <= 1e-12);
        assert_eq!((found.rank_low, found.rank_high), (1, 3));
    }
}

#[test]
fn one_model_is_the_best() {
    let found = of(&[Evaluated { hits: hits(0, 1), rows: 0 }]);
    let sure = RankConfidence { p_best: 1.0, p_top_k: 1.0, rank_low: 1, rank_high: 1 };
    assert_eq!(found, [sure]);
}

/// Two models that differ on one row of two are told apart where that row is drawn: in 3 of 4
/// resamples; the others are shared.
#[test]
fn the_share_of_resamples_is_right() {
    let models = [
        Evaluated { hits: vec![true, true], rows: 0 },
        Evaluated { hits: vec![true, false], rows: 0 },
    ];
    let settings = Resampling { resamples: 40_000, ..SETTINGS };
    let found = rank_confidence(&models, &settings).unwrap();
    // Four standard errors of a mean of values 1/2 and 1.
    assert!((found[0].p_best - 0.875).abs() <= 4.0 * 0.2165 / 200.0);
}

/// With the same rows, what is hard for both drops out; on rows of their own it does not.
#[test]
fn shared_rows_tell_models_apart_that_rows_of_their_own_do_not() {
    let pair = |rows| {
        let better = Evaluated { hits: hits(52, 100), rows: 0 };
        let worse = Evaluated { hits: hits(48, 100), rows };
        of(&[better, worse])[0].p_best
    };
    assert!(pair(0) > 0.95);
    assert!(pair(1) < 0.9);
}

/// Four models of known accuracy, the second and third all but equal, on rows that are hard for all
/// of them or for none: in how many repetitions the interval has the rank that they have in truth.
#[test]
fn the_interval_has_the_true_rank_as_often_as_it_says() {
    let (repetitions, rows) = (400, 150);
    let mut covered = [0; 4];
    for repetition in 0..repetitions {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(repetition);
        let mut models: Vec<_> = (0..4).map(|_| Evaluated { hits: Vec::new(), rows: 0 }).collect();
        for _ in 0..rows {
            let hardness: f64 = rng.random();
            for (model, skill) in models.iter_mut().zip([0.75, 0.66, 0.65, 0.55]) {
                let own: f64 = rng.random();
                model.hits.push(0.5 * (hardness + own) < skill);
            }
        }
        for ((found, covered), rank) in of(&models).iter().zip(&mut covered).zip(1..) {
            *covered += u64::from((found.rank_low..=found.rank_high).contains(&rank));
        }
    }
    for covered in covered {
        assert!(covered as f64 >= SETTINGS.confidence * repetitions as f64, "{covered}");
    }
}

#[test]
fn what_means_nothing_is_refused() {
    let model = |rows, n| Evaluated { hits: hits(1, n), rows };
    let with = |settings| rank_confidence(&[model(0, 2)], &settings);
    let none = Resampling { resamples: 0, ..SETTINGS };
    assert_eq!(with(none), Err(RankingError::NoResamples));
    let sure = Resampling { confidence: 1.0, ..SETTINGS };
    assert_eq!(with(sure), Err(RankingError::Confidence(1.0)));
    assert_eq!(rank_confidence(&[model(0, 0)], &SETTINGS), Err(RankingError::NoRows));
    let differ = [model(0, 2), model(0, 3)];
    let error = RankingError::Rows { found: 3, expected: 2 };
    assert_eq!(rank_confidence(&differ, &SETTINGS), Err(error));
    assert_eq!(rank_confidence(&[], &SETTINGS), Ok(vec![]));
}
