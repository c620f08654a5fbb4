//! Exact transport: optimality, certificates and marginals on random and on awkward problems.

use polars_transferability::matrix::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::transport::network_simplex::NetworkSimplex;
use polars_transferability::transport::{
    assignment, ground_cost, wasserstein, Plan, TransportError,
};
use proptest::prelude::*;

/// Checks everything that makes a plan an optimum, from the plan and its duals alone.
fn assert_optimal(plan: &Plan, cost: &[f64], source: &[f64], target: &[f64]) {
    let (n, m) = (source.len(), target.len());
    let scale = cost.iter().fold(0.0_f64, |acc, c| acc.max(c.abs()));
    let total = |mass: &[f64]| mass.iter().sum::<f64>();
    let (mut rows, mut columns) = (vec![0.0; n], vec![0.0; m]);
    let mut value = 0.0;
    for &(i, j, mass) in &plan.pairs {
        assert!(mass > 0.0);
        rows[i as usize] += mass;
        columns[j as usize] += mass;
        value += mass * cost[i as usize * m + j as usize];
    }
    for (found, wanted) in rows.iter().zip(source) {
        assert!((found - wanted / total(source)).abs() < 1e-13, "row marginal");
    }
    for (found, wanted) in columns.iter().zip(target) {
        assert!((found - wanted / total(target)).abs() < 1e-13, "column marginal");
    }
    assert!((value - plan.value).abs() <= 1e-13 * scale, "value");
    let mut dual = 0.0;
    for (i, u) in plan.source_dual.iter().enumerate() {
        dual += u * source[i] / total(source);
        for (j, v) in plan.target_dual.iter().enumerate() {
            assert!(u + v <= cost[i * m + j] + 1e-12 * scale, "dual feasibility");
        }
    }
    dual += plan.target_dual.iter().zip(target).map(|(v, b)| v * b / total(target)).sum::<f64>();
    assert!((plan.value - dual).abs() <= 1e-12 * scale, "gap {}", plan.value - dual);
}

fn masses(n: usize) -> impl Strategy<Value = Vec<f64>> {
    // Zero masses, equal masses and very small ones.
    prop::collection::vec(prop_oneof![Just(0.0), Just(1.0), 1e-9..1.0f64], n)
        .prop_filter("some mass", |mass| mass.iter().sum::<f64>() > 0.1)
}

/// Costs with ties, with duplicate rows, and over many scales.
fn costs(size: usize) -> impl Strategy<Value = Vec<f64>> {
    let entry = prop_oneof![
        (0..4i32).prop_map(f64::from),
        -1.0..1.0f64,
        (0.0..1.0f64).prop_map(|v| if v < 0.6 { 0.0 } else { (v - 0.6).powi(3) * 250.0 }),
    ];
    (
        prop::collection::vec(entry, size),
        prop_oneof![Just(1.0), Just(1e-200), Just(1e200), Just(1e-9)],
    )
        .prop_map(|(costs, scale)| costs.into_iter().map(|c| c * scale).collect())
}

fn problem() -> impl Strategy<Value = (Vec<f64>, Vec<f64>, Vec<f64>)> {
    (1usize..40, 1usize..40).prop_flat_map(|(n, m)| (masses(n), masses(m), costs(n * m)))
}

/// Points on a coarse grid, so that some coincide, with masses.
fn cloud(count: usize, width: usize) -> impl Strategy<Value = (Matrix, Vec<f64>)> {
    let coordinate = prop_oneof![(0..3i32).prop_map(f64::from), -3.0..3.0f64];
    (prop::collection::vec(coordinate, count * width), masses(count)).prop_map(
        move |(values, mass)| (Matrix::from_fn(count, width, |i, k| values[i * width + k]), mass),
    )
}

/// The costs that `wasserstein::plan` is optimal for.
fn power_costs(x: &Matrix, y: &Matrix, p: f64, scale: f64) -> Vec<f64> {
    let distances = ground_cost::euclidean(x.view(), y.view(), false);
    distances.into_iter().map(|d| (d / scale).powf(p)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn the_network_simplex_is_optimal((source, target, cost) in problem()) {
        let plan = NetworkSimplex::new(&source, &target).unwrap().solve(&cost).unwrap();
        assert_optimal(&plan, &cost, &source, &target);
    }

    #[test]
    fn the_assignment_is_optimal(cost in (1usize..40).prop_flat_map(|n| costs(n * n))) {
        let n = (cost.len() as f64).sqrt() as usize;
        let plan = assignment::solve(&cost, n).unwrap();
        assert_eq!(plan.pairs.len(), n);
        let uniform = vec![1.0; n];
        assert_optimal(&plan, &cost, &uniform, &uniform);
    }

    #[test]
    fn a_warm_start_finds_the_same_optimum(
        (source, target, first) in problem(),
        shift in -1.0..1.0f64,
    ) {
        let second: Vec<f64> = first.iter().enumerate()
            .map(|(k, c)| c * (1.0 + 0.5 * shift * (k as f64).sin()))
            .collect();
        let mut warm = NetworkSimplex::new(&source, &target).unwrap();
        warm.solve(&first).unwrap();
        let again = warm.solve(&second).unwrap();
        let cold = NetworkSimplex::new(&source, &target).unwrap().solve(&second).unwrap();
        let scale = second.iter().fold(0.0_f64, |acc, c| acc.max(c.abs()));
        assert!((again.value - cold.value).abs() <= 1e-12 * scale);
    }

    #[test]
    fn costs_computed_in_blocks_give_the_same_optimum(
        ((x, a), (y, b)) in (1usize..40, 1usize..40, 1usize..5)
            .prop_flat_map(|(n, m, d)| (cloud(n, d), cloud(m, d))),
        p in prop_oneof![Just(1.0), Just(2.0), Just(3.5)],
        rows in 0usize..40,
    ) {
        let (n, m) = (x.nrows(), y.nrows());
        let solve = |memory| {
        let (x, y) = (x.view().into(), y.view().into());
        wasserstein::plan(x, y, Some(&a), Some(&b), p, memory, Parallelism::Sequential)
    };
        let (held, scale) = solve(usize::MAX).unwrap();
        let (computed, near) = solve(rows.min(n - 1) * m * size_of::<f64>()).unwrap();
        // Blocks of other sizes may round in other ways.
        assert!((near - scale).abs() <= 1e-14 * scale);
        let cost = power_costs(&x, &y, p, near);
        assert_optimal(&computed, &cost, &a, &b);
        let largest = cost.iter().fold(0.0_f64, |acc, c| acc.max(*c));
        assert!((computed.value - held.value).abs() <= 1e-12 * largest);
    }
}

/// Large enough for a coarse start and for several rounds over each block.
#[test]
fn many_points_in_little_memory() {
    let points = |n: usize, phase: f64| {
        Matrix::from_fn(n, 6, |i, k| ((i * 6 + k) as f64 * 12.9898 + phase).sin() * 437.585 % 1.0)
    };
    let (x, y) = (points(1500, 0.0), points(900, 0.7));
    let mass = |n: usize| (0..n).map(|i| (i % 7) as f64).collect::<Vec<_>>();
    for (a, b) in [(None, None), (Some(mass(1500)), Some(mass(900)))] {
        let solve = |rows: usize| {
            let memory = rows * 900 * size_of::<f64>();
            let (x, y, a, b) = (x.view().into(), y.view().into(), a.as_deref(), b.as_deref());
            wasserstein::plan(x, y, a, b, 1.0, memory, Parallelism::Sequential).unwrap()
        };
        let ((held, _), (computed, scale)) = (solve(1500), solve(130));
        assert!((computed.value - held.value).abs() <= 1e-13);
        let uniform = |n: usize| vec![1.0; n];
        let masses = (a.clone().unwrap_or(uniform(1500)), b.clone().unwrap_or(uniform(900)));
        for plan in [held, computed] {
            assert_optimal(&plan, &power_costs(&x, &y, 1.0, scale), &masses.0, &masses.1);
        }
    }
}

/// The solver gets such a problem with its sides swapped.
#[test]
fn bad_input_of_more_source_than_target_points_is_named() {
    let x = Matrix::from_fn(501, 1, |i, _| if i == 500 { 1e200 } else { i as f64 });
    let y = Matrix::from_fn(500, 1, |j, _| j as f64);
    let solve = |a: Option<&[f64]>, b: Option<&[f64]>| {
        let (x, y) = (x.view().into(), y.view().into());
        wasserstein::wasserstein(x, y, a, b, 2.0, Parallelism::Sequential).unwrap_err()
    };
    let found = solve(None, None);
    assert!(matches!(found, TransportError::BadCost { row: 500, column: 0, .. }), "{found}");
    let mut mass = vec![1.0; 501];
    mass[7] = -1.0;
    let found = solve(Some(&mass), None);
    assert!(matches!(found, TransportError::BadMass { side: "source", index: 7, .. }), "{found}");
    let found = solve(None, Some(&[0.0; 500]));
    assert!(matches!(found, TransportError::NoMass { side: "target" }), "{found}");
    mass[7] = 1e-30;
    let found = solve(Some(&mass), None);
    assert!(matches!(found, TransportError::MassRange { side: "source", .. }), "{found}");
}

#[test]
fn overflowing_costs_are_named_in_little_memory() {
    let x = Matrix::from_fn(3, 1, |i, _| if i == 1 { 1e200 } else { 0.0 });
    for p in [1.0, 2.0, 3.0] {
        let (a, b) = (x.view().into(), x.view().into());
        let sequential = Parallelism::Sequential;
        let found = wasserstein::plan(a, b, None, None, p, 0, sequential).unwrap_err();
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
    let found = wasserstein::wasserstein(a, b, None, None, 1.0, Parallelism::Sequential).unwrap();
    x.sort_by(f64::total_cmp);
    y.sort_by(f64::total_cmp);
    let wanted = x.iter().zip(&y).map(|(a, b)| (a - b).abs()).sum::<f64>() / 50.0;
    assert!((found - wanted).abs() < 1e-13);
}

#[test]
fn bad_input_is_named() {
    let new = NetworkSimplex::new;
    assert_eq!(new(&[], &[1.0]).unwrap_err(), TransportError::EmptySide);
    assert!(matches!(
        new(&[1.0, -1.0], &[1.0]),
        Err(TransportError::BadMass { side: "source", index: 1, .. })
    ));
    assert!(matches!(new(&[1.0], &[0.0, 0.0]), Err(TransportError::NoMass { side: "target" })));
    assert!(matches!(new(&[1.0, 1e-30], &[1.0]), Err(TransportError::MassRange { .. })));
    let mut problem = new(&[1.0, 1.0], &[1.0, 1.0]).unwrap();
    assert!(matches!(
        problem.solve(&[0.0, 1.0, f64::NAN, 0.0]),
        Err(TransportError::BadCost { row: 1, column: 0, .. })
    ));
    assert!(matches!(problem.solve(&[0.0; 3]), Err(TransportError::Shape { found: 3, .. })));
}

/// Problems so large that rows get short lists of columns.
#[test]
fn short_lists_keep_the_optimum() {
    let points = |n: usize, phase: f64| {
        Matrix::from_fn(n, 5, |i, k| ((i * 5 + k) as f64 * 12.9898 + phase).sin() * 437.585 % 1.0)
    };
    let (n, m) = (1100, 900);
    let cost = power_costs(&points(n, 0.0), &points(m, 0.7), 1.0, 1.0);
    // So many ties that a list cannot hold all that are lowest.
    let tied: Vec<f64> = cost.iter().map(|c| (2.0 * c).round()).collect();
    let mass = |n: usize, cycle: usize| (0..n).map(|i| (1 + i % cycle) as f64).collect::<Vec<_>>();
    for (a, b) in [(vec![1.0; n], vec![1.0; m]), (mass(n, 13), mass(m, 7))] {
        let mut solver = NetworkSimplex::new(&a, &b).unwrap();
        // The second starts where the first ended.
        for cost in [&cost, &tied] {
            assert_optimal(&solver.solve(cost).unwrap(), cost, &a, &b);
        }
        assert_optimal(&NetworkSimplex::new(&a, &b).unwrap().solve(&tied).unwrap(), &tied, &a, &b);
    }
}

/// Rows that need far more columns each than a short list usually has, and the other way round.
#[test]
fn short_lists_serve_few_rows_of_many_columns() {
    let points = |n: usize, phase: f64| {
        Matrix::from_fn(n, 3, |i, k| ((i * 3 + k) as f64 * 78.233 + phase).sin() * 437.585 % 1.0)
    };
    let (few, many) = (points(20, 0.0), points(3000, 0.7));
    for (x, y) in [(&few, &many), (&many, &few)] {
        let (source, target) = (x.view().into(), y.view().into());
        let sequential = Parallelism::Sequential;
        // Computed costs always have lists.
        let memory = 10 * y.nrows() * size_of::<f64>();
        let (plan, scale) =
            wasserstein::plan(source, target, None, None, 1.0, memory, sequential).unwrap();
        let uniform = |of: &Matrix| vec![1.0; of.nrows()];
        assert_optimal(&plan, &power_costs(x, y, 1.0, scale), &uniform(x), &uniform(y));
    }
}
