//! Exact transport: optimality, certificates and marginals on random and on awkward problems.

use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::transport::costs::cost_rows::CostRows;
use polars_transferability::transport::costs::distance_rows::Power;
use polars_transferability::transport::costs::ground_cost;
use polars_transferability::transport::exact::network_simplex::NetworkSimplex;
use polars_transferability::transport::exact::{transport, Measure, Solver};
use polars_transferability::transport::{wasserstein, Move, Plan, Side, TransportError, Weights};
use proptest::prelude::*;

use crate::generators::cases;

/// Checks everything that makes a plan an optimum, from the plan and its duals alone.
fn assert_optimal(plan: &Plan, cost: &[f64], source: &[f64], target: &[f64]) {
    let (n, m) = (source.len(), target.len());
    let scale = cost.iter().fold(0.0_f64, |acc, c| acc.max(c.abs()));
    let total = |mass: &[f64]| mass.iter().sum::<f64>();
    let (mut rows, mut columns) = (vec![0.0; n], vec![0.0; m]);
    let mut value = 0.0;
    for &Move { source, target, mass } in &plan.moves {
        assert!(mass > 0.0);
        rows[source as usize] += mass;
        columns[target as usize] += mass;
        value += mass * cost[source as usize * m + target as usize];
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

/// A solver for weighted points.
fn solver(source: &[f64], target: &[f64]) -> Solver {
    let weights = Weights { source: Some(source), target: Some(target) };
    Solver::new([source.len(), target.len()], weights, Measure::Distances).unwrap()
}

fn solve(solver: &mut Solver, cost: &[f64], n: usize) -> Result<Plan, TransportError> {
    solver.solve(&mut CostRows::of_matrix(cost, n, cost.len() / n)?)
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
    let distances = ground_cost::euclidean(x.view(), y.view(), Power::One);
    distances.into_iter().map(|d| (d / scale).powf(p)).collect()
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn the_network_simplex_is_optimal((source, target, cost) in problem()) {
        let plan = solve(&mut solver(&source, &target), &cost, source.len()).unwrap();
        assert_optimal(&plan, &cost, &source, &target);
    }

    #[test]
    fn the_assignment_is_optimal(cost in (1usize..40).prop_flat_map(|n| costs(n * n))) {
        let n = (cost.len() as f64).sqrt() as usize;
        let costs = CostRows::of_matrix(&cost, n, n).unwrap();
        let plan = transport(costs, Weights::UNIFORM, Measure::Distances).unwrap();
        assert_eq!(plan.moves.len(), n);
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
        let mut warm = solver(&source, &target);
        solve(&mut warm, &first, source.len()).unwrap();
        let again = solve(&mut warm, &second, source.len()).unwrap();
        let cold = solve(&mut solver(&source, &target), &second, source.len()).unwrap();
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
            let weights = Weights { source: Some(&a), target: Some(&b) };
            let found = wasserstein::plan(x, y, weights, p, memory,
                Parallelism::Sequential);
            found.map(|found| (found.plan, found.scale))
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

proptest! {
    #![proptest_config(cases(500))]

    /// The optimum among all assignments, found by trying them, for costs that are whole powers of
    /// ten.
    #[test]
    fn costs_of_any_size_have_the_optimum_of_brute_force(
        exponents in (1usize..6).prop_flat_map(|n| prop::collection::vec(-150i32..150, n * n)),
        weighted: bool,
    ) {
        let n = exponents.len().isqrt();
        let cost: Vec<f64> = exponents.iter().map(|e| 10f64.powi(*e)).collect();
        let mut orders = vec![vec![]];
        for _ in 0..n {
            orders = orders
                .into_iter()
                .flat_map(|order: Vec<usize>| {
                    let free = (0..n).filter(|j| !order.contains(j)).collect::<Vec<_>>();
                    free.into_iter().map(move |j| [&order[..], &[j]].concat())
                })
                .collect();
        }
        let total = |order: &Vec<usize>| -> f64 {
            order.iter().enumerate().map(|(i, &j)| cost[i * n + j]).sum()
        };
        let wanted = orders.iter().map(total).fold(f64::INFINITY, f64::min) / n as f64;
        let mass = vec![0.3; n];
        let weights = weighted.then_some(&mass[..]);
        let costs = CostRows::of_matrix(&cost, n, n).unwrap();
        let weights = Weights { source: weights, target: weights };
        let plan = transport(costs, weights, Measure::Distances).unwrap();
        prop_assert!((plan.value - wanted).abs() <= 1e-9 * wanted, "{:e} {:e}", plan.value, wanted);
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
            let (x, y) = (x.view().into(), y.view().into());
            let weights = Weights { source: a.as_deref(), target: b.as_deref() };
            let found =
                wasserstein::plan(x, y, weights, 1.0, memory, Parallelism::Sequential).unwrap();
            (found.plan, found.scale)
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

#[test]
fn bad_input_is_named() {
    let new = NetworkSimplex::new;
    assert_eq!(new(&[], &[1.0]).unwrap_err(), TransportError::EmptySide);
    assert!(matches!(
        new(&[1.0, -1.0], &[1.0]),
        Err(TransportError::BadMass { side: Side::Source, index: 1, .. })
    ));
    assert!(matches!(new(&[1.0], &[0.0, 0.0]), Err(TransportError::NoMass { side: Side::Target })));
    assert!(matches!(new(&[1.0, 1e-30], &[1.0]), Err(TransportError::MassRange { .. })));
    let mut problem = solver(&[1.0, 1.0], &[1.0, 1.0]);
    assert!(matches!(
        solve(&mut problem, &[0.0, 1.0, f64::NAN, 0.0], 2),
        Err(TransportError::BadCost { row: 1, column: 0, .. })
    ));
    assert!(matches!(
        solve(&mut problem, &[0.0; 3], 2),
        Err(TransportError::Shape { found: 3, .. })
    ));
}

#[test]
fn costs_that_overflow_end() {
    let (n, m) = (30, 40);
    let cost: Vec<f64> =
        (0..n * m).map(|k| if k % 3 == 0 { f64::MAX } else { -f64::MAX }).collect();
    let outcome = solve(&mut solver(&vec![1.0; n], &vec![1.0; m]), &cost, n);
    assert!(matches!(outcome, Err(TransportError::NotOptimal { .. })), "{outcome:?}");
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
        let mut warm = solver(&a, &b);
        // The second starts where the first ended.
        for cost in [&cost, &tied] {
            assert_optimal(&solve(&mut warm, cost, n).unwrap(), cost, &a, &b);
        }
        assert_optimal(&solve(&mut solver(&a, &b), &tied, n).unwrap(), &tied, &a, &b);
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
        let found =
            wasserstein::plan(source, target, Weights::UNIFORM, 1.0, memory, sequential).unwrap();
        let uniform = |of: &Matrix| vec![1.0; of.nrows()];
        assert_optimal(&found.plan, &power_costs(x, y, 1.0, found.scale), &uniform(x), &uniform(y));
    }
}
