//! The rows and settings of one bound, and what every candidate is made with: priors, coordinates,
//! and the bounds that candidates are compared by.

use std::borrow::Cow;
use std::sync::Arc;

use crate::bound::certificate::{constant_bound, source_prior};
use crate::bound::search::source_cache::SharedSource;
use crate::bound::solution::{Coordinates, Part, Solution};
use crate::bound::{BoundError, GroundCost, LabelMap, LabelledRows, Settings};
use crate::estimators::head::{prior, LinearHead};
use crate::rows::Basis;
use crate::sampling::{set_aside, SetAside, Stream};
use crate::transport::Side;

/// Axes kept of a basis: more carry too little variance to pay for themselves on new rows. (Over 24
/// seeds and 8 pairs of wide embeddings, 512 axes gave bounds that were 0.003 lower in the mean, in
/// a quarter more time.)
const MAX_RANK: usize = 256;

/// Folds that a joint descent is judged by: as many as it takes until each row was set aside once.
const FOLDS: usize = 4;

/// The rows and settings of one bound.
pub struct Problem<'a, 't> {
    pub shared: &'a SharedSource<'t>,
    pub source: &'a LabelledRows<'t>,
    pub target: &'a LabelledRows<'t>,
    pub settings: &'a Settings,
    /// There are evaluation rows that are not fit rows.
    pub split: bool,
    /// All fit rows: the rows to learn from and those set aside.
    pub fit: Part,
    /// The ways to set rows aside that a choice is made by, at least one: rows are given as places
    /// among the fit rows of their class.
    pub folds: Vec<Fold>,
}

/// Fit rows of which some are set aside.
pub struct Fold {
    /// The rows that candidates are fitted to before one is chosen.
    pub learn: Part,
    /// The rows that the choice is made by.
    pub aside: Part,
}

/// A label map restricted to the source classes it uses, with their coordinates.
pub struct Mapped {
    pub active: Vec<u32>,
    pub label_map: LabelMap,
    pub source_basis: Arc<Basis>,
}

/// A solution that was fitted to all fit rows.
pub struct Candidate {
    pub solution: Solution,
    /// The strength of the penalty it was fitted with; `None` where nothing was fitted.
    pub l2: Option<f64>,
    /// What levels are compared by: the bound on the rows set aside, before the last fit, where
    /// there are other evaluation rows; on the fit rows, where those are the evaluation rows.
    pub judged: f64,
}

/// A bound as a function of the scale of its maps.
pub type BoundByScale<'s> = Box<dyn Fn(f64) -> Result<f64, BoundError> + 's>;

impl<'a, 't> Problem<'a, 't> {
    pub fn new(
        shared: &'a SharedSource<'t>,
        target: &'a LabelledRows<'t>,
        settings: &'a Settings,
        fit: Part,
    ) -> Self {
        let source = &shared.canonical.task;
        let split = source.is_split() || target.is_split();
        let mut problem = Self { shared, source, target, settings, split, fit, folds: Vec::new() };
        problem.folds.push(problem.fold(0));
        if settings.ground_cost == GroundCost::Margin && !problem.chooses_by_learned_rows() {
            let others: Vec<Fold> = (1..FOLDS).map(|turn| problem.fold(turn)).collect();
            problem.folds.extend(others);
        }
        problem
    }

    /// The fold of a turn.
    fn fold(&self, turn: usize) -> Fold {
        let Settings { l2, seed, .. } = *self.settings;
        let Part { source, target } = every_place(&self.fit);
        if l2.is_some() {
            // Nothing to choose, so nothing is set aside.
            let every = Part { source, target };
            return Fold { learn: every.clone(), aside: every };
        }
        let target = set_aside(&target, seed, Stream::BoundTargetAside, turn);
        // What is chosen by is what the result is evaluated on: the source rows that were
        // learned from, where the source has no others but the target has.
        let source = if !self.source.is_split() && self.target.is_split() {
            SetAside { learn: source.clone(), aside: source }
        } else {
            set_aside(&source, seed, Stream::BoundSourceAside, turn)
        };
        Fold {
            learn: Part { source: source.learn, target: target.learn },
            aside: Part { source: source.aside, target: target.aside },
        }
    }

    /// The numbers of the rows of the fold that is judged by where one is enough: heads are fitted
    /// by convex problems, which have one solution, so that little is gained by others.
    pub fn rows_of_first_fold(&self) -> Fold {
        let Fold { learn, aside } = &self.folds[0];
        Fold { learn: at_places(&self.fit, learn), aside: at_places(&self.fit, aside) }
    }

    /// Whether the rows to choose by are among those that are learned from, so that other folds
    /// would be the same again: nothing is to be chosen, or each class of the target has but one
    /// row.
    fn chooses_by_learned_rows(&self) -> bool {
        let fold = &self.folds[0];
        fold.aside.target == fold.learn.target
    }

    /// Whether a choice would be made by the target rows that were learned from, because each class
    /// has but one: whatever learned most from them would win, and be worst on the evaluation rows.
    pub fn judges_by_learned_rows(&self) -> bool {
        self.settings.l2.is_none() && self.split && self.chooses_by_learned_rows()
    }
}

/// All rows of a part, as places within their class.
pub fn every_place(part: &Part) -> Part {
    let places = |rows: &[Vec<u32>]| -> Vec<Vec<u32>> {
        rows.iter().map(|class| (0..class.len() as u32).collect()).collect()
    };
    Part { source: places(&part.source), target: places(&part.target) }
}

/// The rows of a part that are at some places within their class.
fn at_places(part: &Part, places: &Part) -> Part {
    let of_task = |rows: &[Vec<u32>], places: &[Vec<u32>]| {
        let classes = rows.iter().zip(places);
        classes.map(|(rows, at)| at.iter().map(|&at| rows[at as usize]).collect()).collect()
    };
    Part {
        source: of_task(&part.source, &places.source),
        target: of_task(&part.target, &places.target),
    }
}

/// The coordinates that some fit rows of a task are put into; `side` names the task in an error.
///
/// # Errors
/// The decomposition does not converge.
pub fn basis(
    task: &LabelledRows<'_>,
    rows: &[u32],
    settings: &Settings,
    side: Side,
) -> Result<Arc<Basis>, BoundError> {
    Basis::fit(task.table, rows, settings.scale(), MAX_RANK)
        .map(Arc::new)
        .map_err(|_| BoundError::Decomposition { side })
}

/// Whether the user's head is taken as it is, so that only target maps are learned.
pub fn head_is_fixed(problem: &Problem<'_, '_>) -> bool {
    problem.settings.head.is_some()
}

/// The bound of a solution on some rows.
///
/// # Errors
/// The transport solver's.
pub fn bound_of(
    problem: &Problem<'_, '_>,
    solution: &Solution,
    rows: &Coordinates<'_>,
) -> Result<f64, BoundError> {
    let Settings { lipschitz, parallelism, .. } = *problem.settings;
    Ok(solution.bound(rows, lipschitz, parallelism)?)
}

/// The bounds on some rows with both maps scaled. A head that stays as it is is not scaled.
///
/// # Errors
/// The transport solver's.
pub fn bound_by_scale<'s, 'r: 's>(
    problem: &'s Problem<'_, '_>,
    solution: &'s Solution,
    rows: Cow<'s, Coordinates<'r>>,
) -> Result<BoundByScale<'s>, BoundError> {
    let parallelism = problem.settings.parallelism;
    if problem.settings.is_certified() && !head_is_fixed(problem) {
        let bound = solution.bound_by_scale(&rows, parallelism)?;
        return Ok(Box::new(move |scale| Ok(bound(scale))));
    }
    Ok(Box::new(move |scale| {
        bound_of(problem, &solution.scaled(head_scale(problem, scale), scale), &rows)
    }))
}

/// The scale of the head where that of the target map is `scale`.
pub fn head_scale(problem: &Problem<'_, '_>, scale: f64) -> f64 {
    if head_is_fixed(problem) {
        1.0
    } else {
        scale
    }
}

/// The rows of some part in a solution's coordinates.
pub fn coordinates<'t>(
    problem: &Problem<'_, 't>,
    solution: &Solution,
    part: &Part,
) -> Coordinates<'t> {
    solution.coordinates(problem.source, problem.target, part, problem.settings.parallelism)
}

/// The bound of a solution on all fit rows.
///
/// # Errors
/// The transport solver's.
pub fn fitted_bound(problem: &Problem<'_, '_>, solution: &Solution) -> Result<f64, BoundError> {
    let rows = coordinates(problem, solution, &problem.fit);
    bound_of(problem, solution, &rows)
}

/// The bound of the constant head, whose logits are those of `prior` in all rows, on some part's
/// target rows: no move costs anything.
pub fn constant_head_bound(mapped: &Mapped, prior: &[f64], part: &Part) -> f64 {
    constant_bound(&mapped.label_map, &shares(&part.target), prior)
}

/// The class prior that the label map gives the source on some part's target rows.
pub fn mapped_prior(mapped: &Mapped, part: &Part) -> Vec<f64> {
    source_prior(&mapped.label_map, &shares(&part.target))
}

/// The user's head over the active classes, following the prior.
pub fn adjusted_head(
    problem: &Problem<'_, '_>,
    head: &LinearHead,
    mapped: &Mapped,
    prior: &[f64],
) -> LinearHead {
    let shares = shares(&problem.fit.source);
    let from: Vec<f64> = mapped.active.iter().map(|&c| shares[c as usize]).collect();
    let mut adjusted = head.select(&mapped.active).centred();
    prior::adjust(&mut adjusted, &from, prior);
    adjusted
}

/// Share of the rows that each class has.
pub fn shares(rows: &[Vec<u32>]) -> Vec<f64> {
    let total: usize = rows.iter().map(Vec::len).sum();
    rows.iter().map(|class| class.len() as f64 / total as f64).collect()
}
