//! The margin cost's candidates: head and target map by joint descent along a path of penalties,
//! judged by the rows that folds set aside.

use std::borrow::Cow;
use std::sync::Arc;

use crate::bound::search::joint_descent::{HeadUse, JointDescent, Schedule};
use crate::bound::search::problem::{
    adjusted_head, bound_by_scale, bound_of, constant_head_bound, coordinates, every_place,
    head_is_fixed, head_scale, mapped_prior, Candidate, Mapped, Problem,
};
use crate::bound::solution::{Coordinates, Geometry, Maps, Part, Solution};
use crate::bound::{BoundError, LabelMap};
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
const SHARE_OF_FOLDS: f64 = 0.15;
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
    let fit = coordinates(problem, &constant, &problem.fit);
    let held_out = |solution: &Solution| mean_bound(problem, solution, &fit);
    let constant_held_out = if head_is_fixed(problem) {
        held_out(&constant)?
    } else {
        let of_folds = problem.folds.iter();
        mean(of_folds.map(|fold| constant_head_bound(mapped, &constant.prior, &fold.aside)))
    };
    // Levels must not swap places by a rounding, so what is compared with their bounds is
    // computed as they are.
    let constant_judged =
        if problem.split { constant_held_out } else { bound_of(problem, &constant, &fit)? };
    let rows = DescentRows {
        fit: &fit,
        source: descent_rows(problem, &constant, &fit.source),
        label_map: &constant.label_map,
    };
    // A strength that is given is judged by the fit rows: nothing was set aside.
    let (solution, l2, chosen_by) = if let Some(l2) = problem.settings.l2 {
        (descend(problem, &rows, constant.clone(), ONLY.at(l2))?, l2, None)
    } else if let Some(picked) = descend_path(problem, &rows, &constant, constant_held_out)? {
        (last_descent(problem, &rows, &picked)?, picked.l2, Some(picked.held_out))
    } else {
        return Ok(Candidate { solution: constant, l2: None, judged: constant_judged });
    };
    // The rows that were set aside tell whether the last fit went wrong, and there are fewer pairs
    // of them than of all fit rows. Without other evaluation rows the bound on all is what counts.
    let fitted =
        if problem.split { held_out(&solution)? } else { bound_of(problem, &solution, &fit)? };
    if constant_judged < fitted {
        return Ok(Candidate { solution: constant, l2: None, judged: constant_judged });
    }
    let judged = chosen_by.filter(|_| problem.split).unwrap_or(fitted);
    Ok(Candidate { solution, l2: Some(l2), judged })
}

/// The mean over the folds of a solution's bound on the rows set aside. These are held for one fold
/// at a time.
fn mean_bound(
    problem: &Problem<'_, '_>,
    solution: &Solution,
    fit: &Coordinates<'_>,
) -> Result<f64, BoundError> {
    let folds = problem.folds.iter();
    let bounds: Result<Vec<f64>, _> =
        folds.map(|fold| bound_of(problem, solution, &solution.select(fit, &fold.aside))).collect();
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

/// All fit rows, of which each descent draws some, and the label map.
struct DescentRows<'r, 't> {
    fit: &'r Coordinates<'t>,
    /// The source rows as descents read them.
    source: Cow<'r, AffineRows<'t>>,
    label_map: &'r LabelMap,
}

impl<'r, 't> DescentRows<'r, 't> {
    /// A descent on some of the rows, given as places within their class.
    fn descent(
        &'r self,
        problem: &Problem<'_, '_>,
        drawn: Part,
        seed: u64,
    ) -> JointDescent<'r, 't> {
        let head = if head_is_fixed(problem) { HeadUse::Fixed } else { HeadUse::Learned };
        let (target, parallelism) = (&self.fit.target, problem.settings.parallelism);
        JointDescent::new(&self.source, target, drawn, self.label_map, head, seed, parallelism)
    }
}

/// The solution that a descent on all fit rows comes to.
fn descend(
    problem: &Problem<'_, '_>,
    rows: &DescentRows<'_, '_>,
    mut solution: Solution,
    schedule: Schedule,
) -> Result<Solution, BoundError> {
    let every = solution.of_active_classes(&every_place(&problem.fit));
    let mut descent = rows.descent(problem, every, problem.settings.seed);
    descent.run(&mut solution.maps, schedule)?;
    Ok(solution)
}

/// The solution that a descent on all fit rows ends with, which starts from what was picked, with a
/// share of that.
fn last_descent(
    problem: &Problem<'_, '_>,
    rows: &DescentRows<'_, '_>,
    picked: &Picked,
) -> Result<Solution, BoundError> {
    let mut last = descend(problem, rows, picked.solution.clone(), LAST.at(picked.l2))?;
    last.maps.approach(&picked.solution.maps, SHARE_OF_FOLDS);
    Ok(last.scaled(head_scale(problem, picked.scale), picked.scale))
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

/// One fold's descent along a path, and where it has come to.
struct Descending<'a, 't> {
    descent: JointDescent<'a, 't>,
    solution: Solution,
    outcome: Result<(), TransportError>,
}

/// Descend from strong to weak penalties on each fold's rows to learn from, and pick what bounds
/// best on the rows set aside, in the mean of the folds; nothing where the constant head does.
fn descend_path(
    problem: &Problem<'_, '_>,
    rows: &DescentRows<'_, '_>,
    constant: &Solution,
    constant_held_out: f64,
) -> Result<Option<Picked>, BoundError> {
    let mut folds: Vec<Descending<'_, '_>> = (0..)
        .zip(&problem.folds)
        .map(|(turn, fold)| Descending {
            descent: rows.descent(
                problem,
                constant.of_active_classes(&fold.learn),
                seed_of(problem, turn),
            ),
            solution: constant.clone(),
            outcome: Ok(()),
        })
        .collect();
    let (mut best, mut lowest, mut tried) = (None, constant_held_out, Vec::new());
    for l2 in DESCENT_PATH {
        problem.settings.parallelism.for_each(&mut folds, |_, fold| {
            fold.outcome = fold.descent.run(&mut fold.solution.maps, PATH.at(l2));
        });
        folds.iter().try_for_each(|fold| fold.outcome.clone())?;
        let (scale, held_out) = best_scale(problem, &folds, rows.fit)?;
        tried.push((l2, held_out));
        if held_out < lowest {
            lowest = held_out;
            best = Some((mean_solution(&folds), scale));
        } else if best.is_some() {
            break;
        }
    }
    let picked = |(solution, scale)| {
        let l2 = mean_strength(&tried);
        Picked { solution, l2, scale, held_out: lowest }
    };
    Ok(best.map(picked))
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

/// The solution with the mean of the folds' maps.
fn mean_solution(folds: &[Descending<'_, '_>]) -> Solution {
    let mut mean = folds[0].solution.clone();
    for (fold, count) in folds.iter().zip(1..) {
        mean.maps.approach(&fold.solution.maps, 1.0 / f64::from(count));
    }
    mean
}

/// The scale of all folds' maps with the lowest bound on the rows set aside, among some above one,
/// or else below one, and that bound: a strong penalty finds good directions and makes them too
/// short, a weak one too long.
fn best_scale(
    problem: &Problem<'_, '_>,
    folds: &[Descending<'_, '_>],
    fit: &Coordinates<'_>,
) -> Result<(f64, f64), BoundError> {
    let judges: Result<Vec<_>, _> = folds
        .iter()
        .zip(&problem.folds)
        .map(|(Descending { solution, .. }, fold)| {
            let aside = solution.select(fit, &fold.aside);
            bound_by_scale(problem, solution, Cow::Owned(aside))
        })
        .collect();
    let judges = judges?;
    let judge = |scale: f64| -> Result<f64, BoundError> {
        let bounds: Result<Vec<f64>, _> = judges.iter().map(|judge| judge(scale)).collect();
        Ok(mean(bounds?.into_iter()))
    };
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

/// What a path of strengths ends with: the mean of the folds' maps, and how to go on from there.
struct Picked {
    solution: Solution,
    l2: f64,
    scale: f64,
    /// The bound on the rows set aside.
    held_out: f64,
}
