//! Sliced Wasserstein: values of POT, closed forms, and the properties that define it.

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::points::*;
use polars_transferability::linalg::Matrix;
use polars_transferability::transport::sliced::{along, sliced_wasserstein, SlicedError};
use proptest::prelude::*;

fn sliced(x: &Matrix, y: &Matrix, p: f64) -> f64 {
    sliced_wasserstein(side(x, None), side(y, None), &settings_of(p, 50, 7)).unwrap().distance
}

#[test]
fn along_given_directions_sliced_wasserstein_is_pots() {
    // ot.wasserstein_1d(x @ t, y @ t, a, b, p) ** (1 / p) for each direction t, with weights and
    // without; their power mean is ot.sliced_wasserstein_distance(x, y, a, b, projections=...,
    // p=p).
    let references = [
        (
            1.0,
            [0.5504185499471186, 0.7187136035586833, 1.1175651174182302],
            [0.5856882358594763, 0.756638510416511, 1.0703700855598106],
        ),
        (
            2.0,
            [0.6515072797174298, 1.0142096780109406, 1.2342172370944269],
            [0.7012856109899089, 1.0548799204547463, 1.1962150569886512],
        ),
        (
            3.0,
            [0.7485944240946653, 1.256856602998424, 1.3261019234651672],
            [0.8066450119266297, 1.2902521335228687, 1.2897985056924375],
        ),
    ];
    let rows = [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.48, 0.6, 0.64]];
    let directions = Matrix::from_fn(3, 3, |i, k| rows[i][k]);
    let (x, y) = reference_points();
    let (a, b) = reference_masses();
    for (p, with_mass, uniform) in references {
        let found = along(directions.view(), side(&x, Some(&a)), side(&y, Some(&b)), p).unwrap();
        found.iter().zip(with_mass).for_each(|(f, w)| assert_close(*f, w, 1e-13));
        let found = along(directions.view(), side(&x, None), side(&y, None), p).unwrap();
        found.iter().zip(uniform).for_each(|(f, w)| assert_close(*f, w, 1e-13));
    }
}

#[test]
fn on_a_line_sliced_wasserstein_is_the_mean_sorted_difference_without_error() {
    let (x, y) = (wave(40, 1, 1.7, 0.0), wave(40, 1, 0.3, 0.7));
    let sorted = |points: &Matrix| {
        let mut values = points.values().to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let wanted = sorted(&x).iter().zip(sorted(&y)).map(|(a, b)| (a - b).abs()).sum::<f64>() / 40.0;
    let found =
        sliced_wasserstein(side(&x, None), side(&y, None), &settings_of(1.0, 20, 0)).unwrap();
    assert_close(found.distance, wanted, 1e-14);
    assert!(found.standard_error.unwrap() < 1e-15);
}

#[test]
fn a_translation_has_the_closed_form_within_the_reported_error() {
    // SW_2^2 = E <theta, t>^2 = |t|^2 / d.
    let x = wave(30, 8, 1.1, 0.0);
    let y = map(&x, |v| v + 0.5);
    let wanted = (8.0 * 0.25f64 / 8.0).sqrt();
    let mut errors = Vec::new();
    for seed in 0..200 {
        let found =
            sliced_wasserstein(side(&x, None), side(&y, None), &settings_of(2.0, 200, seed))
                .unwrap();
        errors.push((found.distance - wanted) / found.standard_error.unwrap());
    }
    // If the standard error is right, these are standard normal: four sigma either way.
    let mean = errors.iter().sum::<f64>() / 200.0;
    let square = errors.iter().map(|e| e * e).sum::<f64>() / 200.0;
    assert!(mean.abs() < 4.0 / 200f64.sqrt(), "biased: {mean}");
    assert!((square - 1.0).abs() < 4.0 * (2.0 / 200f64).sqrt(), "error misjudged: {square}");
}

#[test]
fn sliced_wasserstein_depends_on_its_seed_and_nothing_else() {
    let (x, y) = reference_points();
    let run = |projections, seed| {
        sliced_wasserstein(side(&x, None), side(&y, None), &settings_of(2.0, projections, seed))
            .unwrap()
    };
    assert_eq!(run(70, 5), run(70, 5));
    assert_ne!(run(70, 5).distance, run(70, 6).distance);
    assert_eq!(run(1, 5).standard_error, None);
}

#[test]
fn sliced_wasserstein_survives_extreme_scales() {
    let (x, y) = reference_points();
    let at_one = sliced(&x, &y, 3.0);
    for scale in [1e-150, 1e150] {
        let found = sliced(&map(&x, |v| v * scale), &map(&y, |v| v * scale), 3.0);
        assert_close(found / scale, at_one, 1e-13);
    }
    let huge = map(&x, |_| f64::MAX);
    let found = sliced_wasserstein(side(&huge, None), side(&x, None), &settings_of(2.0, 9, 0));
    assert_eq!(found.unwrap_err(), SlicedError::BadProjection);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn sliced_wasserstein_is_a_metric(
        x in points(1..14, 3), y in points(1..14, 3), z in points(1..14, 3),
        p in prop_oneof![Just(1.0), Just(2.0), 1.0..4.0f64],
    ) {
        prop_assert_eq!(sliced(&x, &x, p), 0.0);
        let (xy, yz, xz) = (sliced(&x, &y, p), sliced(&y, &z, p), sliced(&x, &z, p));
        assert_close(sliced(&y, &x, p), xy, 1e-13);
        prop_assert!(xz <= xy + yz + 1e-12);
    }

    #[test]
    fn sliced_wasserstein_follows_scale_shift_and_order(
        x in points(1..14, 3), y in points(1..14, 3), scale in 0.1..10.0f64, shift in -5.0..5.0f64,
    ) {
        let wanted = sliced(&x, &y, 2.0);
        let moved = |points: &Matrix| map(points, |v| v * scale + shift);
        assert_close(sliced(&moved(&x), &moved(&y), 2.0), wanted * scale, 1e-11);
        assert_close(sliced(&permuted_rows(&x), &y, 2.0), wanted, 1e-13);
    }

    #[test]
    fn every_projection_is_exact_in_one_dimension_and_below_the_distance(
        (x, a) in weighted(3), (y, b) in weighted(3), p in prop_oneof![Just(1.0), Just(2.0),
            Just(3.0)],
    ) {
        let exact = |x: &Matrix, y: &Matrix| {
            wasserstein(x, y, a.as_deref(), b.as_deref(), p).unwrap()
        };
        let direction = Matrix::from_fn(1, 3, |_, k| [0.48, 0.6, 0.64][k]);
        let found = along(direction.view(), side(&x, a.as_deref()), side(&y, b.as_deref()), p)
            .unwrap()[0];
        let projected = |points: &Matrix| points.times_transposed(&direction);
        // The exact solver is exact in the p-th power, whose root magnifies rounding near zero.
        assert_close(found.powf(p), exact(&projected(&x), &projected(&y)).powf(p), 1e-10);
        prop_assert!(found <= exact(&x, &y) + 1e-9);
    }
}
