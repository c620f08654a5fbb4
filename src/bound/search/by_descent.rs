//! The margin cost's candidates: head and target map by joint descent along a path of penalties,
//! judged by the rows set aside.

use std::borrow::Cow;
use std::sync::Arc;

use crate::bound::search::joint_descent::{HeadUse, JointDescent, Schedule};
use crate::bound::search::problem::{
    adjusted_head, bound_by_scale, bound_of, constant_head_bound, coordinates, fitted_bound,
    head_is_fixed, head_scale, mapped_prior, Candidate, Mapped, Problem,
};
use crate::bound::solution::{Coordinates, Geometry, Maps, Solution};
use crate::bound::BoundError;
use crate::rows::{AffineRows, Basis};

/// Strengths tried by the joint descent, strong to weak; each starts where the last ended. The path
/// ends after the first that is not better than the best: going on gained nothing in the mean of 95
/// measured bounds.
const DESCENT_PATH: [f64; 7] = [3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003];
/// Factor between two scales of the maps that are tried, and how many are tried.
const SCALE_STEP: f64 = 1.2;
const MAX_SCALE_STEPS: usize = 4;
/// Steps at each strength of the path, where only the order of strengths is wanted.
const STEPS_PER_STRENGTH: usize = 60;
/// Steps of the last descent, which starts from what the path found best and ends in the result.
const FINAL_STEPS: usize = 360;
/// Step size at the start of a descent, and at its end, where it averages batches out.
const FIRST_RATE: f64 = 0.04;
const LAST_RATE: f64 = 0.002;

/// The candidate that a joint descent of head and target map ends with, or the constant head where
/// its bound is lower.
///
/// # Errors
/// A solver's.
pub fn by_joint_descent(
    problem: &Problem<'_, '_>,
    mapped: &Mapped,
    target_basis: &Arc<Basis>,
) -> Result<Candidate, BoundError> {
    let constant = constant_solution(problem, mapped, target_basis);
    let aside_rows = || coordinates(problem, &constant, &problem.aside);
    let constant_held_out = if head_is_fixed(problem) {
        bound_of(problem, &constant, &aside_rows())?
    } else {
        constant_head_bound(mapped, &constant.prior, &problem.aside)
    };
    // Levels must not swap places by a rounding, so what is compared with their bounds is
    // computed as they are.
    let constant_judged =
        if problem.split { constant_held_out } else { fitted_bound(problem, &constant)? };
    // A strength that is given is judged by the fit rows: nothing was set aside.
    let picked = if let Some(l2) = problem.settings.l2 {
        Picked::unjudged(&constant.maps, l2)
    } else {
        let (learn, aside) = (coordinates(problem, &constant, &problem.learn), aside_rows());
        descend_path(problem, &constant, constant_held_out, &learn, &aside)?
    };
    let Some(l2) = picked.l2 else {
        return Ok(Candidate { solution: constant, l2: None, judged: constant_judged });
    };
    let held_out = picked.held_out;
    let solution = final_descent(problem, &constant, picked, l2)?;
    // The rows that were set aside tell well enough whether the last fit went wrong, and are
    // fewer than all fit rows. Without other evaluation rows the bound on all is what counts.
    let fitted = if problem.split {
        bound_of(problem, &solution, &aside_rows())?
    } else {
        fitted_bound(problem, &solution)?
    };
    if constant_judged < fitted {
        return Ok(Candidate { solution: constant, l2: None, judged: constant_judged });
    }
    let judged = if problem.split && held_out.is_finite() { held_out } else { fitted };
    Ok(Candidate { solution, l2: Some(l2), judged })
}

/// The solution whose maps are constant, or the user's head with a constant target map.
fn constant_solution(
    problem: &Problem<'_, '_>,
    mapped: &Mapped,
    target_basis: &Arc<Basis>,
) -> Solution {
    let prior = mapped_prior(mapped, &problem.fit);
    let mut maps = Maps::constant(&prior, mapped.source_basis.rank(), target_basis.rank());
    if let Some(head) = &problem.settings.head {
        maps.source = adjusted_head(problem, head, mapped, &prior);
    }
    Solution {
        active: mapped.active.clone(),
        label_map: mapped.label_map.clone(),
        source_basis: Arc::clone(&mapped.source_basis),
        target_basis: Arc::clone(target_basis),
        maps,
        geometry: Geometry::Margin,
        prior,
    }
}

/// The solution that a descent on all fit rows ends with, which starts from what was picked.
fn final_descent(
    problem: &Problem<'_, '_>,
    constant: &Solution,
    picked: Picked,
    l2: f64,
) -> Result<Solution, BoundError> {
    // These rows are not made earlier, because the rows to choose by have left memory by now.
    let fit = coordinates(problem, constant, &problem.fit);
    let mut solution = Solution { maps: picked.maps, ..constant.clone() };
    let source = descent_rows(problem, &solution, &fit.source);
    JointDescent::new(
        &source,
        &fit.target,
        &constant.label_map,
        head_use(problem),
        problem.settings.seed,
        problem.settings.parallelism,
    )
    .run(&mut solution.maps, schedule(l2, FINAL_STEPS))?;
    Ok(solution.scaled(head_scale(problem, picked.scale), picked.scale))
}

/// What the descent takes as source rows: coordinates, or the logits of a head that stays as it
/// is.
fn descent_rows<'r, 't>(
    problem: &Problem<'_, '_>,
    solution: &Solution,
    source: &'r AffineRows<'t>,
) -> Cow<'r, AffineRows<'t>> {
    if head_is_fixed(problem) {
        Cow::Owned(solution.maps.source.class_logits(source))
    } else {
        Cow::Borrowed(source)
    }
}

/// What becomes of the head in the problem's descents.
fn head_use(problem: &Problem<'_, '_>) -> HeadUse {
    if head_is_fixed(problem) {
        HeadUse::Fixed
    } else {
        HeadUse::Learned
    }
}

/// Descend from strong to weak penalties on the rows to learn from, and keep what bounds best
/// on the rows set aside.
fn descend_path(
    problem: &Problem<'_, '_>,
    constant: &Solution,
    constant_held_out: f64,
    learn: &Coordinates<'_>,
    aside: &Coordinates<'_>,
) -> Result<Picked, BoundError> {
    let mut best =
        Picked { maps: constant.maps.clone(), l2: None, scale: 1.0, held_out: constant_held_out };
    let source = descent_rows(problem, constant, &learn.source);
    let mut descent = JointDescent::new(
        &source,
        &learn.target,
        &constant.label_map,
        head_use(problem),
        problem.settings.seed,
        problem.settings.parallelism,
    );
    let mut maps = constant.maps.clone();
    for l2 in DESCENT_PATH {
        descent.run(&mut maps, schedule(l2, STEPS_PER_STRENGTH))?;
        let judged = calibrate(problem, constant, &maps, aside, l2)?;
        if judged.held_out < best.held_out {
            best = judged;
        } else if best.l2.is_some() {
            break;
        }
    }
    Ok(best)
}

/// Lengthen both maps by the factor with the lowest bound on the rows set aside: a strong
/// penalty finds good directions and makes them too short. (Shortening is what the path's
/// penalties are for.)
fn calibrate(
    problem: &Problem<'_, '_>,
    constant: &Solution,
    maps: &Maps,
    aside: &Coordinates<'_>,
    l2: f64,
) -> Result<Picked, BoundError> {
    let solution = Solution { maps: maps.clone(), ..constant.clone() };
    let judge = bound_by_scale(problem, &solution, aside)?;
    let mut best = (1.0, judge(1.0)?);
    for _ in 0..MAX_SCALE_STEPS {
        let next = best.0 * SCALE_STEP;
        let value = judge(next)?;
        if value >= best.1 {
            break;
        }
        best = (next, value);
    }
    Ok(Picked { maps: maps.clone(), l2: Some(l2), scale: best.0, held_out: best.1 })
}

/// What a path of strengths ends with. `l2` is `None` for the constant head.
struct Picked {
    maps: Maps,
    l2: Option<f64>,
    scale: f64,
    held_out: f64,
}

impl Picked {
    fn unjudged(maps: &Maps, l2: f64) -> Self {
        Self { maps: maps.clone(), l2: Some(l2), scale: 1.0, held_out: f64::INFINITY }
    }
}

fn schedule(l2: f64, steps: usize) -> Schedule {
    Schedule { l2, steps, first_rate: FIRST_RATE, last_rate: LAST_RATE }
}
