//! The Sinkhorn divergence: values of a dense solver, closed forms, and the properties that define
//! it.

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::points::*;
use polars_transferability::linalg::Matrix;
use polars_transferability::transport::sinkhorn::{
    sinkhorn_divergence, Settings, SinkhornDivergence, SinkhornError,
};
use proptest::prelude::*;

fn sinkhorn(x: &Matrix, y: &Matrix, settings: &Settings) -> SinkhornDivergence {
    sinkhorn_divergence(side(x, None), side(y, None), settings).unwrap()
}

#[test]
fn sinkhorn_divergence_is_that_of_a_dense_newton_solver() {
    // OT = (P * C).sum() + e * (P * log(P / outer(a, b))).sum() for the three problems, from the
    // duals of a dense Newton method in numpy with marginals right to 1e-15. POT's ot.sinkhorn(a,
    // b, C, e, method="sinkhorn_log", stopThr=1e-15) gives the same to 2e-10, all that it converges
    // to.
    let references = [
        (2.0, 0.5, 3.4030240438894044),
        (1.0, 0.25, 1.609158892096475),
        (1.5, 0.4, 2.2838175464337303),
        (2.0, 0.1, 3.63694622562776),
    ];
    let (x, y) = reference_points();
    let (a, b) = reference_masses();
    for (power, epsilon, wanted) in references {
        let settings = Settings { power, epsilon: Some(epsilon), ..Settings::default() };
        let found = sinkhorn_divergence(side(&x, Some(&a)), side(&y, Some(&b)), &settings).unwrap();
        assert_close(found.divergence, wanted, 1e-12);
        assert!(found.gap <= 1e-7 && found.marginal_error <= settings.tolerance, "{found:?}");
    }
}

#[test]
fn two_points_have_their_cost_as_divergence() {
    let (x, y) = (Matrix::from_fn(1, 2, |_, _| 0.0), Matrix::from_fn(1, 2, |_, _| 3.0));
    let found = sinkhorn(&x, &y, &Settings::default());
    assert_close(found.divergence, 18.0, 1e-14);
    assert_close(found.epsilon, 0.9, 1e-14);
    assert_eq!(found.gap, 0.0);
    let zero = sinkhorn(&x, &x, &Settings::default());
    assert_eq!((zero.divergence, zero.epsilon), (0.0, 0.0));
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

#[test]
fn much_regularisation_gives_the_energy_distance() {
    // e -> infinity leaves the product coupling: for p = 1 half the energy distance.
    let (x, y) = reference_points();
    let mean = |x: &Matrix, y: &Matrix| {
        let sum: f64 = x.rows().flat_map(|a| y.rows().map(move |b| distance(a, b))).sum();
        sum / (x.nrows() * y.nrows()) as f64
    };
    let wanted = mean(&x, &y) - 0.5 * mean(&x, &x) - 0.5 * mean(&y, &y);
    let settings = Settings { power: 1.0, epsilon: Some(1e6), ..Settings::default() };
    assert_close(sinkhorn(&x, &y, &settings).divergence, wanted, 1e-5);
}

#[test]
fn clusters_far_apart_do_not_overflow() {
    // Costs from 1e-4 to 1e8 at a regularisation of 1e-2: kernel entries of exp(-1e10).
    let place = |i: usize, shift: f64| [0.0, 1e4][i % 2] + shift + 1e-2 * i as f64;
    let x = Matrix::from_fn(8, 1, |i, _| place(i, 0.0));
    let y = Matrix::from_fn(8, 1, |i, _| place(i, 0.3));
    let settings = Settings { epsilon: Some(1e-2), ..Settings::default() };
    let found = sinkhorn(&x, &y, &settings);
    assert_close(found.divergence, 0.09, 1e-6);
    // A marginal error of 1e-9 can cost as much of the largest cost.
    assert!(found.gap <= 0.1, "{found:?}");
}

#[test]
fn stopping_short_is_an_error_that_says_what_to_do() {
    let (x, y) = reference_points();
    let settings = Settings { epsilon: Some(0.1), max_iterations: 3, ..Settings::default() };
    let error = sinkhorn_divergence(side(&x, None), side(&y, None), &settings).unwrap_err();
    assert!(matches!(error, SinkhornError::NotConverged { iterations: 3, .. }));
    assert!(error.to_string().contains("raise the regularisation epsilon"), "{error}");
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn sinkhorn_divergence_is_symmetric_and_zero_only_at_home(
        (x, a) in weighted(2), (y, b) in weighted(2),
        power in prop_oneof![Just(1.0), Just(2.0), 1.0..2.0f64],
    ) {
        let settings = Settings { power, epsilon: Some(0.5), ..Settings::default() };
        let run = |x: &Matrix, a: &Option<Vec<f64>>, y: &Matrix, b: &Option<Vec<f64>>| {
            sinkhorn_divergence(side(x, a.as_deref()), side(y, b.as_deref()), &settings).unwrap()
        };
        prop_assert!(run(&x, &a, &x, &a).divergence <= 1e-12);
        let found = run(&x, &a, &y, &b);
        prop_assert!(found.divergence >= 0.0 && found.gap >= 0.0 && found.gap < 1e-6);
        // Sides are not treated alike, so what is left of the iteration differs, within its
        // certificate.
        let swapped = run(&y, &b, &x, &a);
        let apart = (swapped.divergence - found.divergence).abs();
        prop_assert!(apart <= found.gap + swapped.gap + 1e-12, "{apart:e}: {found:?}, {swapped:?}");
        // A divergence that is positive definite sees any shift.
        let moved = map(&x, |v| v + 0.5);
        prop_assert!(run(&x, &a, &moved, &a).divergence > 1e-3);
    }

    #[test]
    fn little_regularisation_gives_the_exact_distance(
        (x, a) in weighted(2), (y, b) in weighted(2),
        power in prop_oneof![Just(1.0), Just(2.0)],
        share in prop_oneof![Just(1e-3), Just(1e-2), Just(1e-1)],
    ) {
        // OT_0 <= OT_e <= OT_0 + e times the entropy of either side.
        let largest = x.rows().flat_map(|p| y.rows().map(move |q| distance(p, q))).fold(0.0,
            f64::max);
        let epsilon = share * largest.powf(power).max(1e-3);
        let settings = Settings { power, epsilon: Some(epsilon), ..Settings::default() };
        let found =
            sinkhorn_divergence(side(&x, a.as_deref()), side(&y, b.as_deref()), &settings).unwrap();
        let exact =
            wasserstein(&x, &y, a.as_deref(), b.as_deref(), power).unwrap().powf(power);
        let most = epsilon * 13f64.ln();
        prop_assert!((found.divergence - exact).abs() <= most + 1e-9, "{found:?}, {exact}");
    }

    #[test]
    fn sinkhorn_divergence_follows_scale_shift_and_order(
        x in points(2..14, 2), y in points(2..14, 2), scale in 0.1..10.0f64, shift in -5.0..5.0f64,
    ) {
        prop_assume!(wasserstein(&x, &y, None, None, 2.0).unwrap() > 0.0);
        let settings = Settings::default();
        let wanted = sinkhorn(&x, &y, &settings).divergence;
        let moved = |points: &Matrix| map(points, |v| v * scale + shift);
        let found = sinkhorn(&moved(&x), &moved(&y), &settings).divergence / (scale * scale);
        assert_close(found, wanted, 1e-10);
        assert_close(sinkhorn(&permuted_rows(&x), &y, &settings).divergence, wanted, 1e-10);
    }
}

#[test]
fn a_translation_moves_the_squared_divergence_by_its_square() {
    // For p = 2 the plan is that of the centred sides, whatever e is: S(x, x + t) = |t|^2.
    let x = wave(25, 3, 1.1, 0.0);
    for epsilon in [0.05, 1.0, 100.0] {
        let settings = Settings { epsilon: Some(epsilon), ..Settings::default() };
        let found = sinkhorn(&x, &map(&x, |v| v + 0.5), &settings).divergence;
        assert_close(found, 0.75, 1e-10);
    }
}
