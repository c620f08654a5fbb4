//! Certified intervals: they hold the exact distance whatever the problem, and are as narrow as is
//! asked for.

use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::transport::interval::{interval, Interval, Settings};
use polars_transferability::transport::{Side, TransportError, Weights};
use proptest::prelude::*;

use crate::generators::cases;
use crate::generators::points::{map, wasserstein, wave};

/// Settings by which no problem is small enough to be solved exactly, and problems of few points
/// are refined from coarse ones.
fn refined(p: f64, tolerance: f64, coarse_from: usize) -> Settings {
    Settings { exact_memory: 0, coarse_from, ..Settings::new(p, tolerance) }
}

fn found(
    (x, a): (&Matrix, Option<&[f64]>),
    (y, b): (&Matrix, Option<&[f64]>),
    settings: Settings,
) -> Result<Interval, TransportError> {
    let weights = Weights { source: a, target: b };
    let sequential = Parallelism::Sequential;
    interval(x.view().into(), y.view().into(), weights, settings, sequential)
}

/// Points of which some coincide, with masses of which some are zero.
fn side(count: usize, width: usize) -> impl Strategy<Value = (Matrix, Option<Vec<f64>>)> {
    let coordinate = prop_oneof![(0..3i32).prop_map(f64::from), -3.0..3.0f64];
    let mass = prop_oneof![Just(0.0), Just(1.0), 1e-6..1.0f64];
    let masses = prop::collection::vec(mass, count)
        .prop_filter("some mass", |mass| mass.iter().sum::<f64>() > 0.1);
    let points = prop::collection::vec(coordinate, count * width)
        .prop_map(move |values| Matrix::from_fn(count, width, |i, k| values[i * width + k]));
    (points, prop_oneof![Just(None).boxed(), masses.prop_map(Some).boxed()])
}

fn tolerances() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.3), Just(0.02), Just(1e-3), Just(1e-6)]
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn the_exact_distance_is_in_the_interval(
        ((x, a), (y, b)) in (1usize..60, 1usize..60, 1usize..5)
            .prop_flat_map(|(n, m, d)| (side(n, d), side(m, d))),
        p in prop_oneof![Just(1.0), Just(2.0), 1.0..4.0f64],
        tolerance in tolerances(),
        coarse_from in 2usize..40,
        unit in prop_oneof![Just(1.0), Just(1e-200), Just(1e200)],
    ) {
        let (x, y) = (map(&x, |v| v * unit), map(&y, |v| v * unit));
        let (a, b) = (a.as_deref(), b.as_deref());
        let exact = wasserstein(&x, &y, a, b, p).unwrap();
        let found = found((&x, a), (&y, b), refined(p, tolerance, coarse_from)).unwrap();
        prop_assert!(found.lower <= exact && exact <= found.upper, "{exact:e} {found:?}");
        prop_assert!(found.lower <= found.distance && found.distance <= found.upper);
        prop_assert!(!found.exact || found.gap() == 0.0);
        prop_assert!(found.gap() <= tolerance + 1e-9, "{} {found:?}", found.gap());
    }

    /// High powers of distances underflow. The interval may be wide, but it holds.
    #[test]
    fn high_powers_stay_in_the_interval(
        ((x, a), (y, b)) in (1usize..30, 1usize..30, 1usize..4)
            .prop_flat_map(|(n, m, d)| (side(n, d), side(m, d))),
        p in 4.0..1000.0f64,
    ) {
        let (a, b) = (a.as_deref(), b.as_deref());
        let exact = wasserstein(&x, &y, a, b, p).unwrap();
        let found = found((&x, a), (&y, b), refined(p, 0.02, 10)).unwrap();
        prop_assert!(found.lower <= exact * (1.0 + 1e-9), "{exact:e} {found:?}");
        prop_assert!(exact <= found.upper * (1.0 + 1e-9), "{exact:e} {found:?}");
    }

    /// Far clusters on both sides: what matters is small beside the largest distance.
    #[test]
    fn outliers_stay_in_the_interval(
        ((x, a), (y, b)) in (2usize..40, 2usize..40)
            .prop_flat_map(|(n, m)| (side(n, 2), side(m, 2))),
        far in prop_oneof![Just(1e3), Just(1e6), Just(1e12), Just(1e18)],
    ) {
        let shift = |points: &Matrix| {
            Matrix::from_fn(points.nrows(), 2, |i, k| {
                points.row(i)[k] + if i % 2 == 0 { far } else { 0.0 }
            })
        };
        let (x, y) = (shift(&x), shift(&y));
        let (a, b) = (a.as_deref(), b.as_deref());
        let exact = wasserstein(&x, &y, a, b, 1.0).unwrap();
        let found = found((&x, a), (&y, b), refined(1.0, 0.02, 10)).unwrap();
        prop_assert!(found.lower <= exact && exact <= found.upper, "{exact:e} {found:?}");
    }

    /// Points that are equal are one point with the mass of all, in any order.
    #[test]
    fn neither_order_nor_repetition_changes_a_bit(
        (x, y) in (1usize..40, 1usize..40).prop_flat_map(|(n, m)| (side(n, 2), side(m, 2))),
        tolerance in tolerances(),
    ) {
        let (x, y) = (x.0, y.0);
        let settings = refined(1.0, tolerance, 8);
        let repeated =
            Matrix::from_fn(3 * x.nrows(), 2, |i, k| x.row((7 * i + 2) % x.nrows())[k]);
        prop_assume!(x.nrows() % 7 != 0);
        let thrice: Vec<f64> = vec![3.0; x.nrows()];
        let plain = found((&x, Some(&thrice)), (&y, None), settings).unwrap();
        let other = found((&repeated, None), (&y, None), settings).unwrap();
        prop_assert_eq!(plain.distance.to_bits(), other.distance.to_bits());
    }
}

#[test]
fn no_tolerance_is_the_exact_distance() {
    let (x, y) = (wave(300, 5, 1.3, 0.0), wave(400, 5, 0.7, 0.5));
    for p in [1.0, 2.0, 3.0] {
        let settings = Settings { exact_memory: 0, ..Settings::new(p, 0.0) };
        let found = found((&x, None), (&y, None), settings).unwrap();
        let exact = wasserstein(&x, &y, None, None, p).unwrap();
        assert_eq!(found.distance.to_bits(), exact.to_bits());
        assert!(found.exact && found.gap() < 1e-9);
        assert!(found.lower <= exact && exact <= found.upper);
    }
}

#[test]
fn small_problems_are_solved_exactly() {
    let (x, y) = (wave(30, 5, 1.3, 0.0), wave(40, 5, 0.7, 0.5));
    let found = found((&x, None), (&y, None), Settings::new(1.0, 0.5)).unwrap();
    assert!(found.exact);
    assert_eq!(found.distance, wasserstein(&x, &y, None, None, 1.0).unwrap());
}

/// Large enough for two coarse problems and for tiles of several blocks.
#[test]
fn many_points_are_as_near_as_is_asked_for() {
    let (x, y) = (wave(3000, 6, 12.9898, 0.0), wave(2200, 6, 78.233, 0.3));
    let mass = |n: usize| (0..n).map(|i| (i % 7) as f64).collect::<Vec<_>>();
    let (a, b) = (mass(3000), mass(2200));
    for weights in [(None, None), (Some(&a[..]), Some(&b[..]))] {
        let exact = wasserstein(&x, &y, weights.0, weights.1, 1.0).unwrap();
        for tolerance in [0.1, 0.02, 1e-3, 1e-5] {
            let settings = refined(1.0, tolerance, 400);
            let found = found((&x, weights.0), (&y, weights.1), settings).unwrap();
            assert!(found.lower <= exact && exact <= found.upper, "{exact} {found:?}");
            assert!(found.gap() <= tolerance, "{tolerance} {found:?}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let (x, y) = (wave(1500, 4, 12.9898, 0.0), wave(1700, 4, 78.233, 0.3));
    let compute = |threads: usize, parallelism| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (x, y) = (x.view().into(), y.view().into());
            interval(x, y, Weights::UNIFORM, refined(1.0, 0.01, 400), parallelism).unwrap()
        })
    };
    let alone = compute(1, Parallelism::Sequential);
    for threads in [1, 2, 5] {
        assert_eq!(compute(threads, Parallelism::Pool), alone);
    }
}

#[test]
fn few_points_of_many() {
    let (few, many) = (wave(3, 2, 1.3, 0.0), wave(900, 2, 0.7, 0.5));
    for (x, y) in [(&few, &many), (&many, &few)] {
        let exact = wasserstein(x, y, None, None, 2.0).unwrap();
        let found = found((x, None), (y, None), refined(2.0, 1e-4, 400)).unwrap();
        assert!(found.lower <= exact && exact <= found.upper && found.gap() <= 1e-4);
    }
}

/// Equal sides are at distance zero, and so are sides of one point however often it stands there.
#[test]
fn nothing_to_move() {
    let x = wave(700, 3, 1.3, 0.0);
    let one = Matrix::from_fn(700, 3, |_, k| k as f64);
    for (x, y) in [(&x, &x), (&one, &one)] {
        let found = found((x, None), (y, None), refined(1.0, 0.02, 100)).unwrap();
        assert_eq!((found.distance, found.lower, found.upper, found.gap()), (0.0, 0.0, 0.0, 0.0));
    }
}

/// All mass of a side at one point: any coupling is the best.
#[test]
fn one_point_has_all_mass() {
    let (x, y) = (wave(1, 3, 1.3, 0.0), wave(700, 3, 0.3, 1.0));
    let many = Matrix::from_fn(500, 3, |_, k| x.row(0)[k]);
    let exact = wasserstein(&x, &y, None, None, 1.0).unwrap();
    for x in [&x, &many] {
        let found = found((x, None), (&y, None), refined(1.0, 1e-9, 100)).unwrap();
        assert!((found.distance - exact).abs() < 1e-12 * exact && found.gap() < 1e-9);
    }
    let mut mass = vec![0.0; 700];
    mass[3] = 2.0;
    let exact = wasserstein(&x, &y, None, Some(&mass), 1.0).unwrap();
    let found = found((&x, None), (&y, Some(&mass)), refined(1.0, 1e-9, 100)).unwrap();
    assert!((found.distance - exact).abs() < 1e-12 * exact && found.gap() < 1e-9);
}

#[test]
fn bad_input_is_named() {
    let (x, y) = (wave(5, 3, 1.3, 0.0), wave(6, 3, 0.3, 1.0));
    let settings = refined(1.0, 0.1, 400);
    let weighted = |a: &[f64]| found((&x, Some(a)), (&y, None), settings).unwrap_err();
    let bad = weighted(&[1.0, -1.0, 1.0, 1.0, 1.0]);
    assert!(matches!(bad, TransportError::BadMass { side: Side::Source, index: 1, .. }), "{bad}");
    let missing = TransportError::MassCount { side: Side::Source, found: 4, expected: 5 };
    assert_eq!(weighted(&[1.0; 4]), missing);
    let bad = weighted(&[1e-30, 0.3, 0.5, 0.7, 0.2]);
    assert!(matches!(bad, TransportError::MassRange { side: Side::Source, .. }), "{bad}");
    assert_eq!(weighted(&[0.0; 5]), TransportError::NoMass { side: Side::Source });
    for bad in [f64::NAN, f64::INFINITY] {
        let infinite = map(&x, |v| if v > 1.0 { bad } else { v });
        let found = found((&infinite, None), (&y, None), settings);
        assert_eq!(found.unwrap_err(), TransportError::Overflow);
    }
    let empty = Matrix::zeros(0, 3);
    let found = found((&empty, None), (&y, None), Settings::new(1.0, 0.1));
    assert_eq!(found.unwrap_err(), TransportError::EmptySide);
}
