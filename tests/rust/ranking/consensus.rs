//! The mean place among several scores: its definition by counting, and what must not change it.

use polars_transferability::ranking::{consensus, RankedNumbers, RankingError};
use proptest::prelude::*;

use crate::generators::cases;

/// Some scores of the same rows, with ties.
fn scores() -> impl Strategy<Value = Vec<Vec<f64>>> {
    let value = || prop_oneof![(-2..3i32).prop_map(f64::from), -2.0..2.0f64, Just(-0.0)];
    (1..4usize, 1..20usize)
        .prop_flat_map(move |(m, n)| prop::collection::vec(prop::collection::vec(value(), n), m))
}

fn of(scores: &[Vec<f64>]) -> Vec<f64> {
    let sides: Vec<_> = scores.iter().map(|score| RankedNumbers::of_floats(score)).collect();
    consensus(&sides).unwrap()
}

/// The share of the other rows that a row is above, equal ones counting half.
fn by_counting(scores: &[Vec<f64>], row: usize) -> f64 {
    let above = |score: &Vec<f64>| -> f64 {
        let others = score.iter().enumerate().filter(|(other, _)| *other != row);
        let points = others.map(|(_, value)| match score[row] - value {
            0.0 => 0.5,
            ahead if ahead > 0.0 => 1.0,
            _ => 0.0,
        });
        points.sum()
    };
    let total: f64 = scores.iter().map(above).sum();
    total / (scores.len() * (scores[0].len() - 1)) as f64
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn it_is_the_share_of_rows_that_a_row_is_above(scores in scores()) {
        prop_assume!(scores[0].len() > 1);
        for (row, found) in of(&scores).into_iter().enumerate() {
            prop_assert!((found - by_counting(&scores, row)).abs() <= 1e-15);
        }
    }

    #[test]
    fn it_lies_between_0_and_1_and_has_the_mean_one_half(scores in scores()) {
        let found = of(&scores);
        prop_assert!(found.iter().all(|value| (0.0..=1.0).contains(value)));
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        prop_assert!((mean - 0.5).abs() <= 1e-14);
    }

    #[test]
    fn the_order_of_scores_changes_no_bit(scores in scores()) {
        let reversed: Vec<_> = scores.iter().rev().cloned().collect();
        prop_assert_eq!(of(&scores), of(&reversed));
    }

    #[test]
    fn the_order_of_rows_changes_no_bit(scores in scores()) {
        let reversed: Vec<Vec<f64>> =
            scores.iter().map(|score| score.iter().rev().copied().collect()).collect();
        let found: Vec<f64> = of(&reversed).into_iter().rev().collect();
        prop_assert_eq!(of(&scores), found);
    }

    #[test]
    fn what_keeps_the_order_of_a_score_changes_no_bit(scores in scores()) {
        let mut grown = scores.clone();
        grown[0].iter_mut().for_each(|value| *value = value.powi(3) * 1e200);
        prop_assert_eq!(of(&scores), of(&grown));
    }

    #[test]
    fn the_negative_of_all_scores_is_the_opposite(scores in scores()) {
        let negative: Vec<Vec<f64>> =
            scores.iter().map(|score| score.iter().map(|value| -value).collect()).collect();
        for (found, opposite) in of(&scores).into_iter().zip(of(&negative)) {
            prop_assert!((found + opposite - 1.0).abs() <= 1e-15);
        }
    }
}

#[test]
fn a_constant_score_and_a_single_row_are_in_the_middle() {
    assert_eq!(of(&[vec![3.0, 3.0, 3.0]]), [0.5; 3]);
    assert_eq!(of(&[vec![7.0], vec![-1.0]]), [0.5]);
    assert_eq!(of(&[vec![0.0, 1.0, 2.0], vec![5.0, 5.0, 5.0]]), [0.25, 0.5, 0.75]);
}

#[test]
fn no_rows_have_none() {
    assert!(of(&[vec![]]).is_empty());
}

#[test]
fn scores_of_no_or_other_rows_are_refused() {
    let of_length = |n: usize| RankedNumbers::of_floats(&vec![0.0; n]);
    assert_eq!(consensus(&[]), Err(RankingError::NoScores));
    assert_eq!(
        consensus(&[of_length(2), of_length(3)]),
        Err(RankingError::Rows { found: 3, expected: 2 })
    );
}
