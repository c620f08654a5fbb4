//! Rank statistics: against their definitions by brute force, and what must not change them.

use polars_transferability::ranking::bootstrap::{intervals, Settings};
use polars_transferability::ranking::{
    kendall_tau, pearson, regret_at_k, selection_quality, spearman, top_k_recall, weighted_tau,
    Pairs, Rank, RankedNumbers, RankingError, STATISTICS,
};
use proptest::prelude::*;

use crate::generators::cases;

const TOLERANCE: f64 = 1e-12;

/// Scores and truths: some continuous, some with many ties, some constant.
fn sides(most: usize) -> impl Strategy<Value = Vec<(f64, f64)>> {
    let value = || prop_oneof![(-2..3i32).prop_map(f64::from), -2.0..2.0f64, Just(-0.0)];
    prop::collection::vec((value(), value()), 0..most)
}

fn pairs(rows: &[(f64, f64)]) -> Pairs {
    let (score, truth): (Vec<f64>, Vec<f64>) = rows.iter().copied().unzip();
    Pairs::of_sides(&RankedNumbers::of_floats(&score), &RankedNumbers::of_floats(&truth)).unwrap()
}

/// Every statistic there is, by name.
fn all(pairs: &Pairs, k: usize) -> Vec<(&'static str, Option<f64>)> {
    let mut found: Vec<_> = STATISTICS.into_iter().zip(selection_quality(pairs, k)).collect();
    found.push(("weighted_tau by score", weighted_tau(pairs, Rank::Score)));
    found
}

fn close(found: Option<f64>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= TOLERANCE,
        (None, None) => true,
        _ => false,
    }
}

/// The tau of the definition, pair of pairs by pair of pairs.
fn tau_by_definition(rows: &[(f64, f64)], weight: &[f64]) -> Option<f64> {
    let sign = |a: f64, b: f64| f64::from(i8::from(a > b) - i8::from(a < b));
    let (mut agreement, mut by_score, mut by_truth) = (0.0, 0.0, 0.0);
    for (i, a) in rows.iter().enumerate() {
        for (j, b) in rows.iter().enumerate().take(i) {
            let (score, truth) = (sign(a.0, b.0), sign(a.1, b.1));
            let exchange = weight[i] + weight[j];
            agreement += exchange * score * truth;
            by_score += exchange * score * score;
            by_truth += exchange * truth * truth;
        }
    }
    (by_score > 0.0 && by_truth > 0.0).then(|| agreement / (by_score * by_truth).sqrt())
}

/// `1 / place` in descending order of `key`.
fn hyperbolic(rows: &[(f64, f64)], key: impl Fn(&(f64, f64)) -> (f64, f64)) -> Vec<f64> {
    let above = |a: &(f64, f64)| rows.iter().filter(|b| key(b) > key(a)).count();
    let mut places: Vec<usize> = rows.iter().map(above).collect();
    // Equal in both: any order.
    for i in 0..places.len() {
        places[i] += rows[..i].iter().filter(|b| key(b) == key(&rows[i])).count();
    }
    places.into_iter().map(|place| 1.0 / (place + 1) as f64).collect()
}

/// All subsets of `k` of `n` as bit masks.
fn subsets(n: usize, k: usize) -> impl Iterator<Item = u32> {
    (0..1u32 << n).filter(move |set| set.count_ones() as usize == k)
}

/// The mean over every choice of k that the scores allow.
fn expected_over_choices(
    rows: &[(f64, f64)],
    k: usize,
    outcome: impl Fn(&[usize]) -> f64,
) -> Option<f64> {
    let k = k.min(rows.len());
    if k == 0 {
        return None;
    }
    let outcomes: Vec<f64> = subsets(rows.len(), k)
        .map(|set| (0..rows.len()).partition::<Vec<usize>, _>(|i| set >> i & 1 == 1))
        .filter(|(chosen, left)| {
            chosen.iter().all(|c| left.iter().all(|l| rows[*c].0 >= rows[*l].0))
        })
        .map(|(chosen, _)| outcome(&chosen))
        .collect();
    Some(outcomes.iter().sum::<f64>() / outcomes.len() as f64)
}

fn recall_by_definition(rows: &[(f64, f64)], k: usize) -> Option<f64> {
    let k = k.min(rows.len());
    let mut truths: Vec<f64> = rows.iter().map(|row| row.1).collect();
    truths.sort_by(|a, b| b.total_cmp(a));
    expected_over_choices(rows, k, |chosen| {
        // The multiset of the best k truths: an equal one may stand for another.
        let mut best = truths[..k].to_vec();
        let hits = chosen.iter().filter(|c| {
            let at = best.iter().position(|truth| *truth == rows[**c].1);
            at.map(|at| best.swap_remove(at)).is_some()
        });
        hits.count() as f64 / k as f64
    })
}

fn regret_by_definition(rows: &[(f64, f64)], k: usize) -> Option<f64> {
    let best = rows.iter().map(|row| row.1).fold(f64::NEG_INFINITY, f64::max);
    expected_over_choices(rows, k, |chosen| {
        best - chosen.iter().map(|c| rows[*c].1).fold(f64::NEG_INFINITY, f64::max)
    })
}

fn statistics(pairs: &Pairs) -> [Option<f64>; 6] {
    selection_quality(pairs, 2)
}

fn bootstrap(seed: u64) -> Settings {
    Settings { resamples: 50, confidence: 0.9, seed }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn taus_are_their_definitions(rows in sides(40)) {
        let found = pairs(&rows);
        let by_score = tau_by_definition(&rows, &hyperbolic(&rows, |r| *r));
        let by_truth = tau_by_definition(&rows, &hyperbolic(&rows, |r| (r.1, r.0)));
        let both = by_score.zip(by_truth).map(|(a, b)| (a + b) / 2.0);
        prop_assert!(close(kendall_tau(&found), tau_by_definition(&rows, &vec![1.0; rows.len()])));
        prop_assert!(close(weighted_tau(&found, Rank::Score), by_score));
        prop_assert!(close(weighted_tau(&found, Rank::Both), both));
    }

    #[test]
    fn selection_is_the_mean_over_all_ways_to_break_ties(rows in sides(10), k in 0usize..12) {
        let found = pairs(&rows);
        prop_assert!(close(top_k_recall(&found, k), recall_by_definition(&rows, k)));
        prop_assert!(close(regret_at_k(&found, k), regret_by_definition(&rows, k)));
    }

    #[test]
    fn no_nan_and_no_value_out_of_range(
        rows in sides(30), k in 0usize..12,
        scale in prop_oneof![Just(1e-320), Just(1e-200), Just(1.0), Just(1e200), Just(8e307)],
    ) {
        let rows: Vec<_> = rows.iter().map(|(s, t)| (s * scale, t)).map(|(s, t)| (s, *t)).collect();
        for (name, value) in all(&pairs(&rows), k) {
            let range = match name {
                "regret_at_k" => 0.0..=4.0,
                "top_k_recall" => 0.0..=1.0,
                _ => -1.0..=1.0,
            };
            prop_assert!(value.is_none_or(|value| range.contains(&value)), "{name} {value:?}");
        }
    }

    #[test]
    fn the_order_of_rows_changes_no_bit(rows in sides(30), k in 1usize..5, turn in 0usize..30) {
        let mut turned = rows.clone();
        turned.rotate_left(turn % rows.len().max(1));
        turned.reverse();
        prop_assert_eq!(all(&pairs(&turned), k), all(&pairs(&rows), k));
        prop_assert_eq!(
            intervals(&pairs(&turned), statistics, &bootstrap(1)).unwrap(),
            intervals(&pairs(&rows), statistics, &bootstrap(1)).unwrap()
        );
    }

    #[test]
    fn only_ranks_matter_but_for_pearson_and_regret(rows in sides(30), k in 1usize..5) {
        let bent: Vec<_> = rows.iter().map(|(s, t)| (s.exp(), t.powi(3) + t)).collect();
        let same = |f: &dyn Fn(&Pairs) -> Option<f64>| f(&pairs(&bent)) == f(&pairs(&rows));
        prop_assert!(same(&spearman));
        prop_assert!(same(&kendall_tau));
        prop_assert!(same(&|p| weighted_tau(p, Rank::Both)));
        prop_assert!(same(&|p| weighted_tau(p, Rank::Score)));
        prop_assert!(same(&|p| top_k_recall(p, k)));
        let bent_score: Vec<_> = rows.iter().map(|(s, t)| (s.exp(), *t)).collect();
        prop_assert_eq!(regret_at_k(&pairs(&bent_score), k), regret_at_k(&pairs(&rows), k));
    }

    #[test]
    fn correlations_change_their_sign_with_the_score(rows in sides(30)) {
        let negative: Vec<_> = rows.iter().map(|(s, t)| (-s, *t)).collect();
        for f in [pearson, spearman, kendall_tau] {
            prop_assert!(close(f(&pairs(&negative)), f(&pairs(&rows)).map(|v| -v)));
        }
    }

    #[test]
    fn both_sides_are_alike_to_correlations(rows in sides(30)) {
        let swapped: Vec<_> = rows.iter().map(|(s, t)| (*t, *s)).collect();
        for f in [pearson, spearman, kendall_tau, |p: &Pairs| weighted_tau(p, Rank::Both)] {
            prop_assert!(close(f(&pairs(&swapped)), f(&pairs(&rows))));
        }
    }

    #[test]
    fn pearson_takes_scale_and_offset(rows in sides(30), scale in 0.1..10.0f64,
        offset in -9.0..9.0f64) {
        let moved: Vec<_> = rows.iter().map(|(s, t)| (scale * s + offset, *t)).collect();
        prop_assert!(close(pearson(&pairs(&moved)), pearson(&pairs(&rows))));
    }

    #[test]
    fn the_truth_ranks_best(rows in sides(30), k in 1usize..5) {
        let perfect: Vec<_> = rows.iter().map(|(_, t)| (*t, *t)).collect();
        let found = pairs(&perfect);
        for (name, value) in all(&found, k) {
            let best = if name == "regret_at_k" { 0.0 } else { 1.0 };
            prop_assert!(value.is_none_or(|v| (v - best).abs() <= TOLERANCE), "{name} {value:?}");
        }
    }

    #[test]
    fn a_constant_score_is_worth_a_random_choice(truth in prop::collection::vec(-2.0..2.0f64,
        1..20)) {
        let rows: Vec<_> = truth.iter().map(|t| (1.0, *t)).collect();
        let found = pairs(&rows);
        let n = rows.len();
        for k in 1..=n {
            let chance = Some(k as f64 / n as f64);
            prop_assert!(close(top_k_recall(&found, k), chance));
        }
        let best = truth.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = truth.iter().sum::<f64>() / n as f64;
        prop_assert!(close(regret_at_k(&found, 1), Some(best - mean)));
        for f in [pearson, spearman, kendall_tau, |p: &Pairs| weighted_tau(p, Rank::Both)] {
            prop_assert_eq!(f(&found), None);
        }
    }

    #[test]
    fn choosing_more_forgoes_less(rows in sides(30)) {
        let found = pairs(&rows);
        for k in 1..rows.len() {
            let (fewer, more) = (regret_at_k(&found, k), regret_at_k(&found, k + 1));
            prop_assert!(more.unwrap() <= fewer.unwrap() + TOLERANCE);
        }
        if !rows.is_empty() {
            prop_assert_eq!(regret_at_k(&found, rows.len()), Some(0.0));
            prop_assert_eq!(top_k_recall(&found, rows.len() + 1), Some(1.0));
        }
    }

    #[test]
    fn intervals_are_ordered_and_within_the_range(rows in sides(20), seed in 0u64..100) {
        let wide = Settings { confidence: 0.99, ..bootstrap(seed) };
        let found = intervals(&pairs(&rows), statistics, &bootstrap(seed)).unwrap();
        let wider = intervals(&pairs(&rows), statistics, &wide).unwrap();
        for (narrow, wide) in found.iter().zip(&wider) {
            prop_assert_eq!(narrow.is_some(), wide.is_some());
            if let (Some(narrow), Some(wide)) = (narrow, wide) {
                prop_assert!(narrow.low <= narrow.high);
                prop_assert!(wide.low <= narrow.low && narrow.high <= wide.high);
            }
        }
    }
}

fn integers(score: &[i128], truth: &[i128]) -> Pairs {
    let side = |values: &[i128]| RankedNumbers::of_integers(values.to_vec(), 1.0);
    Pairs::of_sides(&side(score), &side(truth)).unwrap()
}

proptest! {
    #![proptest_config(cases(256))]

    /// Moved to where floats are far apart, integers have the statistics that they have near zero.
    #[test]
    fn integers_keep_their_order_and_differences_at_any_size(
        rows in prop::collection::vec((-3..4i128, -3..4i128), 0..20), k in 1usize..5,
        base in prop_oneof![
            Just(1_i128 << 53), Just(-(1_i128 << 53)), Just(i128::from(i64::MAX)),
            Just(i128::from(u64::MAX)), Just(i128::MAX - 9), Just(i128::MIN + 9),
        ],
    ) {
        let small: Vec<_> = rows.iter().map(|(s, t)| (*s as f64, *t as f64)).collect();
        let moved = rows.iter().map(|(s, t)| (base + s, base - t));
        let (score, truth): (Vec<_>, Vec<_>) = moved.unzip();
        let reversed: Vec<_> = small.iter().map(|(s, t)| (*s, -t)).collect();
        let found = integers(&score, &truth);
        let wanted = all(&pairs(&reversed), k);
        for ((name, found), (_, wanted)) in all(&found, k).into_iter().zip(wanted) {
            prop_assert!(close(found, wanted), "{name}: {found:?} {wanted:?}");
        }
        let of = |pairs| intervals(&pairs, statistics, &bootstrap(3)).unwrap();
        let (found, wanted) = (of(found), of(pairs(&reversed)));
        for (found, wanted) in found.iter().zip(&wanted) {
            prop_assert!(close(found.map(|i| i.low), wanted.map(|i| i.low)));
            prop_assert!(close(found.map(|i| i.high), wanted.map(|i| i.high)));
        }
    }
}

#[test]
fn the_ends_of_the_range_of_integers_are_apart() {
    let values = [i128::MIN, i128::MIN + 1, 0, i128::MAX - 1, i128::MAX];
    let found = integers(&values, &values);
    for f in [spearman, kendall_tau, |p: &Pairs| weighted_tau(p, Rank::Both)] {
        assert_eq!(f(&found), Some(1.0));
    }
    let range = 2f64.powi(128);
    let worst = integers(&values.map(|v| !v), &values);
    assert_eq!(regret_at_k(&worst, 1), Some(range));
    assert_eq!(pearson(&worst), Some(-1.0));
}

#[test]
fn decimals_have_regrets_in_their_unit() {
    let truth = RankedNumbers::of_integers(vec![10_i128.pow(20) + 1, 10_i128.pow(20) + 31], 100.0);
    let pairs = Pairs::of_sides(&RankedNumbers::of_floats(&[1.0, 0.0]), &truth).unwrap();
    assert_eq!(regret_at_k(&pairs, 1), Some(0.3));
}

#[test]
fn large_groups_of_ties_do_not_overflow() {
    // 3000 models of one score, of which 1000 are equally good and 500 better.
    let truth = |i: usize| if i < 500 { 2.0 } else { f64::from(i < 1500) };
    let rows: Vec<_> = (0..3000).map(|i| (0.0, truth(i))).collect();
    // Half of the better ones are drawn; the places left take all that is drawn of the equal ones.
    let recall = top_k_recall(&pairs(&rows), 1500).unwrap();
    assert!((recall - 0.5).abs() < TOLERANCE, "{recall}");
    assert!(regret_at_k(&pairs(&rows), 1500).unwrap() < TOLERANCE);
}

#[test]
fn fewer_than_two_pairs() {
    for (name, value) in all(&pairs(&[]), 3) {
        assert_eq!(value, None, "{name}");
    }
    let expected = [None, None, None, None, Some(1.0), Some(0.0), None];
    let found = all(&pairs(&[(0.3, 0.5)]), 3);
    assert_eq!(found.into_iter().map(|(_, value)| value).collect::<Vec<_>>(), expected);
    assert_eq!(
        intervals(&pairs(&[]), statistics, &bootstrap(0)).unwrap(),
        [None, None, None, None, None, None]
    );
}

#[test]
fn no_model_is_chosen_for_k_zero() {
    assert_eq!(top_k_recall(&pairs(&[(1.0, 1.0)]), 0), None);
    assert_eq!(regret_at_k(&pairs(&[(1.0, 1.0)]), 0), None);
}

#[test]
fn seeds_draw_differently() {
    let rows: Vec<_> = (0..20).map(|i| (f64::from(i % 7), f64::from(i % 5))).collect();
    let of_seed = |seed| intervals(&pairs(&rows), statistics, &bootstrap(seed)).unwrap();
    assert_eq!(of_seed(1), of_seed(1));
    assert_ne!(of_seed(1), of_seed(2));
}

#[test]
fn bad_input_is_an_error() {
    let (one, none) = (RankedNumbers::of_floats(&[1.0]), RankedNumbers::of_floats(&[]));
    assert_eq!(Pairs::of_sides(&one, &none), Err(RankingError::Length { scores: 1, truths: 0 }));
    for confidence in [0.0, 1.0, -1.0, f64::NAN] {
        let wrong = Settings { confidence, ..bootstrap(0) };
        assert!(matches!(
            intervals(&pairs(&[(1.0, 1.0)]), statistics, &wrong),
            Err(RankingError::Confidence(_))
        ));
    }
}
