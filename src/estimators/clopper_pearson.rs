//! The exact confidence bound on a share of successes (Clopper and Pearson, Biometrika 1934).

use special::Beta;

use crate::estimators::bisection::first_to_hold;

/// The number that the probability of success is not below, but with a probability of at most
/// `error`: the least one at which so many successes or more of `trials` independent trials have a
/// probability above `error`. That probability is the regularised incomplete beta function with
/// parameters `successes` and `trials - successes + 1`, which grows with the probability of
/// success.
#[must_use]
pub fn lower_share(successes: usize, trials: usize, error: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    let (p, q) = (successes as f64, (trials - successes) as f64 + 1.0);
    let ln_beta = p.ln_beta(q);
    // The lower one, so that rounding makes the bound no higher.
    let [low, _] = first_to_hold(|share| share.inc_beta(p, q, ln_beta) >= error);
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability of `successes` or more.
    fn tail(successes: usize, trials: usize, share: f64) -> f64 {
        let mut term = (1.0 - share).powi(trials as i32);
        let mut below = 0.0;
        for k in 0..successes {
            below += term;
            term *= (trials - k) as f64 / (k + 1) as f64 * share / (1.0 - share);
        }
        1.0 - below
    }

    #[test]
    fn the_tail_at_the_bound_is_the_error() {
        for (successes, trials) in [(1, 10), (9, 10), (70, 100), (95, 100)] {
            let share = lower_share(successes, trials, 0.05);
            assert!((tail(successes, trials, share) - 0.05).abs() < 1e-9);
        }
    }

    #[test]
    fn all_or_none() {
        assert_eq!(lower_share(0, 5, 0.05), 0.0);
        assert!((lower_share(5, 5, 0.05) - 0.05f64.powf(0.2)).abs() < 1e-12);
    }
}
