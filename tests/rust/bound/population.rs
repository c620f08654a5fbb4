//! Claims about a population hold as often as they say, whatever the losses look like.

use polars_transferability::bound::population::{population, Claim, Population};
use polars_transferability::bound::{transfer_bound, BoundError, LabelMap, Settings};
use polars_transferability::estimators::betting::upper_mean;
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::{AffineRows, ClassRows};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::generators::bound_tasks::Task;

const RESAMPLES: usize = 2_000;
const ERROR: f64 = 0.05;
/// Three standard deviations above the share of resamples that may fail.
const MOST_FAILURES: f64 = 0.05 + 3.0 * 0.0049;

/// Makes a draw of some distribution from a uniform one.
type Draw = fn(f64) -> f64;

#[test]
fn a_mean_is_above_its_bound_no_more_often_than_claimed() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let draws: [(Draw, f64); 3] =
        [(|u| u, 0.5), (|u| u.powi(9), 0.1), (|u| f64::from(u8::from(u < 0.02)), 0.02)];
    for (draw, mean) in draws {
        for n in [20, 100, 500] {
            let failed = (0..RESAMPLES).filter(|_| {
                let values: Vec<f64> = (0..n).map(|_| draw(rng.random())).collect();
                upper_mean(&values, ERROR) < mean
            });
            let share = failed.count() as f64 / RESAMPLES as f64;
            assert!(share <= MOST_FAILURES, "{share} of {n} draws with mean {mean}");
        }
    }
}

/// Logits of two classes, of which one row in ten is far on the wrong side.
fn drawn(rng: &mut Xoshiro256PlusPlus, n: usize) -> AffineRows<'static> {
    let mut rows: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..n {
        let class = usize::from(rng.random_bool(0.3));
        let margin: f64 = if rng.random_bool(0.1) { -6.0 } else { 3.0 * rng.random::<f64>() };
        rows[class].push(margin);
    }
    let counts = [rows[0].len(), rows[1].len()];
    let [zeros, ones] = rows;
    let logits: Vec<f64> = zeros.into_iter().chain(ones.into_iter().map(|m| -m)).collect();
    ClassRows::new(Matrix::from_fn(n, 2, |i, c| if c == 0 { logits[i] } else { 0.0 }), counts)
        .into()
}

#[test]
fn loss_and_accuracy_of_a_population_are_covered() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let map = LabelMap::one_hot(&[0, 1], 2);
    let claimed = |rows: &AffineRows<'_>, seed: u64| {
        population(rows, &map, &[0.7, 0.3], Claim { error: ERROR, seed })
    };
    // What many rows have is what the population has, for heads that are mixed as little.
    let loss: f64 = 0.1 * (1.0 + 6.0f64.exp()).ln()
        + 0.9 * (0..30_000).map(|i| (-(i as f64 + 0.5) / 1e4).exp().ln_1p()).sum::<f64>() / 3e4;
    let (n, mut above, mut below) = (200, 0, 0);
    for seed in 0..RESAMPLES as u64 {
        let Population { loss_high, accuracy_low } = claimed(&drawn(&mut rng, n), seed);
        // Mixing lowers no loss of the population by more than its share.
        above += usize::from(loss_high < loss - 1.0 / n as f64);
        below += usize::from(accuracy_low > 0.9);
    }
    assert!(above as f64 / RESAMPLES as f64 <= MOST_FAILURES, "{above}");
    assert!(below as f64 / RESAMPLES as f64 <= MOST_FAILURES, "{below}");
}

#[test]
fn a_claim_needs_rows_that_nothing_was_fitted_to() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let source = Task::random(&mut rng, 3, 2, true);
    let target = Task::random(&mut rng, 2, 2, false);
    let settings = Settings { population_error: Some(ERROR), ..Settings::default() };
    let found = transfer_bound(&source.labelled(), &target.labelled(), &settings);
    assert_eq!(found, Err(BoundError::Unsplit));
}
