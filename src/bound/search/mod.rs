//! Choosing the transforms: what is fitted, on which rows, and by what it is judged.
//!
//! Unless a strength of the penalty is given, a quarter of the fit rows is set aside. Candidates
//! (strengths, label maps, scales of the maps) are fitted on the rest, judged by their bound on the
//! rows set aside, and the best is fitted again on all fit rows. Joint descents are judged by four
//! such folds, whose maps are also a part of the result: what a single fold chooses, and what a
//! single descent ends with, vary with the seed by more than models differ.
//!
//! Unless a head is given, the constant head, whose bound is the trivial loss, is a candidate, and
//! the only one where no target row can be set aside, because each class has one. The transform
//! levels are nested: a higher level also considers what the lower levels chose, so that its bound
//! is never above theirs where the fit rows are also the evaluation rows.

mod by_descent;
mod by_head;
mod canonical;
mod class_assignment;
pub mod joint_descent;
mod problem;
mod pull_back;
pub mod source_cache;

use std::sync::Arc;

use crate::bound::certificate::{ClassTerms, Joint};
use crate::bound::matching::{matched, PseudoRows};
use crate::bound::population::{population, Claim, Population};
use crate::bound::search::by_descent::by_joint_descent;
use crate::bound::search::by_head::{by_head, FeatureMap};
use crate::bound::search::canonical::Canonical;
use crate::bound::search::class_assignment::{closest, separated, within_class_distances};
use crate::bound::search::problem::{basis, head_is_fixed, shares, Candidate, Mapped, Problem};
use crate::bound::search::source_cache::SharedSource;
use crate::bound::solution::{Part, Solution};
use crate::bound::{Bound, BoundError, GroundCost, LabelMap, LabelledRows, Settings, Transform};
use crate::linalg::Matrix;
use crate::rows::class_scatter::{class_means, ClassScatter, RowReader};
use crate::rows::Basis;
use crate::sampling::{limit_rows, Stream};
use crate::transport::Side;

/// A bound this close to the trivial loss is equal to it: the constant head's is, but for its last
/// digits.
const ROUNDING: f64 = 1e-12;

/// Fit the transforms on the fit rows and evaluate the bound on the evaluation rows.
///
/// # Errors
/// Widths that differ, fewer than two classes on a side, a class without fit rows, a label map that
/// uses a class without rows, or a solver's.
pub fn transfer_bound<'t>(
    source: &LabelledRows<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<Bound, BoundError> {
    transfer_bound_from(&SharedSource::new(source.clone()), target, settings)
}

/// Bounds a target as [`transfer_bound`] does, but uses again what was fitted to the source for
/// targets before, which changes no bound.
///
/// # Errors
/// Those of [`transfer_bound`].
pub fn transfer_bound_from<'t>(
    source: &SharedSource<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<Bound, BoundError> {
    check(&source.rows, target, settings)?;
    if settings.population_error.is_some() && !target.is_split() {
        return Err(BoundError::Unsplit);
    }
    let target = Canonical::new(target);
    let source_of = &source.canonical.class_of;
    let settings = reordered(settings, source_of, &target.class_of);
    let bound = canonical_bound(source, &target.task, &settings)?;
    Ok(in_callers_order(bound, source_of, &target.class_of))
}

/// The settings with head and label map in canonical class order.
fn reordered(settings: &Settings, source_of: &[u32], target_of: &[u32]) -> Settings {
    Settings {
        head: settings.head.as_ref().map(|head| head.select(source_of)),
        label_map: settings.label_map.as_ref().map(|map| map.select(source_of, target_of)),
        ..settings.clone()
    }
}

fn in_callers_order(bound: Bound, source_of: &[u32], target_of: &[u32]) -> Bound {
    let mut by_class = vec![ClassTerms::default(); target_of.len()];
    for (terms, &y) in bound.by_class.into_iter().zip(target_of) {
        let mut sources: Vec<(u32, f64)> =
            terms.sources.iter().map(|&(c, w)| (source_of[c as usize], w)).collect();
        sources.sort_unstable_by_key(|s| s.0);
        by_class[y as usize] = ClassTerms { sources, ..terms };
    }
    Bound { by_class, ..bound }
}

/// The target's rows that a bound with these settings is fitted to and evaluated on, in an order
/// of classes and rows that depends on neither their names nor the table.
#[must_use]
pub fn target_rows<'t>(target: &LabelledRows<'t>, settings: &Settings) -> LabelledRows<'t> {
    drawn_target(&Canonical::new(target).task, settings)
}

/// The rows of a source of which classes have no more than the settings allow.
fn drawn_source<'t>(source: &LabelledRows<'t>, settings: &Settings) -> LabelledRows<'t> {
    drawn(source, settings, [Stream::BoundSourceFit, Stream::BoundSourceEvaluation])
}

/// The rows of a target of which classes have no more than the settings allow.
fn drawn_target<'t>(target: &LabelledRows<'t>, settings: &Settings) -> LabelledRows<'t> {
    let rows = drawn(target, settings, [Stream::BoundTargetFit, Stream::BoundTargetEvaluation]);
    let cap = settings.max_target_rows_per_class;
    let fit = limit_rows(&rows.fit, cap, settings.seed, Stream::BoundTargetFit);
    LabelledRows { fit, ..rows }
}

fn drawn<'t>(
    task: &LabelledRows<'t>,
    settings: &Settings,
    [fit, evaluation]: [Stream; 2],
) -> LabelledRows<'t> {
    let limited = |rows: &[Vec<u32>], stream| {
        limit_rows(rows, settings.max_rows_per_class, settings.seed, stream)
    };
    let evaluation = limited(&task.evaluation, evaluation);
    // Without a split the rows to fit are the rows to evaluate, so they are not drawn again.
    let fit = if task.is_split() { limited(&task.fit, fit) } else { evaluation.clone() };
    LabelledRows { table: task.table, fit, evaluation }
}

fn canonical_bound<'t>(
    shared: &SharedSource<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<Bound, BoundError> {
    let source = &shared.canonical.task;
    let (from, to) = (drawn_source(source, settings), drawn_target(target, settings));
    let fit = Part { source: from.fit, target: to.fit };
    let evaluation = Part { source: from.evaluation, target: to.evaluation };
    let problem = Problem::new(shared, target, settings, fit);
    let choice = best(&problem)?;
    let fit_of_target = &problem.fit.target;
    let parallelism = settings.parallelism;
    let rows = choice.solution.coordinates(source, target, &evaluation, parallelism);
    let (terms, lipschitz) = choice.solution.evaluate(&rows, settings.lipschitz, parallelism)?;
    let count = |rows: &[Vec<u32>]| rows.iter().map(Vec::len).sum::<usize>() as u32;
    let classes = |rows: &[Vec<u32>]| rows.iter().filter(|class| !class.is_empty()).count() as u32;
    let bound = terms.bound();
    if let Some(found) = terms.fault(settings.is_certified()) {
        return Err(BoundError::Uncertified { bound, found });
    }
    let active = &choice.solution.active;
    Ok(Bound {
        bound,
        source_loss: terms.total(|c| c.source_loss),
        label_mismatch: terms.total(|c| c.label_mismatch),
        distribution_mismatch: terms.total(|c| c.distribution_mismatch),
        lipschitz,
        target_loss: terms.target_loss,
        target_accuracy: terms.target_accuracy,
        trivial_loss: terms.trivial_loss,
        vacuous: bound > terms.trivial_loss * (1.0 + ROUNDING),
        guesses: choice.solution.is_constant(),
        certified: settings.is_certified(),
        population: settings.population_error.map(|error| {
            let claim = Claim { error, seed: settings.seed };
            claimed(&choice.solution, target, &shares(fit_of_target), claim)
        }),
        matched: match &settings.truth {
            Some(truth) => {
                let logits = choice.solution.maps.target.class_logits(&rows.target);
                let pseudo = PseudoRows { numbers: &evaluation.target, logits: &logits };
                let joint = Joint::new(&choice.solution.label_map, &rows.target.prior());
                matched(&pseudo, &joint, fit_of_target, truth)?
            }
            None => None,
        },
        l2: choice.l2,
        n_source: count(&evaluation.source),
        n_target: count(&evaluation.target),
        source_classes: classes(&evaluation.source),
        target_classes: classes(&evaluation.target),
        by_class: terms.by_class.into_iter().map(|class| of_all_classes(class, active)).collect(),
    })
}

/// What all evaluation rows of the target say of their population. A cap on the rows of a class
/// would change the shares of the classes, so none is left out.
fn claimed(
    solution: &Solution,
    target: &LabelledRows<'_>,
    fit_prior: &[f64],
    claim: Claim,
) -> Population {
    let rows = solution.target_basis.coordinates(target.table, &target.evaluation);
    let logits = solution.maps.target.class_logits(&rows);
    population(&logits, &solution.label_map, fit_prior, claim)
}

/// The terms of a class with its sources numbered among all classes, not among the active ones.
fn of_all_classes(class: ClassTerms, active: &[u32]) -> ClassTerms {
    let sources = class.sources.iter().map(|&(k, w)| (active[k as usize], w)).collect();
    ClassTerms { sources, ..class }
}

fn check<'t>(
    source: &LabelledRows<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<(), BoundError> {
    if source.table.width() != target.table.width() {
        return Err(BoundError::Width {
            found: target.table.width(),
            expected: source.table.width(),
        });
    }
    if let Some(head) = &settings.head {
        if head.weight.ncols() != source.table.width() {
            return Err(BoundError::HeadWidth {
                found: head.weight.ncols(),
                expected: source.table.width(),
            });
        }
    }
    for (side, task) in [(Side::Source, source), (Side::Target, target)] {
        let present = task.evaluation.iter().filter(|rows| !rows.is_empty()).count();
        if present < 2 {
            return Err(BoundError::FewClasses { side, found: present });
        }
        for (class, rows) in task.evaluation.iter().enumerate() {
            if !rows.is_empty() && task.fit[class].is_empty() {
                return Err(BoundError::EmptyClass {
                    side,
                    class: class as u32,
                    found: "evaluation rows",
                    missing: "fit rows",
                });
            }
        }
    }
    if let Some(map) = &settings.label_map {
        check_used_classes(map, source)?;
    }
    Ok(())
}

/// Every source class that the label map uses has rows to learn from and rows to be judged on.
fn check_used_classes(map: &LabelMap, source: &LabelledRows<'_>) -> Result<(), BoundError> {
    for c in map.active_classes() {
        for (rows, found, missing) in [
            (&source.fit, "a place in the label map", "fit rows"),
            (&source.evaluation, "a place in the label map", "evaluation rows"),
        ] {
            if rows[c as usize].is_empty() {
                return Err(BoundError::EmptyClass {
                    side: Side::Source,
                    class: c,
                    found,
                    missing,
                });
            }
        }
    }
    Ok(())
}

/// How the feature map is learned.
enum Learner {
    /// Head and target map are learned together, from target coordinates in a basis of their own.
    Descent(Arc<Basis>),
    /// The head is fitted first, and the feature map is learned for it as it is.
    AroundHead(FeatureMap),
}

/// The learner that the ground cost asks for, unless features stay as they are: because that is
/// asked for, or because no target row tells how good a feature map is on rows that it was not
/// learned from.
fn learner(problem: &Problem<'_, '_>) -> Result<Option<Learner>, BoundError> {
    if problem.settings.transform == Transform::Identity || problem.judges_by_learned_rows() {
        return Ok(None);
    }
    let own =
        || basis(problem.target, &problem.fit.target.concat(), problem.settings, Side::Target);
    Ok(Some(match problem.settings.ground_cost {
        GroundCost::Margin => Learner::Descent(own()?),
        GroundCost::Head => Learner::AroundHead(FeatureMap::PullBack(own()?)),
        GroundCost::Euclidean => Learner::AroundHead(FeatureMap::Rotation),
    }))
}

/// The candidate of the highest level, or of a lower one whose bound is lower.
fn best(problem: &Problem<'_, '_>) -> Result<Candidate, BoundError> {
    let settings = problem.settings;
    let (assigned, learner) =
        settings.parallelism.join(|| mapped(problem, &assigned_map(problem)?), || learner(problem));
    let assigned = assigned?;
    let identity = || by_head(problem, &assigned, &FeatureMap::Identity);
    let Some(learner) = learner? else {
        return identity();
    };
    let features = || learned(problem, &assigned, &learner);
    let all = || -> Result<Option<Candidate>, BoundError> {
        let learns_map = settings.transform == Transform::All && settings.label_map.is_none();
        let separated = if learns_map { separated_map(problem, &assigned)? } else { None };
        separated.map(|map| learned(problem, &mapped(problem, &map)?, &learner)).transpose()
    };
    // Joint descents do not wait for anything that a head's fit makes, so they may run beside it.
    let (identity, (features, all)) = match learner {
        Learner::Descent(_) => {
            let parallelism = settings.parallelism;
            parallelism.join(identity, || parallelism.join(features, all))
        }
        Learner::AroundHead(_) => (identity(), (features(), all())),
    };
    let features = better(identity?, features?);
    Ok(match all? {
        Some(all) => better(features, all),
        None => features,
    })
}

fn learned(
    problem: &Problem<'_, '_>,
    mapped: &Mapped,
    learner: &Learner,
) -> Result<Candidate, BoundError> {
    match learner {
        Learner::Descent(target_basis) => by_joint_descent(problem, mapped, target_basis),
        Learner::AroundHead(features) => by_head(problem, mapped, features),
    }
}

/// The candidate of two levels whose bound is lower.
fn better(lower: Candidate, higher: Candidate) -> Candidate {
    if lower.judged < higher.judged {
        lower
    } else {
        higher
    }
}

/// The given label map, or the closest one.
fn assigned_map(problem: &Problem<'_, '_>) -> Result<LabelMap, BoundError> {
    if let Some(map) = &problem.settings.label_map {
        return Ok(map.clone());
    }
    let target_means = target_means(problem);
    let assigned = closest(source_means(problem), &target_means, &candidates(problem))?;
    Ok(LabelMap::one_hot(&assigned, problem.fit.source.len()))
}

fn source_means<'a>(problem: &Problem<'a, '_>) -> &'a Matrix {
    problem.shared.means.get_or_init(|| {
        with_standardised(problem.source, &problem.fit.source, problem.settings, class_means)
    })
}

fn target_means(problem: &Problem<'_, '_>) -> Matrix {
    with_standardised(problem.target, &problem.fit.target, problem.settings, class_means)
}

/// Source classes that have rows to learn from and rows to be judged on.
fn candidates(problem: &Problem<'_, '_>) -> Vec<u32> {
    (0..problem.fit.source.len() as u32)
        .filter(|&c| {
            !problem.fit.source[c as usize].is_empty()
                && !problem.source.evaluation[c as usize].is_empty()
        })
        .collect()
}

/// The map onto the best separated source classes, where there are more than enough and it is
/// another map than the assigned one.
fn separated_map(
    problem: &Problem<'_, '_>,
    assigned: &Mapped,
) -> Result<Option<LabelMap>, BoundError> {
    let candidates = candidates(problem);
    let wanted = problem.fit.target.len();
    if candidates.len() <= wanted || wanted < 2 {
        return Ok(None);
    }
    let distances = problem.shared.distances.get_or_init(|| {
        let (source, rows) = (problem.source, &problem.fit.source);
        let scatter = with_standardised(source, rows, problem.settings, ClassScatter::of);
        within_class_distances(scatter, &candidates)
    });
    let chosen = separated(distances, &candidates, wanted);
    if chosen == assigned.active {
        return Ok(None);
    }
    let map = closest(source_means(problem), &target_means(problem), &chosen)?;
    Ok(Some(LabelMap::one_hot(&map, problem.fit.source.len())))
}

fn mapped(problem: &Problem<'_, '_>, label_map: &LabelMap) -> Result<Mapped, BoundError> {
    let active = label_map.active_classes();
    let source_basis = if head_is_fixed(problem) {
        Arc::new(Basis::raw(problem.source.table.width()))
    } else {
        problem.shared.bases.get(active.clone(), || {
            let rows = active.iter().flat_map(|&c| &problem.fit.source[c as usize]);
            let rows: Vec<u32> = rows.copied().collect();
            basis(problem.source, &rows, problem.settings, Side::Source)
        })?
    };
    Ok(Mapped { label_map: label_map.restricted(&active), active, source_basis })
}

/// What `of` makes of a task's fit rows in its own standardised features.
fn with_standardised<R>(
    task: &LabelledRows<'_>,
    rows: &[Vec<u32>],
    settings: &Settings,
    of: impl Fn(&RowReader<'_>) -> R,
) -> R {
    let basis = Basis::unrotated(task.table, &rows.concat(), settings.scale());
    let counts: Vec<usize> = rows.iter().map(Vec::len).collect();
    of(&RowReader {
        counts: &counts,
        width: task.table.width(),
        read: &|class, i, out| basis.standardise(task.table, rows[class][i], out),
    })
}
