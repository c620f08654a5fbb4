//! The Wasserstein distance of Gaussians: closed forms, extreme scales, and what is refused.

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::labelled_rows::*;
use ndarray::Array2;
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::Moments;
use polars_transferability::transport::gaussian::{Gaussian, GaussianError};
use proptest::prelude::*;

/// The distance of two Gaussians given as mean and covariance.
fn gaussian_wasserstein(
    left: (&[f64], &Matrix),
    right: (&[f64], &Matrix),
) -> Result<f64, GaussianError> {
    let gaussian = |(mean, covariance): (&[f64], &Matrix)| Gaussian::new(mean.to_vec(), covariance);
    gaussian(left)?.distance(&gaussian(right)?)
}

/// The distance of the Gaussians that two sets of moments describe.
fn from_moments(left: &Moments, right: &Moments) -> Result<f64, GaussianError> {
    Gaussian::of_moments(left)?.distance(&Gaussian::of_moments(right)?)
}

fn diagonal(variances: &[f64]) -> Matrix {
    let d = variances.len();
    Matrix::from_fn(d, d, |i, j| if i == j { variances[i] } else { 0.0 })
}

#[test]
fn distance_of_gaussians_with_common_axes_is_that_of_their_deviations() {
    let (left, right) = (diagonal(&[4.0, 1.0, 0.0]), diagonal(&[1.0, 9.0, 0.25]));
    let found = gaussian_wasserstein((&[1.0, 0.0, 0.0], &left), (&[0.0, 0.0, 2.0], &right));
    // |m|^2 = 5, and deviations 2 and 1, 1 and 3, 0 and 0.5.
    assert_close(found.unwrap(), (5.0 + 1.0 + 4.0 + 0.25f64).sqrt(), 1e-12);
}

#[test]
fn distance_of_gaussians_is_a_metric() {
    let gaussians: Vec<Gaussian> = (0..4)
        .map(|s| Gaussian::of_moments(&wave(12 - s, 4, 2, 3.0 * s as f64).moments()).unwrap())
        .collect();
    let distance = |a: usize, b: usize| gaussians[a].distance(&gaussians[b]).unwrap();
    for a in 0..4 {
        assert!(distance(a, a) < 1e-7);
        for b in 0..4 {
            assert_close(distance(a, b), distance(b, a), 1e-10);
            for c in 0..4 {
                assert!(distance(a, c) <= distance(a, b) + distance(b, c) + 1e-10);
            }
        }
    }
    assert!(distance(0, 1) > 0.01);
}

#[test]
fn distance_of_gaussians_keeps_what_is_small_beside_the_largest() {
    // The large features agree, so that the small ones are all there is.
    for (large, small) in [(1e8, 1.0), (1e100, 1e-100), (1.0, 1e-30)] {
        let left = diagonal(&[large * large, small * small, large * large]);
        let right = diagonal(&[large * large, 9.0 * small * small, large * large]);
        let zero = [0.0; 3];
        let found = gaussian_wasserstein((&zero, &left), (&zero, &right)).unwrap();
        assert!((found - 2.0 * small).abs() < 1e-12 * small, "{found:e} of {small:e}");
    }
    // So they do where features are correlated: rows and the same ones with one small feature
    // doubled.
    let rows = in_units([1e-9, 1.0, 1.0]);
    let mixed = |unit: f64| {
        let values = Array2::from_shape_fn((60, 3), |(i, k)| {
            let row = rows.values.row(i);
            [unit * (row[0] + 1e-10 * row[1]), row[1] + row[2], row[1] - 2.0 * row[2]][k]
        });
        Rows { values, labels: rows.labels.clone() }.moments()
    };
    let found = from_moments(&mixed(1.0), &mixed(1.0)).unwrap();
    assert!(found < 1e-14, "{found:e}");
    let found = from_moments(&mixed(1.0), &mixed(-1.0)).unwrap();
    assert!(found > 1e-11 && found < 1e-8, "{found:e}");
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn distance_of_diagonal_gaussians_has_its_closed_form(
        left in prop::collection::vec(-100.0..100.0f64, 1..7),
        right in prop::collection::vec(-100.0..100.0f64, 7),
        means in prop::collection::vec((-1.0..1.0f64, -100.0..100.0f64), 7),
        dropped in 0..7usize,
    ) {
        let d = left.len();
        let power = |exponents: &[f64]| -> Vec<f64> {
            exponents.iter().map(|e| 10f64.powf(*e)).collect()
        };
        let (mut left, right) = (power(&left), power(&right[..d]));
        if dropped < d {
            left[dropped] = 0.0;
        }
        let mean: Vec<f64> = means[..d].iter().map(|(m, e)| m * 10f64.powf(*e)).collect();
        let squares = |deviations: &[f64]| {
            diagonal(&deviations.iter().map(|v| v * v).collect::<Vec<f64>>())
        };
        let zero = vec![0.0; d];
        let found = gaussian_wasserstein((&mean, &squares(&left)), (&zero, &squares(&right)));
        let mut terms: Vec<f64> = left.iter().zip(&right).map(|(a, b)| (a - b) * (a - b)).collect();
        terms.extend(mean.iter().map(|m| m * m));
        terms.sort_by(f64::total_cmp);
        let wanted = terms.iter().sum::<f64>().sqrt();
        let found = found.unwrap();
        prop_assert!((found - wanted).abs() <= 1e-9 * wanted, "{found:e} is not {wanted:e}");
    }

    /// `tr(S_1 + S_2 - 2 (S_1 S_2)^(1/2))` of two dimensions, where the last term is
    /// `sqrt(tr(S_1 S_2) + 2 sqrt(det(S_1 S_2)))`.
    #[test]
    fn distance_of_gaussians_of_two_dimensions_has_its_closed_form(
        left in (0.1..3.0f64, 0.1..3.0f64, -0.9..0.9f64),
        right in (0.1..3.0f64, 0.1..3.0f64, -0.9..0.9f64),
        unit in prop_oneof![Just(1.0), Just(1e-3), Just(1e-5)],
    ) {
        let covariance = |(a, b, r): (f64, f64, f64)| {
            let b = b * unit;
            Matrix::from_fn(2, 2, |i, j| [[a * a, r * a * b], [r * a * b, b * b]][i][j])
        };
        let (one, other) = (covariance(left), covariance(right));
        let entry = |m: &Matrix, i: usize, j: usize| m.row(i)[j];
        let trace = |m: &Matrix| entry(m, 0, 0) + entry(m, 1, 1);
        let det = |(a, b, r): (f64, f64, f64)| (a * b * unit).powi(2) * (1.0 - r * r);
        let product: f64 = (0..2)
            .flat_map(|i| (0..2).map(move |j| (i, j)))
            .map(|(i, j)| entry(&one, i, j) * entry(&other, j, i))
            .sum();
        let root = (product + 2.0 * (det(left) * det(right)).sqrt()).sqrt();
        let wanted = (trace(&one) + trace(&other) - 2.0 * root).max(0.0);
        let found = gaussian_wasserstein((&[0.0; 2], &one), (&[0.0; 2], &other)).unwrap();
        prop_assert!((found * found - wanted).abs() < 1e-12, "{found} {wanted}");
    }
}

#[test]
fn distance_of_gaussians_neither_overflows_nor_vanishes() {
    for scale in [1e-150, 1e150] {
        let (left, right) = (diagonal(&[scale * scale; 2]), diagonal(&[4.0 * scale * scale; 2]));
        let mean = [2.0 * scale, 0.0];
        let found = gaussian_wasserstein((&mean, &left), (&[0.0; 2], &right)).unwrap();
        assert_close(found / scale, 6f64.sqrt(), 1e-12);
    }
}

#[test]
fn a_shift_is_its_length() {
    let rows = wave(20, 3, 2, 0.0);
    let moved = rows.map(|k, v| v + [3.0, 0.0, 4.0][k]);
    assert_close(from_moments(&rows.moments(), &moved.moments()).unwrap(), 5.0, 1e-9);
}

#[test]
fn what_is_no_gaussian_is_refused() {
    let run = |covariance: &Matrix| Gaussian::new(vec![0.0, 0.0], covariance).unwrap_err();
    assert!(matches!(run(&Matrix::zeros(2, 3)), GaussianError::Shape { .. }));
    assert!(matches!(run(&diagonal(&[1.0, -1.0])), GaussianError::Negative { .. }));
    assert!(matches!(run(&diagonal(&[1.0, f64::NAN])), GaussianError::NotFinite { .. }));
    let large = Matrix::from_fn(2, 2, |i, j| if i == j { 1.0 } else { 2.0 });
    assert!(matches!(run(&large), GaussianError::Indefinite { .. }));
    let hollow = Matrix::from_fn(2, 2, |i, j| if i == j { 0.0 } else { 1.0 });
    assert!(matches!(run(&hollow), GaussianError::Indefinite { .. }));
    let skew = Matrix::from_fn(2, 2, |i, j| if i < j { 0.5 } else { 1.0 });
    assert!(matches!(run(&skew), GaussianError::Asymmetric { .. }));
    let left = Gaussian::new(vec![0.0], &diagonal(&[1.0])).unwrap();
    let right = Gaussian::new(vec![0.0; 2], &diagonal(&[1.0, 1.0])).unwrap();
    assert_eq!(left.distance(&right), Err(GaussianError::Width { left: 1, right: 2 }));
}
