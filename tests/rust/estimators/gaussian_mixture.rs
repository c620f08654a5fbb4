//! Mixtures of Gaussians against scikit-learn, and the invariants of their fit.

use crate::generators::cases;
use crate::generators::random_tables::*;
use ndarray::{Array2, Axis};
use polars_transferability::estimators::gaussian_mixture;
use polars_transferability::estimators::gaussian_mixture::Covariance;
use polars_transferability::linalg::Matrix;
use proptest::prelude::*;

/// The mean log-likelihoods of the rows of [`waves`], by `GaussianMixture` of scikit-learn 1.9.
const MIXTURE_FULL: f64 = -5.044_674_625_233_548;

const MIXTURE_DIAGONAL: f64 = -5.091_350_731_781_925;

fn centred(rows: &Array2<f64>) -> Matrix {
    let mean = rows.mean_axis(Axis(0)).unwrap();
    Matrix::from_fn(rows.nrows(), rows.ncols(), |i, j| rows[[i, j]] - mean[j])
}

fn settings(components: usize, covariance: Covariance) -> gaussian_mixture::Settings {
    gaussian_mixture::Settings { covariance, ..gaussian_mixture::Settings::new(components, 3) }
}

#[test]
fn are_what_scikit_learn_says() {
    let rows = centred(&waves(90, 3, 6.0).rows);
    for (covariance, expected) in
        [(Covariance::Full, MIXTURE_FULL), (Covariance::Diagonal, MIXTURE_DIAGONAL)]
    {
        let settings = gaussian_mixture::Settings { tolerance: 1e-10, ..settings(3, covariance) };
        let fit = gaussian_mixture::fit(&rows, &settings).unwrap();
        assert!(fit.converged);
        assert!(near(fit.log_likelihood, expected, 1e-9), "{}", fit.log_likelihood);
    }
}

/// One component is a Gaussian with the rows' moments: `-(d log 2 pi + d + log det) / 2`, up to
/// the ridge.
#[test]
fn of_one_component_are_a_gaussian() {
    let rows = centred(&noise(&mut generator(4), 200, 1));
    let variance = rows.values().iter().map(|v| v * v).sum::<f64>() / 200.0 + 1e-6;
    let square = (variance - 1e-6) / variance;
    let expected = -0.5 * (std::f64::consts::TAU.ln() + variance.ln() + square);
    for covariance in [Covariance::Full, Covariance::Diagonal] {
        let fit = gaussian_mixture::fit(&rows, &settings(1, covariance)).unwrap();
        assert!(near(fit.log_likelihood, expected, 1e-12));
        assert!(fit.responsibilities.by_component[0].iter().all(|(_, p)| *p == 1.0));
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn share_each_row_out_and_gain_likelihood(
        seed in any::<u64>(), n in 30usize..120, d in 1usize..50, k in 1usize..5,
            full in any::<bool>(),
    ) {
        let rows = centred(&clusters(seed, n, d, 3, 0.3).rows);
        let covariance = if full { Covariance::Full } else { Covariance::Diagonal };
        let mut before = f64::NEG_INFINITY;
        for max_iterations in [1, 2, 5, 30] {
            let settings = gaussian_mixture::Settings {
                max_iterations,
                tolerance: 0.0,
                ridge: 1e-9,
                ..settings(k, covariance)
            };
            let fit = gaussian_mixture::fit(&rows, &settings).unwrap();
            prop_assert!(fit.iterations <= max_iterations && !fit.converged);
            prop_assert!((fit.mixture.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            for shares in fit.responsibilities.by_row(n) {
                let sum: f64 = shares.iter().map(|(_, p)| p).sum();
                prop_assert!((sum - 1.0).abs() < 1e-12);
            }
            // The ridge is not part of the likelihood, so it may cost some.
            prop_assert!(fit.log_likelihood >= before - 1e-6 * before.abs());
            before = fit.log_likelihood;
        }
    }
}
