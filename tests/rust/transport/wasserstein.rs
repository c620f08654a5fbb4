//! Exact distances: closed forms on a line, any power and unit, and the input that they refuse.

use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::transport::costs::distance_rows::Power;
use polars_transferability::transport::costs::ground_cost;
use polars_transferability::transport::{wasserstein, Side, TransportError, Weights};
use proptest::prelude::*;

use crate::generators::cases;

/// `W_p` between rows that are weighed alike.
fn distance(x: &Matrix, y: &Matrix, p: f64) -> f64 {
    let (x, y) = (x.view().into(), y.view().into());
    wasserstein::wasserstein(x, y, Weights::UNIFORM, p, Parallelism::Sequential).unwrap()
}

/// `(mean value^p)^(1/p)` without overflow or underflow.
fn power_mean(values: &[f64], p: f64) -> f64 {
    let largest = values.iter().fold(0.0_f64, |acc, v| acc.max(*v));
    if largest == 0.0 {
        return 0.0;
    }
    let sum: f64 = values.iter().map(|v| (v / largest).powf(p)).sum();
    largest * (sum / values.len() as f64).powf(1.0 / p)
}

fn powers() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1.0), Just(2.0), 1.0..4.0f64, 4.0..100.0f64, 100.0..1000.0f64]
}

/// Numbers on a line: near each other, in clusters, with outliers of any size, with repetitions.
fn numbers(count: usize) -> impl Strategy<Value = Vec<f64>> {
    let far = prop_oneof![Just(1e3), Just(1e7), Just(-1e9)];
    let number = (0u8..10, -1.0..1.0f64, far).prop_map(|(kind, near, far)| match kind {
        0 => far,
        1 => 1e4 + near,
        2 | 3 => near.round(),
        _ => near,
    });
    prop::collection::vec(number, count)
}

proptest! {
    #![proptest_config(cases(500))]

    /// On a line the best plan keeps the order, whatever the power, the outliers and the unit.
    #[test]
    fn on_a_line_the_distance_is_the_power_mean_of_sorted_differences(
        (x, y) in (1usize..60).prop_flat_map(|n| (numbers(n), numbers(n))),
        p in powers(),
        exponent in -150i32..150,
        copies in 1usize..4,
    ) {
        let unit = 10f64.powi(exponent);
        let column = |values: &[f64]| Matrix::from_fn(values.len(), 1, |i, _| values[i] * unit);
        let sorted = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_by(f64::total_cmp);
            values
        };
        let pairs = sorted(&x).into_iter().zip(sorted(&y));
        let differences: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).collect();
        let wanted = unit * power_mean(&differences, p);
        // Every point of one side stands several times on the other.
        let repeated: Vec<f64> = (0..copies).flat_map(|_| y.iter().rev()).copied().collect();
        let found = distance(&column(&x), &column(&repeated), p);
        // A difference of two numbers is off by their rounding.
        let rounding = 1e-15 * unit * x.iter().chain(&y).fold(0.0_f64, |acc, v| acc.max(v.abs()));
        prop_assert!(
            (found - wanted).abs() <= 1e-9 * wanted + rounding,
            "p = {}: {:e} instead of {:e}", p, found, wanted
        );
    }

    /// `W_p` does not fall as `p` rises, and is at most the largest distance.
    #[test]
    fn the_distance_rises_with_the_power(
        (x, y) in (1usize..25, 1usize..25).prop_flat_map(|(n, m)| (numbers(3 * n), numbers(3 * m))),
        mut p in prop::collection::vec(powers(), 2..5),
    ) {
        let points = |values: &[f64]| Matrix::from_fn(values.len() / 3, 3, |i, k| values[3 * i +
            k]);
        let (x, y) = (points(&x), points(&y));
        p.sort_by(f64::total_cmp);
        let found: Vec<f64> = p.iter().map(|p| distance(&x, &y, *p)).collect();
        for pair in found.windows(2) {
            prop_assert!(pair[0] <= pair[1] * (1.0 + 1e-9), "{p:?}: {found:?}");
        }
        let largest = ground_cost::euclidean(x.view(), y.view(), Power::One).into_iter().fold(0.0,
            f64::max);
        prop_assert!(found[found.len() - 1] <= largest * (1.0 + 1e-9));
    }

}

/// Two far clusters whose points move a little: the fewer of them that have to change sides, the
/// better.
#[test]
fn far_clusters_keep_near_distances() {
    let rng = |k: usize| ((k as f64 * 12.9898).sin() * 43758.5453).fract();
    for count in [30, 150, 300] {
        let x = Matrix::from_fn(2 * count, 8, |i, k| {
            rng(8 * i + k) + if i < count { 0.0 } else { 10.0 }
        });
        let order = |i: usize| (i * 7 + 3) % (2 * count);
        let y = Matrix::from_fn(2 * count, 8, |i, k| x.row(order(i))[k] + 1e-3);
        let moved = 1e-3 * 8f64.sqrt();
        for p in [1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 50.0] {
            let found = distance(&x, &y, p);
            assert!((found - moved).abs() < 1e-9 * moved, "{count} {p}: {found}");
        }
    }
}

/// Points whose coordinates' squares are no floats.
#[test]
fn tiny_and_huge_units_scale_the_distance() {
    for unit in [1e-300, 1e-200, 1e-162, 1e-100, 1e100, 1e155, 1e200, 1e300] {
        let x = Matrix::from_fn(2, 1, |i, _| unit * i as f64 * 0.25);
        let y = Matrix::from_fn(2, 1, |i, _| unit * (1.0 + i as f64 * 0.25));
        for p in [1.0, 2.0, 3.0, 120.0] {
            assert!((distance(&x, &y, p) / unit - 1.0).abs() < 1e-12, "{unit:e} {p}");
        }
    }
    let x = Matrix::from_fn(2, 1, |i, _| [0.0, 1000.0][i]);
    let y = Matrix::from_fn(2, 1, |i, _| [1.0, 1001.0][i]);
    assert_eq!(distance(&x, &y, 120.0), 1.0);
}

/// The solver gets such a problem with its sides swapped.
#[test]
fn bad_input_of_more_source_than_target_points_is_named() {
    let x = Matrix::from_fn(501, 1, |i, _| if i == 500 { f64::INFINITY } else { i as f64 });
    let y = Matrix::from_fn(500, 1, |j, _| j as f64);
    let solve = |a: Option<&[f64]>, b: Option<&[f64]>| {
        let (x, y) = (x.view().into(), y.view().into());
        let weights = Weights { source: a, target: b };
        wasserstein::wasserstein(x, y, weights, 2.0, Parallelism::Sequential).unwrap_err()
    };
    let found = solve(None, None);
    assert!(matches!(found, TransportError::BadCost { row: 500, column: 0, .. }), "{found}");
    let mut mass = vec![1.0; 501];
    mass[7] = -1.0;
    let found = solve(Some(&mass), None);
    assert!(
        matches!(found, TransportError::BadMass { side: Side::Source, index: 7, .. }),
        "{found}"
    );
    let found = solve(None, Some(&[0.0; 500]));
    assert!(matches!(found, TransportError::NoMass { side: Side::Target }), "{found}");
    mass[7] = 1e-30;
    let found = solve(Some(&mass), None);
    assert!(matches!(found, TransportError::MassRange { side: Side::Source, .. }), "{found}");
}

#[test]
fn infinite_costs_are_named_in_little_memory() {
    let x = Matrix::from_fn(3, 1, |i, _| if i == 1 { f64::INFINITY } else { 0.0 });
    for p in [1.0, 2.0, 3.0] {
        let (a, b) = (x.view().into(), x.view().into());
        let sequential = Parallelism::Sequential;
        let found = wasserstein::plan(a, b, Weights::UNIFORM, p, 0, sequential).unwrap_err();
        assert!(matches!(found, TransportError::BadCost { row: 0, column: 1, .. }), "{found}");
    }
}

#[test]
fn one_dimensional_distance_is_the_mean_sorted_difference() {
    let points = |k: usize, shift: f64| -> Vec<f64> {
        (0..k).map(|i| ((i * 37 % 101) as f64).sqrt() + shift).collect()
    };
    let (mut x, mut y) = (points(50, 0.0), points(50, 0.3));
    let view = |v: &[f64]| Matrix::from_fn(v.len(), 1, |i, _| v[i]);
    let (a, b) = (view(&x), view(&y));
    let (a, b) = (a.view().into(), b.view().into());
    let sequential = Parallelism::Sequential;
    let found = wasserstein::wasserstein(a, b, Weights::UNIFORM, 1.0, sequential).unwrap();
    x.sort_by(f64::total_cmp);
    y.sort_by(f64::total_cmp);
    let wanted = x.iter().zip(&y).map(|(a, b)| (a - b).abs()).sum::<f64>() / 50.0;
    assert!((found - wanted).abs() < 1e-13);
}
