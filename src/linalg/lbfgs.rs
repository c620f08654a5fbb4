//! Limited-memory BFGS with a strong Wolfe line search.
//!
//! References: Nocedal and Wright, *Numerical Optimization*, 2nd ed., 2006, algorithms 7.4, 7.5,
//! 3.5 and 3.6; Hager and Zhang, SIAM Journal on Optimization 16, 2005, for the conditions on a
//! step whose decrease is within rounding.

use std::collections::VecDeque;

use crate::linalg::error::OptimizeError;
use crate::linalg::matrix::dot;

/// Steps that are remembered.
const MEMORY: usize = 7;
/// Steps that are remembered where unknowns are many, because the steps are then most of the
/// memory.
const MEMORY_OF_MANY: usize = 4;
/// The number of unknowns from which on they are many.
const MANY: usize = 1 << 15;
/// The share of the decrease promised by the slope that a step must bring, and the share of the
/// slope that it may leave: the usual constants of the Wolfe conditions for quasi-Newton methods.
const SUFFICIENT_DECREASE: f64 = 1e-4;
const CURVATURE: f64 = 0.9;
/// A line search gives up after this many steps.
const LINE_SEARCH_STEPS: usize = 40;
/// Steps of a line search beyond which the direction had a wrong length.
const FAILED_STEPS: usize = 2;
/// Share of a value below which a change of it is rounding, so that slopes say whether a step
/// descends. A value near its minimum tells the gradient only to the root of that.
const ROUNDING: f64 = 1e-14;

/// A minimum and what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    pub value: f64,
    /// Largest absolute entry of the gradient.
    pub gradient: f64,
    pub iterations: usize,
}

/// A smooth function, with what is known about its curvature.
pub trait Objective {
    /// The value; overwrites the gradient.
    fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> f64;

    /// Called once in each iteration, with the point that it starts from. Whether the scale of
    /// `precondition` is to be measured again, as where it has changed; where it never does, there
    /// is nothing to lose by saying so each time. `has_failed`: the last direction had a wrong
    /// length, found in several steps.
    fn refresh(&mut self, _x: &[f64], _has_failed: bool) -> bool {
        true
    }

    /// Multiply by an approximate inverse of the second derivative; `refresh` was called before.
    fn precondition(&self, _vector: &mut [f64]) {}
}

/// Minimise from `x`, in place, until the gradient's largest entry is below `tolerance` or the
/// value no longer changes in floating point.
///
/// # Errors
/// `max_iterations` reached before that.
pub fn minimise(
    x: &mut [f64],
    tolerance: f64,
    max_iterations: usize,
    mut objective: impl Objective,
) -> Result<Minimum, OptimizeError> {
    let mut gradient = vec![0.0; x.len()];
    let mut value = objective.evaluate(x, &mut gradient);
    let memory = if x.len() < MANY { MEMORY } else { MEMORY_OF_MANY };
    let mut history: VecDeque<Pair> = VecDeque::with_capacity(memory);
    // Of the preconditioner; not measured each time, because each product with it costs time.
    let mut scale = 1.0;
    let mut search = LineSearch::new(x.len());
    for iterations in 0..max_iterations {
        let largest = max_abs(&gradient);
        let done = |value| Minimum { value, gradient: largest, iterations };
        if largest <= tolerance {
            return Ok(done(value));
        }
        let refreshed = objective.refresh(x, search.steps > FAILED_STEPS);
        if let (true, Some(last)) = (refreshed, history.back()) {
            scale = last.scale(&objective);
        }
        let mut direction = descent_direction(&gradient, &history, scale, &objective);
        if dot(&direction, &gradient) >= 0.0 {
            history.clear();
            direction = gradient.iter().map(|g| -g).collect();
        }
        let Some(found) = search.run(x, value, &gradient, &direction, &mut objective) else {
            // No representable decrease along a descent direction: the floor of the arithmetic,
            // unless the direction was poor.
            if history.is_empty() {
                return Ok(done(value));
            }
            history.clear();
            continue;
        };
        if history.len() == memory {
            history.pop_front();
        }
        if let Some(pair) = Pair::new(x, &search.point, &gradient, &search.gradient) {
            history.push_back(pair);
        }
        x.copy_from_slice(&search.point);
        gradient.copy_from_slice(&search.gradient);
        value = found;
    }
    Err(OptimizeError::NotConverged {
        iterations: max_iterations,
        gradient: max_abs(&gradient),
        tolerance,
    })
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse_curvature: f64,
}

impl Pair {
    fn new(x: &[f64], next: &[f64], gradient: &[f64], next_gradient: &[f64]) -> Option<Self> {
        let difference = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect();
        let step: Vec<f64> = difference(next, x);
        let change: Vec<f64> = difference(next_gradient, gradient);
        let curvature = dot(&step, &change);
        (curvature > f64::EPSILON * norm(&step) * norm(&change)).then_some(Self {
            step,
            change,
            inverse_curvature: 1.0 / curvature,
        })
    }

    /// The factor that makes the preconditioner right along this step.
    fn scale(&self, objective: &impl Objective) -> f64 {
        let mut change = self.change.clone();
        objective.precondition(&mut change);
        1.0 / (self.inverse_curvature * dot(&self.change, &change))
    }
}

/// The two-loop recursion.
fn descent_direction(
    gradient: &[f64],
    history: &VecDeque<Pair>,
    scale: f64,
    objective: &impl Objective,
) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut weights = Vec::with_capacity(history.len());
    for pair in history.iter().rev() {
        let weight = pair.inverse_curvature * dot(&pair.step, &direction);
        add_scaled(&mut direction, -weight, &pair.change);
        weights.push(weight);
    }
    objective.precondition(&mut direction);
    for d in &mut direction {
        *d *= scale;
    }
    for (pair, weight) in history.iter().zip(weights.into_iter().rev()) {
        let correction = pair.inverse_curvature * dot(&pair.change, &direction);
        add_scaled(&mut direction, weight - correction, &pair.step);
    }
    direction
}

struct LineSearch {
    /// How many the last run took.
    steps: usize,
    point: Vec<f64>,
    gradient: Vec<f64>,
}

impl LineSearch {
    fn new(size: usize) -> Self {
        Self { steps: 0, point: vec![0.0; size], gradient: vec![0.0; size] }
    }

    /// Bracket, then bisect, a step that satisfies the strong Wolfe conditions, or the approximate
    /// ones within rounding. Leaves the point and its gradient in `self`; `None` where no step
    /// lowers the value.
    fn run(
        &mut self,
        x: &[f64],
        value: f64,
        gradient: &[f64],
        direction: &[f64],
        objective: &mut impl Objective,
    ) -> Option<f64> {
        let slope = dot(gradient, direction);
        let (mut low, mut high, mut step) = (0.0, f64::INFINITY, 1.0);
        let mut best: Option<(f64, f64)> = None;
        for steps in 1..=LINE_SEARCH_STEPS {
            self.steps = steps;
            let found = self.evaluate(x, direction, step, objective);
            if found < value && best.is_none_or(|(_, v)| found < v) {
                best = Some((step, found));
            }
            let here = dot(&self.gradient, direction);
            let descends = found <= value + SUFFICIENT_DECREASE * step * slope
                || (found <= value + ROUNDING * value.abs()
                    && here <= (2.0 * SUFFICIENT_DECREASE - 1.0) * slope);
            if !found.is_finite() || !descends {
                high = step;
            } else {
                if here.abs() <= -CURVATURE * slope {
                    return Some(found);
                }
                if here > 0.0 {
                    high = step;
                } else {
                    low = step;
                }
            }
            step = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * step };
            if step == low || step == high {
                break;
            }
        }
        let (step, _) = best?;
        Some(self.evaluate(x, direction, step, objective))
    }

    fn evaluate(
        &mut self,
        x: &[f64],
        direction: &[f64],
        step: f64,
        objective: &mut impl Objective,
    ) -> f64 {
        for ((p, x), d) in self.point.iter_mut().zip(x).zip(direction) {
            *p = x + step * d;
        }
        objective.evaluate(&self.point, &mut self.gradient)
    }
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn max_abs(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |acc, v| acc.max(v.abs()))
}

fn add_scaled(a: &mut [f64], factor: f64, b: &[f64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += factor * b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Function<F>(F);

    impl<F: FnMut(&[f64], &mut [f64]) -> f64> Objective for Function<F> {
        fn evaluate(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
            self.0(x, gradient)
        }
    }

    #[test]
    fn finds_the_rosenbrock_minimum() {
        let mut x = [-1.2, 1.0];
        let found = minimise(
            &mut x,
            1e-10,
            200,
            Function(|x: &[f64], g: &mut [f64]| {
                let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
                g[0] = -2.0 * a - 400.0 * x[0] * b;
                g[1] = 200.0 * b;
                a * a + 100.0 * b * b
            }),
        )
        .unwrap();
        assert!(found.gradient <= 1e-10);
        assert!((x[0] - 1.0).abs() < 1e-9 && (x[1] - 1.0).abs() < 1e-9);
    }

    /// Beside a value of a thousand, decreases drop below rounding while gradients are still near
    /// 1e-6.
    #[test]
    fn follows_slopes_where_values_are_rounded() {
        let mut x = [-1.2, 1.0];
        let found = minimise(
            &mut x,
            1e-11,
            200,
            Function(|x: &[f64], g: &mut [f64]| {
                let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
                g[0] = -2.0 * a - 400.0 * x[0] * b;
                g[1] = 200.0 * b;
                1000.0 + a * a + 100.0 * b * b
            }),
        )
        .unwrap();
        assert!(found.gradient <= 1e-11, "{found:?}");
    }

    #[test]
    fn says_when_it_did_not_converge() {
        let mut x = [1.0, 1.0];
        let error = minimise(
            &mut x,
            1e-12,
            1,
            Function(|x: &[f64], g: &mut [f64]| {
                g.copy_from_slice(&[4.0 * x[0].powi(3), 2e3 * x[1]]);
                x[0].powi(4) + 1e3 * x[1] * x[1]
            }),
        );
        assert!(matches!(error, Err(OptimizeError::NotConverged { iterations: 1, .. })));
    }
}
