//! Transport on a line: mass is best moved in order, whatever the cost, if that is a convex
//! function of the difference of two places. The first unit of one side goes to the first of the
//! other, and so on, which is the coupling of quantiles.
//!
//! Time `O((n + m) log(n + m))`, for sorting.
//!
//! Reference: Santambrogio, *Optimal Transport for Applied Mathematicians*, 2015, section 2.2.

use crate::transport::exact::masses::Masses;

/// Places in ascending order, each with its mass.
#[must_use]
pub fn in_order(places: impl IntoIterator<Item = f64>, masses: &[i64]) -> Vec<(f64, i64)> {
    let mut sorted = Vec::new();
    put_in_order(&mut sorted, places, masses);
    sorted
}

/// Overwrites `sorted` with places in ascending order, each with its mass.
pub fn put_in_order(
    sorted: &mut Vec<(f64, i64)>,
    places: impl IntoIterator<Item = f64>,
    masses: &[i64],
) {
    sorted.clear();
    sorted.extend(places.into_iter().zip(masses.iter().copied()));
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
}

/// Call `visit(from, to, mass)` with every move of the coupling of two sides that are in order.
/// What rounding of the masses left over is not moved.
pub fn for_each_move(
    source: &[(f64, i64)],
    target: &[(f64, i64)],
    masses: &Masses,
    mut visit: impl FnMut(f64, f64, f64),
) {
    let (mut source, mut target) = (source.iter().copied(), target.iter().copied());
    let (mut from, mut to) = (source.next(), target.next());
    while let (Some((a, supply)), Some((b, demand))) = (from, to) {
        let moved = supply.min(demand);
        if moved > masses.noise {
            visit(a, b, moved as f64 / masses.total as f64);
        }
        from = if supply > moved { Some((a, supply - moved)) } else { source.next() };
        to = if demand > moved { Some((b, demand - moved)) } else { target.next() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::costs::cost_rows::CostRows;
    use crate::transport::exact::{transport, Measure};
    use crate::transport::Weights;

    #[test]
    fn is_optimal_for_convex_costs() {
        let place = |k: usize| ((k as f64 * 12.9898).sin() * 43758.5453).fract();
        let (n, m) = (23, 40);
        let (x, y): (Vec<f64>, Vec<f64>) =
            ((0..n).map(place).collect(), (n..n + m).map(place).collect());
        let weights: Vec<f64> = (0..n).map(|i| (1 + i % 3) as f64).collect();
        let masses = Masses::new(&weights, &vec![1.0; m]).unwrap();
        let weights_of_source = Weights { source: Some(&weights), target: None };
        let source = in_order(x.iter().copied(), &masses.source);
        let target = in_order(y.iter().copied(), &masses.target);
        let costs: [fn(f64) -> f64; 3] = [f64::abs, |t| t.max(0.0), |t| t * t];
        for cost in costs {
            let mut value = 0.0;
            for_each_move(&source, &target, &masses, |a, b, mass| value += mass * cost(b - a));
            let matrix: Vec<f64> = (0..n * m).map(|k| cost(y[k % m] - x[k / m])).collect();
            let costs = CostRows::of_matrix(&matrix, n, m).unwrap();
            let plan = transport(costs, weights_of_source, Measure::Distances).unwrap();
            assert!((value - plan.value).abs() < 1e-12, "{value} {}", plan.value);
        }
    }
}
