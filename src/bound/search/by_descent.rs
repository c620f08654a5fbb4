//! The margin cost's candidates: head and target map by joint descent along a path of penalties,
//! judged by the rows that folds set aside.

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
use crate::transport::TransportError;

/// Strengths tried by the joint descent, strong to weak; each starts where the last ended. The path
/// ends after the first that is not better than the best: going on gained nothing in the mean of 95
/// measured bounds.
const DESCENT_PATH: [f64; 7] = [3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003];
/// Held-out bounds that lie this far apart, in nats, differ by chance as often as not. (Over 94
/// pairs of real tasks the best strength alone made bounds vary with the seed by a third more.)
const STRENGTH_TOLERANCE: f64 = 0.05;
/// Factor between two scales of the maps that are tried, and how many are tried in a direction.
const SCALE_STEP: f64 = 1.2;
const MAX_SCALE_STEPS: usize = 4;
/// The descents of a path, one for each strength, where only the order of strengths is wanted.
const PATH: Steps = Steps { count: 30, averaged: 0.5 };
/// The last descent, which starts from what the path found best and ends in the result.
const LAST: Steps = Steps { count: 240, averaged: 0.25 };
/// The last descent where nothing was chosen, which starts from the constant head.
const ONLY: Steps = Steps { count: 360, averaged: 0.25 };
/// Share of the result that is the mean of the folds' maps. Each of them is fitted to fewer rows
/// than the last descent, but no two to the same, so that their mean follows no single row.
const SHARE_OF_FOLDS: f64 = 0.3;
/// Step size at the start of a descent, and at its end.
const FIRST_RATE: f64 = 0.04;
const LAST_RATE: f64 = 0.002;

/// How many steps a descent has, and which share of them, the last ones, are averaged.
struct Steps {
    count: usize,
    averaged: f64,
}

impl Steps {
    fn at(&self, l2: f64) -> Schedule {
        Schedule {
            l2,
            steps: self.count,
            first_rate: FIRST_RATE,
            last_rate: LAST_RATE,
            averaged: self.averaged,
        }
    }
}

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
    let aside: Vec<_> =
        problem.folds.iter().map(|fold| coordinates(problem, &constant, &fold.aside)).collect();
    let held_out = |solution: &Solution| mean_bound(problem, solution, &aside);
    let constant_held_out = if head_is_fixed(problem) {
        held_out(&constant)?
    } else {
        let of_folds = problem.folds.iter();
        mean(of_folds.map(|fold| constant_head_bound(mapped, &constant.prior, &fold.aside)))
    };
    // Levels must not swap places by a rounding, so what is compared with their bounds is
    // computed as they are.
    let constant_judged =
        if problem.split { constant_held_out } else { fitted_bound(problem, &constant)? };
    // A strength that is given is judged by the fit rows: nothing was set aside.
    let picked = if let Some(l2) = problem.settings.l2 {
        Picked::unjudged(&constant.maps, l2)
    } else {
        descend_path(problem, &constant, constant_held_out, &aside)?
    };
    let Some(l2) = picked.l2 else {
        return Ok(Candidate { solution: constant, l2: None, judged: constant_judged });
    };
    let picked_held_out = picked.held_out;
    let solution = last_descent(problem, &constant, picked, l2)?;
    // The rows that were set aside tell whether the last fit went wrong, and there are fewer pairs
    // of them than of all fit rows. Without other evaluation rows the bound on all is what counts.
    let fitted =
        if problem.split { held_out(&solution)? } else { fitted_bound(problem, &solution)? };
    if constant_judged < fitted {
        return Ok(Candidate { solution: constant, l2: None, judged: constant_judged });
    }
    let judged =
        if problem.split && picked_held_out.is_finite() { picked_held_out } else { fitted };
    Ok(Candidate { solution, l2: Some(l2), judged })
}

/// The mean over the folds of a solution's bound on the rows set aside.
fn mean_bound(
    problem: &Problem<'_, '_>,
    solution: &Solution,
    aside: &[Coordinates<'_>],
) -> Result<f64, BoundError> {
    let bounds: Result<Vec<f64>, _> =
        aside.iter().map(|rows| bound_of(problem, solution, rows)).collect();
    Ok(mean(bounds?.into_iter()))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
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

/// The solution that a descent on all fit rows ends with, which starts from what was picked, with a
/// share of that.
fn last_descent(
    problem: &Problem<'_, '_>,
    constant: &Solution,
    picked: Picked,
    l2: f64,
) -> Result<Solution, BoundError> {
    let fit = coordinates(problem, constant, &problem.fit);
    let was_judged = picked.held_out.is_finite();
    let mut solution = Solution { maps: picked.maps.clone(), ..constant.clone() };
    let source = descent_rows(problem, &solution, &fit.source);
    JointDescent::new(
        &source,
        &fit.target,
        &constant.label_map,
        head_use(problem),
        problem.settings.seed,
        problem.settings.parallelism,
    )
    .run(&mut solution.maps, if was_judged { LAST.at(l2) } else { ONLY.at(l2) })?;
    if was_judged {
        solution.maps.approach(&picked.maps, SHARE_OF_FOLDS);
    }
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

/// One fold's descent along a path, and where it has come to.
struct Descending<'a, 't> {
    descent: JointDescent<'a, 't>,
    maps: Maps,
    outcome: Result<(), TransportError>,
}

/// Descend from strong to weak penalties on each fold's rows to learn from, and keep what bounds
/// best on the rows set aside, in the mean of the folds.
fn descend_path(
    problem: &Problem<'_, '_>,
    constant: &Solution,
    constant_held_out: f64,
    aside: &[Coordinates<'_>],
) -> Result<Picked, BoundError> {
    let parallelism = problem.settings.parallelism;
    let learn: Vec<_> =
        problem.folds.iter().map(|fold| coordinates(problem, constant, &fold.learn)).collect();
    let sources: Vec<_> =
        learn.iter().map(|rows| descent_rows(problem, constant, &rows.source)).collect();
    let starts = learn.iter().zip(&sources).zip(0..);
    let mut folds: Vec<Descending<'_, '_>> = starts
        .map(|((rows, source), turn)| Descending {
            descent: JointDescent::new(
                source,
                &rows.target,
                &constant.label_map,
                head_use(problem),
                seed_of(problem, turn),
                parallelism,
            ),
            maps: constant.maps.clone(),
            outcome: Ok(()),
        })
        .collect();
    let mut best =
        Picked { maps: constant.maps.clone(), l2: None, scale: 1.0, held_out: constant_held_out };
    let mut tried = Vec::new();
    for l2 in DESCENT_PATH {
        parallelism.for_each(&mut folds, |_, fold| {
            fold.outcome = fold.descent.run(&mut fold.maps, PATH.at(l2));
        });
        folds.iter().try_for_each(|fold| fold.outcome.clone())?;
        let judged = calibrate(problem, constant, &folds, aside, l2)?;
        tried.push((l2, judged.held_out));
        if judged.held_out < best.held_out {
            best = judged;
        } else if best.l2.is_some() {
            break;
        }
    }
    best.l2 = best.l2.map(|_| mean_strength(&tried));
    Ok(best)
}

/// The seed of a fold's batches. Folds that drew the same rows in the same order would err alike.
fn seed_of(problem: &Problem<'_, '_>, turn: u64) -> u64 {
    problem.settings.seed.wrapping_add(turn << 32)
}

/// The mean of the strengths, in logarithms, in which those with low held-out bounds weigh most.
/// Which one is lowest changes with the rows that are set aside; their mean hardly does.
fn mean_strength(tried: &[(f64, f64)]) -> f64 {
    let lowest = tried.iter().map(|(_, held_out)| *held_out).fold(f64::INFINITY, f64::min);
    let weight = |held_out: f64| ((lowest - held_out) / STRENGTH_TOLERANCE).exp();
    let total: f64 = tried.iter().map(|(_, held_out)| weight(*held_out)).sum();
    let sum: f64 = tried.iter().map(|(l2, held_out)| weight(*held_out) * l2.ln()).sum();
    (sum / total).exp()
}

/// The mean of the folds' maps, with the scale of all at which the bound on the rows set aside is
/// lowest: a strong penalty finds good directions and makes them too short, a weak one too long.
fn calibrate(
    problem: &Problem<'_, '_>,
    constant: &Solution,
    folds: &[Descending<'_, '_>],
    aside: &[Coordinates<'_>],
    l2: f64,
) -> Result<Picked, BoundError> {
    let solutions: Vec<_> =
        folds.iter().map(|fold| Solution { maps: fold.maps.clone(), ..constant.clone() }).collect();
    let judges: Result<Vec<_>, _> = solutions
        .iter()
        .zip(aside)
        .map(|(solution, rows)| bound_by_scale(problem, solution, rows))
        .collect();
    let judges = judges?;
    let judge = |scale: f64| -> Result<f64, BoundError> {
        let bounds: Result<Vec<f64>, _> = judges.iter().map(|judge| judge(scale)).collect();
        Ok(mean(bounds?.into_iter()))
    };
    let (scale, held_out) = best_scale(judge)?;
    let mut maps = constant.maps.clone();
    for (fold, count) in folds.iter().zip(1..) {
        maps.approach(&fold.maps, 1.0 / f64::from(count));
    }
    Ok(Picked { maps, l2: Some(l2), scale, held_out })
}

/// The scale with the lowest bound among some above one, or else below one, and that bound.
fn best_scale(judge: impl Fn(f64) -> Result<f64, BoundError>) -> Result<(f64, f64), BoundError> {
    let mut best = (1.0, judge(1.0)?);
    for factor in [SCALE_STEP, 1.0 / SCALE_STEP] {
        for _ in 0..MAX_SCALE_STEPS {
            let next = best.0 * factor;
            let value = judge(next)?;
            if value >= best.1 {
                break;
            }
            best = (next, value);
        }
        if best.0 > 1.0 {
            break;
        }
    }
    Ok(best)
}

/// What a path of strengths ends with. `l2` is `None` for the constant head.
struct Picked {
    maps: Maps,
    l2: Option<f64>,
    scale: f64,
    /// The bound on the rows set aside; infinite where none were.
    held_out: f64,
}

impl Picked {
    fn unjudged(maps: &Maps, l2: f64) -> Self {
        Self { maps: maps.clone(), l2: Some(l2), scale: 1.0, held_out: f64::INFINITY }
    }
}
