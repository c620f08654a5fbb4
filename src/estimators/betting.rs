//! A confidence bound on the mean of draws between 0 and 1, by betting (Waudby-Smith and Ramdas,
//! "Estimating means of bounded random variables by betting", arXiv 2010.09686).
//!
//! # Theorem
//!
//! Let `x_1 .. x_n` be independent draws of one distribution on `[0, 1]` with mean `mu`, in an
//! order that does not depend on their values. With probability at least `1 - error`,
//! [`upper_mean`] is at least `mu`.
//!
//! # Proof
//!
//! Somebody who holds that the mean is `m` or more offers fair bets on the draws. Against it one
//! stakes, before draw `i`, the share `b_i` of a capital that starts at 1; draw `i` multiplies the
//! capital by `1 + b_i (m - x_i)`. With `0 <= b_i < 1` this is above 0, and where `m = mu` and
//! `b_i` depends on earlier draws alone its mean is 1. Then the capital after `n` draws, `K(mu)`,
//! is not negative and has the mean 1, so by Markov's inequality it reaches `1 / error` with a
//! probability of at most `error`. Every factor grows with `m`, so `K` does; the values of `m` at
//! which it stays below `1 / error` are those below one number, which is the bound. Unless `K(mu)`
//! reaches `1 / error`, `mu` is among them. QED
//!
//! How much is staked decides how tight the bound is, not whether it holds: the stakes are those
//! that would be best if the variance of the draws before were that of all.

use crate::estimators::bisection::first_to_hold;

/// No stake is above this share, so that one draw never takes the whole capital.
const LARGEST_STAKE: f64 = 0.9;

/// Mean and variance that the stakes start from, as one draw before the first: those of losses that
/// are small beside the largest possible one.
const FIRST_MEAN: f64 = 0.1;
const FIRST_VARIANCE: f64 = 0.02;

/// The number that the mean is not above, but with a probability of at most `error`. `values` lie
/// in `[0, 1]`.
#[must_use]
pub fn upper_mean(values: &[f64], error: f64) -> f64 {
    let goal = -error.ln();
    let stakes = stakes(values, goal);
    let capital = |mean: f64| -> f64 {
        values.iter().zip(&stakes).map(|(x, stake)| (stake * (mean - x)).ln_1p()).sum()
    };
    // The upper one, so that rounding makes the bound no lower.
    let [_, high] = first_to_hold(|mean| capital(mean) >= goal);
    high
}

/// The share of the capital that is staked on each draw, from those before it.
fn stakes(values: &[f64], goal: f64) -> Vec<f64> {
    let n = values.len() as f64;
    let (mut count, mut sum, mut squares) = (1.0, FIRST_MEAN, FIRST_VARIANCE);
    let stake_before = |x: &f64| {
        let variance: f64 = squares / count;
        let stake = (2.0 * goal / (n * variance)).sqrt().min(LARGEST_STAKE);
        count += 1.0;
        sum += x;
        squares += (x - sum / count).powi(2);
        stake
    };
    values.iter().map(stake_before).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_draws_bound_nothing() {
        assert_eq!(upper_mean(&[], 0.05), 1.0);
        assert_eq!(upper_mean(&[0.3], 0.05), 1.0);
    }

    #[test]
    fn a_mean_is_below_its_bound_which_falls_with_draws_and_error() {
        let draws = |n: usize| (0..n).map(|i| (i % 7) as f64 / 12.0).collect::<Vec<_>>();
        let found = [(70, 0.05), (700, 0.05), (7000, 0.05)].map(|(n, e)| upper_mean(&draws(n), e));
        assert!(found[0] > found[1] && found[1] > found[2] && found[2] > 0.25);
        assert!(found[2] < 0.26);
        assert!(upper_mean(&draws(700), 0.01) > found[1]);
    }

    #[test]
    fn equal_draws_leave_little_doubt() {
        assert!(upper_mean(&[0.0; 1000], 0.05) < 0.01);
        assert_eq!(upper_mean(&[1.0; 1000], 0.05), 1.0);
    }
}
