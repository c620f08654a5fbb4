//! Sliced Wasserstein, Sinkhorn divergence, OT-NCE / OTCE and OTDD: the properties that define
//! them, closed forms, and values of POT.
//!
//! The reference values were made with POT 0.9.7 and numpy on the points of `reference_points`: `x`
//! of 12 rows and `y` of 9, weights `1 + i % 3` and `1 + j % 4`, classes `i % 3` and `j % 2`.

use ndarray::ArrayView2;
use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::otce::{ot_nce, otce, OtNce, OtceCoefficients};
use polars_transferability::scores::otdd::{otdd, InnerDistance};
use polars_transferability::scores::ScoreError;
use polars_transferability::transport::sinkhorn::{
    sinkhorn_divergence, Sinkhorn, SinkhornDivergence,
};
use polars_transferability::transport::sliced::{along, sliced_wasserstein};
use polars_transferability::transport::wasserstein;
use polars_transferability::transport::TransportError;
use proptest::prelude::*;

/// On the caller's thread.
fn wasserstein(
    x: &Matrix,
    y: &Matrix,
    a: Option<&[f64]>,
    b: Option<&[f64]>,
    p: f64,
) -> Result<f64, TransportError> {
    let sequential = Parallelism::Sequential;
    wasserstein::wasserstein(x.view().into(), y.view().into(), [a, b], p, sequential)
}

fn assert_close(found: f64, wanted: f64, tolerance: f64) {
    let scale = wanted.abs().max(1.0);
    assert!((found - wanted).abs() <= tolerance * scale, "{found} is not {wanted}");
}

fn wave(n: usize, d: usize, frequency: f64, shift: f64) -> Matrix {
    Matrix::from_fn(n, d, |i, k| (frequency * (i * d + k) as f64).sin() * 2.0 + shift)
}

fn reference_points() -> (Matrix, Matrix) {
    (wave(12, 3, 1.3, 0.0), wave(9, 3, 0.7, 0.5))
}

fn reference_masses() -> (Vec<f64>, Vec<f64>) {
    let mass = |n: usize, k: usize| (0..n).map(|i| 1.0 + (i % k) as f64).collect();
    (mass(12, 3), mass(9, 4))
}

fn map(points: &Matrix, change: impl Fn(f64) -> f64) -> Matrix {
    Matrix::from_fn(points.nrows(), points.ncols(), |i, k| change(points.row(i)[k]))
}

/// Rows in another order: a stride that shares no factor with their number visits each once.
fn permuted<T>(n: usize, take: impl Fn(usize) -> T) -> Vec<T> {
    let stride = (2..).find(|s| gcd(*s, n) == 1).unwrap_or(1);
    (0..n).map(|i| take(i * stride % n)).collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 {
        a
    } else {
        gcd(b, a % b)
    }
}

fn permuted_rows(points: &Matrix) -> Matrix {
    let order = permuted(points.nrows(), |i| i);
    Matrix::from_fn(points.nrows(), points.ncols(), |i, k| points.row(order[i])[k])
}

fn points(rows: std::ops::Range<usize>, width: usize) -> impl Strategy<Value = Matrix> {
    // A coarse grid now and then: ties and duplicate points.
    let value = prop_oneof![-3.0..3.0f64, (-2..3i32).prop_map(f64::from)];
    rows.prop_flat_map(move |n| prop::collection::vec(value.clone(), n * width)).prop_map(
        move |values| Matrix::from_fn(values.len() / width, width, |i, k| values[i * width + k]),
    )
}

fn masses(n: usize) -> impl Strategy<Value = Option<Vec<f64>>> {
    let some = prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), 0.01..1.0f64], n)
        .prop_filter("some mass", |mass| mass.iter().sum::<f64>() > 0.1);
    prop::option::of(some)
}

fn weighted(width: usize) -> impl Strategy<Value = (Matrix, Option<Vec<f64>>)> {
    points(1..14, width).prop_flat_map(|points| {
        let mass = masses(points.nrows());
        (Just(points), mass)
    })
}

fn cases(count: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(count) }
}

// Sliced Wasserstein

fn sliced(x: &Matrix, y: &Matrix, p: f64) -> f64 {
    sliced_wasserstein(x.view(), y.view(), None, None, p, 50, 7).unwrap().distance
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
        let found = along(directions.view(), x.view(), y.view(), Some(&a), Some(&b), p).unwrap();
        found.iter().zip(with_mass).for_each(|(f, w)| assert_close(*f, w, 1e-13));
        let found = along(directions.view(), x.view(), y.view(), None, None, p).unwrap();
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
    let found = sliced_wasserstein(x.view(), y.view(), None, None, 1.0, 20, 0).unwrap();
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
        let found = sliced_wasserstein(x.view(), y.view(), None, None, 2.0, 200, seed).unwrap();
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
        sliced_wasserstein(x.view(), y.view(), None, None, 2.0, projections, seed).unwrap()
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
    let found = sliced_wasserstein(huge.view(), x.view(), None, None, 2.0, 9, 0);
    assert_eq!(found.unwrap_err(), TransportError::BadProjection);
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
        let found = along(direction.view(), x.view(), y.view(), a.as_deref(), b.as_deref(), p)
            .unwrap()[0];
        let projected = |points: &Matrix| points.times_transposed(&direction);
        // The exact solver is exact in the p-th power, whose root magnifies rounding near zero.
        assert_close(found.powf(p), exact(&projected(&x), &projected(&y)).powf(p), 1e-10);
        prop_assert!(found <= exact(&x, &y) + 1e-9);
    }
}

#[test]
fn a_weight_of_two_is_a_point_twice() {
    let (x, y) = reference_points();
    let twice = Matrix::from_fn(24, 3, |i, k| x.row(i / 2)[k]);
    let mass = vec![2.0; 12];
    let run = |x: &Matrix, mass: Option<&[f64]>| {
        sliced_wasserstein(x.view(), y.view(), mass, None, 2.0, 20, 1).unwrap().distance
    };
    assert_close(run(&twice, None), run(&x, Some(&mass)), 1e-13);
    let settings = Sinkhorn::default();
    let run = |x: &Matrix, mass: Option<&[f64]>| {
        sinkhorn_divergence(x.view(), y.view(), mass, None, &settings).unwrap().divergence
    };
    assert_close(run(&twice, None), run(&x, Some(&mass)), 1e-12);
}

// Sinkhorn divergence

fn sinkhorn(x: &Matrix, y: &Matrix, settings: &Sinkhorn) -> SinkhornDivergence {
    sinkhorn_divergence(x.view(), y.view(), None, None, settings).unwrap()
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
        let settings = Sinkhorn { power, epsilon: Some(epsilon), ..Sinkhorn::default() };
        let found = sinkhorn_divergence(x.view(), y.view(), Some(&a), Some(&b), &settings).unwrap();
        assert_close(found.divergence, wanted, 1e-12);
        assert!(found.gap <= 1e-7 && found.marginal_error <= settings.tolerance, "{found:?}");
    }
}

#[test]
fn two_points_have_their_cost_as_divergence() {
    let (x, y) = (Matrix::from_fn(1, 2, |_, _| 0.0), Matrix::from_fn(1, 2, |_, _| 3.0));
    let found = sinkhorn(&x, &y, &Sinkhorn::default());
    assert_close(found.divergence, 18.0, 1e-14);
    assert_close(found.epsilon, 0.9, 1e-14);
    assert_eq!(found.gap, 0.0);
    let zero = sinkhorn(&x, &x, &Sinkhorn::default());
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
    let settings = Sinkhorn { power: 1.0, epsilon: Some(1e6), ..Sinkhorn::default() };
    assert_close(sinkhorn(&x, &y, &settings).divergence, wanted, 1e-5);
}

#[test]
fn clusters_far_apart_do_not_overflow() {
    // Costs from 1e-4 to 1e8 at a regularisation of 1e-2: kernel entries of exp(-1e10).
    let place = |i: usize, shift: f64| [0.0, 1e4][i % 2] + shift + 1e-2 * i as f64;
    let x = Matrix::from_fn(8, 1, |i, _| place(i, 0.0));
    let y = Matrix::from_fn(8, 1, |i, _| place(i, 0.3));
    let settings = Sinkhorn { epsilon: Some(1e-2), ..Sinkhorn::default() };
    let found = sinkhorn(&x, &y, &settings);
    assert_close(found.divergence, 0.09, 1e-6);
    // A marginal error of 1e-9 can cost as much of the largest cost.
    assert!(found.gap <= 0.1, "{found:?}");
}

#[test]
fn stopping_short_is_an_error_that_says_what_to_do() {
    let (x, y) = reference_points();
    let settings = Sinkhorn { epsilon: Some(0.1), max_iterations: 3, ..Sinkhorn::default() };
    let error = sinkhorn_divergence(x.view(), y.view(), None, None, &settings).unwrap_err();
    assert!(matches!(error, TransportError::SinkhornNotConverged { iterations: 3, .. }));
    assert!(error.to_string().contains("raise the regularisation epsilon"), "{error}");
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn sinkhorn_divergence_is_symmetric_and_zero_only_at_home(
        (x, a) in weighted(2), (y, b) in weighted(2),
        power in prop_oneof![Just(1.0), Just(2.0), 1.0..2.0f64],
    ) {
        let settings = Sinkhorn { power, epsilon: Some(0.5), ..Sinkhorn::default() };
        let run = |x: &Matrix, a: &Option<Vec<f64>>, y: &Matrix, b: &Option<Vec<f64>>| {
            sinkhorn_divergence(x.view(), y.view(), a.as_deref(), b.as_deref(), &settings).unwrap()
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
        let settings = Sinkhorn { power, epsilon: Some(epsilon), ..Sinkhorn::default() };
        let found =
            sinkhorn_divergence(x.view(), y.view(), a.as_deref(), b.as_deref(), &settings).unwrap();
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
        let settings = Sinkhorn::default();
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
        let settings = Sinkhorn { epsilon: Some(epsilon), ..Sinkhorn::default() };
        let found = sinkhorn(&x, &map(&x, |v| v + 0.5), &settings).divergence;
        assert_close(found, 0.75, 1e-10);
    }
}

#[test]
fn bad_transport_input_is_named() {
    let (x, y) = reference_points();
    let narrow = wave(5, 2, 1.0, 0.0);
    let empty = Matrix::zeros(0, 3);
    let settings = Sinkhorn::default();
    let sliced = |x: &Matrix, y: &Matrix, mass: Option<&[f64]>, p, projections| {
        sliced_wasserstein(x.view(), y.view(), mass, None, p, projections, 0).unwrap_err()
    };
    let entropic = |x: &Matrix, y: &Matrix, mass: Option<&[f64]>, settings: &Sinkhorn| {
        sinkhorn_divergence(x.view(), y.view(), mass, None, settings).unwrap_err()
    };
    assert_eq!(sliced(&x, &y, None, 2.0, 0), TransportError::NoProjections);
    for p in [0.5, f64::NAN, f64::INFINITY] {
        assert!(matches!(sliced(&x, &y, None, p, 9), TransportError::Power { .. }));
        let settings = Sinkhorn { power: p, ..settings };
        assert!(matches!(entropic(&x, &y, None, &settings), TransportError::Power { .. }));
    }
    for epsilon in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-308] {
        let settings = Sinkhorn { epsilon: Some(epsilon), ..settings };
        assert!(matches!(entropic(&x, &y, None, &settings), TransportError::BadEpsilon { .. }));
    }
    let both = |x: &Matrix, y: &Matrix, mass: Option<&[f64]>| {
        [sliced(x, y, mass, 2.0, 9), entropic(x, y, mass, &settings)]
    };
    for error in both(&x, &narrow, None) {
        assert_eq!(error, TransportError::Width { source_width: 3, target_width: 2 });
    }
    for error in both(&empty, &y, None) {
        assert_eq!(error, TransportError::EmptySide);
    }
    for error in both(&x, &y, Some(&[1.0])) {
        let side = "source";
        assert_eq!(error, TransportError::MassCount { side, found: 1, expected: 12 });
    }
    for error in both(&x, &y, Some(&[0.0; 12])) {
        assert_eq!(error, TransportError::NoMass { side: "source" });
    }
    let mut bad = [1.0; 12];
    bad[4] = -1.0;
    for error in both(&x, &y, Some(&bad)) {
        assert_eq!(error, TransportError::BadMass { side: "source", index: 4, value: -1.0 });
    }
    bad[4] = 1e-20;
    assert!(matches!(entropic(&x, &y, Some(&bad), &settings), TransportError::MassRange { .. }));
    let huge = map(&x, |v| v * 1e200);
    assert!(matches!(entropic(&huge, &y, None, &settings), TransportError::PowerRange { .. }));
}

// Classed tables

/// Rows of a table in classes given by a label for each.
#[derive(Debug)]
struct Task {
    points: Matrix,
    classes: Vec<Vec<u32>>,
}

impl Task {
    fn new(points: Matrix, label: impl Fn(usize) -> usize, classes: usize) -> Self {
        let mut rows = vec![Vec::new(); classes];
        for i in 0..points.nrows() {
            rows[label(i)].push(i as u32);
        }
        rows.retain(|class| !class.is_empty());
        Self { points, classes: rows }
    }

    fn table(&self) -> ClassedTable<'_> {
        let shape = (self.points.nrows(), self.points.ncols());
        let view = ArrayView2::from_shape(shape, self.points.values()).unwrap();
        ClassedTable { table: Table::F64(view), classes: &self.classes }
    }
}

fn reference_tasks() -> (Task, Task) {
    let (x, y) = reference_points();
    (Task::new(x, |i| i % 3, 3), Task::new(y, |i| i % 2, 2))
}

fn tasks(most_classes: usize) -> impl Strategy<Value = Task> {
    points(3..14, 2)
        .prop_flat_map(move |points| {
            let labels = prop::collection::vec(0..most_classes, points.nrows());
            (Just(points), labels)
        })
        .prop_map(move |(points, labels)| Task::new(points, |i| labels[i], most_classes))
}

// OT-NCE and OTCE

#[test]
fn ot_nce_is_pots() {
    // G = ot.emd(uniform, uniform, ot.dist(x, y)); the entropy of the labels' joint by numpy.
    let (source, target) = reference_tasks();
    let found = ot_nce(source.table(), target.table(), None, 0).unwrap();
    assert_close(found.ot_nce, -0.6742695098049011, 1e-13);
    assert_close(found.wasserstein, 3.2779895459544592, 1e-13);
    assert_eq!(found.conditional_entropy, -found.ot_nce);
}

#[test]
fn ot_nce_knows_a_deterministic_label_map_and_independence() {
    let x = wave(12, 3, 1.3, 0.0);
    let source = Task::new(x.clone(), |i| i % 4, 4);
    let coarser = Task::new(x.clone(), |i| i % 2, 2);
    let found = ot_nce(source.table(), coarser.table(), None, 0).unwrap();
    assert_eq!((found.ot_nce, found.wasserstein), (0.0, 0.0));
    assert!(found.ot_nce.is_sign_positive(), "-0 would be printed as such");
    // The other way round each source class is two target classes, half and half.
    let found = ot_nce(coarser.table(), source.table(), None, 0).unwrap();
    assert_close(found.ot_nce, -2f64.ln(), 1e-14);
    let independent = Task::new(x, |i| i / 4, 3);
    let found = ot_nce(source.table(), independent.table(), None, 0).unwrap();
    assert_close(found.ot_nce, -3f64.ln(), 1e-14);
}

#[test]
fn otce_is_linear_in_its_terms() {
    let terms = OtNce { ot_nce: -0.5, wasserstein: 2.0, conditional_entropy: 0.5 };
    let coefficients =
        OtceCoefficients { wasserstein: -0.1, conditional_entropy: -0.4, intercept: 0.9 };
    assert_close(otce(&terms, &coefficients), 0.5, 1e-15);
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn ot_nce_lies_between_minus_the_label_entropy_and_zero(source in tasks(4),
        target in tasks(4)) {
        prop_assume!(target.classes.len() > 1);
        let found = ot_nce(source.table(), target.table(), None, 0).unwrap();
        let n = target.table().count() as f64;
        let entropy: f64 =
            target.classes.iter().map(|c| c.len() as f64 / n).map(|p| -p * p.ln()).sum();
        prop_assert!(found.ot_nce <= 0.0 && found.ot_nce >= -entropy - 1e-12);
        let distance =
            wasserstein(&source.points, &target.points, None, None, 2.0).unwrap();
        assert_close(found.wasserstein, distance * distance, 1e-12);
    }
}

#[test]
fn ot_nce_sees_neither_class_order_nor_float_width() {
    let (source, target) = reference_tasks();
    let wanted = ot_nce(source.table(), target.table(), None, 0).unwrap();
    let reversed = Task {
        points: target.points.clone(),
        classes: target.classes.iter().rev().cloned().collect(),
    };
    let found = ot_nce(source.table(), reversed.table(), None, 0).unwrap();
    assert_close(found.ot_nce, wanted.ot_nce, 1e-14);
    let single: Vec<f32> = target.points.values().iter().map(|v| *v as f32).collect();
    let view = ArrayView2::from_shape((9, 3), &single).unwrap();
    let narrow = ClassedTable { table: Table::F32(view), classes: &target.classes };
    let found = ot_nce(source.table(), narrow, None, 0).unwrap();
    assert_close(found.ot_nce, wanted.ot_nce, 1e-14);
    assert_close(found.wasserstein, wanted.wasserstein, 1e-6);
}

proptest! {
    #![proptest_config(cases(200))]

    /// Points of a small grid: many couplings cost the same, and rows are repeated.
    #[test]
    fn ties_and_draws_depend_on_no_order_or_name(
        labels in prop::collection::vec((0..3usize, 0..3usize), 12),
        cells in prop::collection::vec((0..3i32, 0..2i32), 24),
        order in Just((0..12usize).collect::<Vec<usize>>()).prop_shuffle(),
        limit in prop_oneof![Just(None), Just(Some(7))],
    ) {
        let at = |i: usize, k: usize| f64::from([cells[i].0, cells[i].1][k]);
        let source = Task::new(Matrix::from_fn(12, 2, at), |i| labels[i].0, 3);
        let target = Task::new(Matrix::from_fn(12, 2, |i, k| at(12 + i, k)), |i| labels[i].1, 3);
        prop_assume!(target.classes.len() > 1);
        let other = |task: &Task, label: &dyn Fn(usize) -> usize| {
            let points = Matrix::from_fn(12, 2, |i, k| task.points.row(order[i])[k]);
            Task::new(points, |i| 2 - label(order[i]), 3)
        };
        let others = (other(&source, &|i| labels[i].0), other(&target, &|i| labels[i].1));
        let coupled = |s: &Task, t: &Task| ot_nce(s.table(), t.table(), limit, 5).ok();
        prop_assert_eq!(coupled(&source, &target), coupled(&others.0, &others.1));
        let moved = |s: &Task, t: &Task| {
            otdd(s.table(), t.table(), InnerDistance::Exact, 2.0, limit, 5).unwrap().otdd
        };
        prop_assert_eq!(moved(&source, &target), moved(&others.0, &others.1));
    }
}

// OTDD

#[test]
fn otdd_is_pots() {
    // ot.emd2 on |x - y|^p plus, for each pair of classes, ot.emd2 on its block, or
    // |m - m'|^2 + the Bures term from scipy.linalg.sqrtm and covariances with bias=True.
    let (source, target) = reference_tasks();
    let references =
        [(1.0, 3.9731235810991614), (2.0, 3.1013942417302274), (3.0, 3.017662935317994)];
    for (p, wanted) in references {
        let found = otdd(source.table(), target.table(), InnerDistance::Exact, p, None, 0).unwrap();
        assert_close(found.distance, wanted, 1e-13);
        assert_eq!(found.otdd, -found.distance);
    }
    let found = otdd(source.table(), target.table(), InnerDistance::Gaussian, 2.0, None, 0);
    assert_close(found.unwrap().distance, 2.7261293736669385, 1e-7);
}

#[test]
fn one_row_classes_have_the_closed_form() {
    // d^2 = |x - x'|^2 + |x - x'|^2, with either inner distance.
    let source = Task::new(Matrix::from_fn(1, 2, |_, _| 0.0), |_| 0, 1);
    let target = Task::new(Matrix::from_fn(1, 2, |_, _| 3.0), |_| 0, 1);
    for inner in [InnerDistance::Exact, InnerDistance::Gaussian] {
        let found = otdd(source.table(), target.table(), inner, 2.0, None, 0).unwrap();
        assert_close(found.distance, 6.0, 1e-14);
    }
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn otdd_is_a_metric(
        x in tasks(3), y in tasks(3), z in tasks(3),
        p in prop_oneof![Just(1.0), Just(2.0), Just(3.0)],
    ) {
        let run = |a: &Task, b: &Task| {
            otdd(a.table(), b.table(), InnerDistance::Exact, p, None, 0).unwrap().distance
        };
        prop_assert_eq!(run(&x, &x), 0.0);
        assert_close(run(&y, &x), run(&x, &y), 1e-11);
        prop_assert!(run(&x, &z) <= run(&x, &y) + run(&y, &z) + 1e-9);
        // Never below the distance of the features alone.
        let features = wasserstein(&x.points, &y.points, None, None, p).unwrap();
        prop_assert!(run(&x, &y) >= features - 1e-9);
    }

    #[test]
    fn gaussian_otdd_is_below_the_exact_one(x in tasks(3), y in tasks(3)) {
        let run = |a: &Task, b: &Task, inner| {
            otdd(a.table(), b.table(), inner, 2.0, None, 0).unwrap().distance
        };
        prop_assert!(run(&x, &y, InnerDistance::Gaussian) <= run(&x, &y, InnerDistance::Exact) +
            1e-6);
        prop_assert!(run(&x, &x, InnerDistance::Gaussian) < 1e-3);
        assert_close(run(&y, &x, InnerDistance::Gaussian), run(&x, &y, InnerDistance::Gaussian),
            1e-6);
    }

    #[test]
    fn otdd_follows_scale_and_shift(
        x in tasks(3), y in tasks(3), scale in 0.1..10.0f64, shift in -5.0..5.0f64,
        inner in prop_oneof![Just(InnerDistance::Exact), Just(InnerDistance::Gaussian)],
    ) {
        let run = |a: &Task, b: &Task| otdd(a.table(), b.table(), inner, 2.0, None, 0)
            .unwrap().distance;
        let moved = |task: &Task| Task {
            points: map(&task.points, |v| v * scale + shift),
            classes: task.classes.clone(),
        };
        assert_close(run(&moved(&x), &moved(&y)) / scale, run(&x, &y), 1e-5);
    }
}

#[test]
fn otdd_sees_a_relabelling_that_the_features_do_not() {
    let x = wave(12, 3, 1.3, 0.0);
    let sorted = Task::new(x.clone(), |i| usize::from(x.row(i)[0] > 0.0), 2);
    let shuffled = Task::new(x.clone(), |i| i % 2, 2);
    let found = otdd(sorted.table(), shuffled.table(), InnerDistance::Exact, 2.0, None, 0);
    assert!(found.unwrap().distance > 0.5);
    assert_eq!(wasserstein(&x, &x, None, None, 2.0).unwrap(), 0.0);
}

#[test]
fn a_limit_draws_by_seed_and_draws_the_same_rows_of_the_same_task() {
    let task = Task::new(wave(60, 3, 1.3, 0.0), |i| i % 3, 3);
    let other = Task::new(wave(50, 3, 0.7, 0.5), |i| i % 2, 2);
    let run = |limit, seed| {
        let exact = InnerDistance::Exact;
        let distance = otdd(task.table(), other.table(), exact, 2.0, limit, seed).unwrap();
        (distance.distance, ot_nce(task.table(), other.table(), limit, seed).unwrap())
    };
    assert_eq!(run(Some(20), 3), run(Some(20), 3));
    assert_ne!(run(Some(20), 3).0, run(Some(20), 4).0);
    assert_eq!(run(Some(60), 3), run(None, 9));
    let home = otdd(task.table(), task.table(), InnerDistance::Exact, 2.0, Some(20), 5).unwrap();
    assert_eq!(home.distance, 0.0);
}

#[test]
fn bad_score_input_is_named() {
    let (source, target) = reference_tasks();
    let narrow = Task::new(wave(6, 2, 1.0, 0.0), |i| i % 2, 2);
    let one_class = Task::new(wave(6, 3, 1.0, 0.0), |_| 0, 1);
    let nothing = Task { points: Matrix::zeros(0, 3), classes: vec![] };
    let exact = InnerDistance::Exact;
    assert_eq!(
        ot_nce(source.table(), narrow.table(), None, 0).unwrap_err(),
        ScoreError::Width { score: "OT-NCE", source_width: 3, target_width: 2 }
    );
    assert_eq!(
        ot_nce(source.table(), one_class.table(), None, 0).unwrap_err(),
        ScoreError::FewClasses { score: "OT-NCE", found: 1 }
    );
    for found in [
        ot_nce(nothing.table(), target.table(), None, 0).err(),
        otdd(nothing.table(), target.table(), exact, 2.0, None, 0).err(),
        otdd(source.table(), target.table(), exact, 2.0, Some(0), 0).err(),
    ] {
        assert_eq!(found, Some(ScoreError::Transport(TransportError::EmptySide)));
    }
    assert_eq!(
        otdd(source.table(), target.table(), InnerDistance::Gaussian, 1.0, None, 0).unwrap_err(),
        ScoreError::GaussianPower { p: 1.0 }
    );
    let found = otdd(source.table(), target.table(), exact, 0.5, None, 0).unwrap_err();
    assert!(matches!(found, ScoreError::Transport(TransportError::Power { .. })));
    let huge = Task { points: map(&source.points, |v| v * 1e200), classes: source.classes.clone() };
    let found = otdd(huge.table(), target.table(), exact, 2.0, None, 0).unwrap_err();
    assert!(matches!(found, ScoreError::Transport(TransportError::BadCost { .. })));
}
