//! Choosing the transforms: what is fitted, on which rows, and by what it is judged.
//!
//! A quarter of the fit rows is set aside. Candidates (strengths of the penalty, label maps, scales
//! of the maps) are fitted on the rest, judged by their bound on the rows set aside, and the best
//! is fitted again on all fit rows. The constant head, whose bound is the trivial loss, is always a
//! candidate. The transform levels are nested: a higher level also considers what the lower levels
//! chose. Where the fit rows are also the evaluation rows it never ends above them.

mod by_descent;
mod by_head;
mod canonical;
pub mod joint_descent;
mod label_map;
mod pull_back;
pub mod source_cache;

use std::sync::Arc;

use crate::bound::certificate::{constant_bound, source_prior, ClassTerms};
use crate::bound::search::canonical::Canonical;
use crate::bound::search::label_map::{
    active_classes, closest, one_hot, restrict, separated, within_class_distances,
};
use crate::bound::search::source_cache::SharedSource;
use crate::bound::solution::{Coordinates, Part, Solution};
use crate::bound::{Bound, BoundError, GroundCost, LabelledRows, Settings, Transform};
use crate::estimators::head::{prior, LinearHead};
use crate::linalg::Matrix;
use crate::rows::class_scatter::{class_means, ClassScatter, RowReader};
use crate::rows::Basis;
use crate::sampling::{limit_rows, set_aside, Stream};

/// A bound this close to the trivial loss is equal to it: the constant head's is, but for its last
/// digits.
const ROUNDING: f64 = 1e-12;
/// Axes kept of a basis: more carry too little variance to pay for themselves on new rows. (Over 24
/// seeds and 8 pairs of wide embeddings, 512 axes gave bounds that were 0.003 lower in the mean, in
/// a quarter more time.)
const MAX_RANK: usize = 256;

/// Fit the transforms on the fit rows and evaluate the bound on the evaluation rows.
///
/// # Errors
/// Widths that differ, fewer than two classes on a side, a class without fit rows, a label map that
/// is not one or that uses a class without rows, or a solver's.
pub fn transfer_bound<'t>(
    source: &LabelledRows<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<Bound, BoundError> {
    transfer_bound_from(&SharedSource::new(source.clone()), target, settings)
}

/// The same, with what was fitted to the source for targets before.
///
/// # Errors
/// As [`transfer_bound`].
pub fn transfer_bound_from<'t>(
    source: &SharedSource<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<Bound, BoundError> {
    check(&source.rows, target, settings)?;
    let target = Canonical::new(target);
    let source_of = &source.canonical.class_of;
    let settings = reordered(settings, source_of, &target.class_of);
    let bound = canonical_bound(source, &target.task, &settings)?;
    Ok(in_callers_order(bound, source_of, &target.class_of))
}

/// The settings with head and label map in canonical class order.
fn reordered(settings: &Settings, source_of: &[u32], target_of: &[u32]) -> Settings {
    let label_map = settings.label_map.as_ref().map(|map| {
        Matrix::from_fn(target_of.len(), source_of.len(), |y, c| {
            map.row(target_of[y] as usize)[source_of[c] as usize]
        })
    });
    Settings {
        head: settings.head.as_ref().map(|head| head.select(source_of)),
        label_map,
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

fn canonical_bound<'t>(
    shared: &SharedSource<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<Bound, BoundError> {
    let source = &shared.canonical.task;
    let limited = |rows: &[Vec<u32>], stream| {
        limit_rows(rows, settings.max_rows_per_class, settings.seed, stream)
    };
    let evaluation = Part {
        source: limited(&source.evaluation, Stream::BoundSourceEvaluation),
        target: limited(&target.evaluation, Stream::BoundTargetEvaluation),
    };
    // Without a split the rows to fit are the rows to evaluate, so they are not drawn again.
    let fit_rows = |task: &LabelledRows<'_>, evaluation: &Vec<Vec<u32>>, stream| {
        if task.fit == task.evaluation {
            return evaluation.clone();
        }
        limited(&task.fit, stream)
    };
    let fit = Part {
        source: fit_rows(source, &evaluation.source, Stream::BoundSourceFit),
        target: fit_rows(target, &evaluation.target, Stream::BoundTargetFit),
    };
    let choice = Fitting::new(shared, target, settings, fit).best()?;
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
        certified: settings.is_certified(),
        l2: choice.l2,
        n_source: count(&evaluation.source),
        n_target: count(&evaluation.target),
        source_classes: classes(&evaluation.source),
        target_classes: classes(&evaluation.target),
        by_class: terms
            .by_class
            .into_iter()
            .map(|class| ClassTerms {
                sources: class.sources.iter().map(|&(k, w)| (active[k as usize], w)).collect(),
                ..class
            })
            .collect(),
    })
}

fn check<'t>(
    source: &LabelledRows<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<(), BoundError> {
    if source.table.width() != target.table.width() {
        return Err(BoundError::Width {
            side: "target",
            other: "source",
            found: target.table.width(),
            expected: source.table.width(),
        });
    }
    if let Some(head) = &settings.head {
        if head.weight.ncols() != source.table.width() {
            return Err(BoundError::Width {
                side: "head",
                other: "source",
                found: head.weight.ncols(),
                expected: source.table.width(),
            });
        }
    }
    for (side, task) in [("source", source), ("target", target)] {
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
        check_label_map(map, source)?;
    }
    Ok(())
}

fn check_label_map(map: &Matrix, source: &LabelledRows<'_>) -> Result<(), BoundError> {
    for (y, row) in map.rows().enumerate() {
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > 1e-6 || row.iter().any(|w| !w.is_finite() || *w < 0.0) {
            return Err(BoundError::LabelMap { class: y as u32, sum });
        }
    }
    for c in active_classes(map) {
        for (rows, found, missing) in [
            (&source.fit, "a place in the label map", "fit rows"),
            (&source.evaluation, "a place in the label map", "evaluation rows"),
        ] {
            if rows[c as usize].is_empty() {
                return Err(BoundError::EmptyClass { side: "source", class: c, found, missing });
            }
        }
    }
    Ok(())
}

/// A candidate that was fitted on all fit rows.
pub(super) struct Choice {
    pub(super) solution: Solution,
    pub(super) l2: Option<f64>,
    /// What levels are compared by: the bound on the rows set aside, before the last fit, where
    /// there are other evaluation rows; on the fit rows, where those are the evaluation rows.
    pub(super) judged: f64,
}

/// The rows and settings of one bound.
pub(super) struct Fitting<'a, 't> {
    pub(super) shared: &'a SharedSource<'t>,
    pub(super) source: &'a LabelledRows<'t>,
    pub(super) target: &'a LabelledRows<'t>,
    pub(super) settings: &'a Settings,
    /// There are evaluation rows that are not fit rows.
    pub(super) split: bool,
    pub(super) fit: Part,
    pub(super) learn: Part,
    pub(super) aside: Part,
    pub(super) target_basis: Option<Arc<Basis>>,
}

/// A label map restricted to the source classes it uses, with their coordinates.
pub(super) struct Mapped {
    pub(super) active: Vec<u32>,
    pub(super) label_map: Matrix,
    pub(super) source_basis: Arc<Basis>,
}

/// A bound as a function of the scale of its maps.
type BoundByScale<'s> = Box<dyn Fn(f64) -> Result<f64, BoundError> + 's>;

impl<'a, 't> Fitting<'a, 't> {
    fn new(
        shared: &'a SharedSource<'t>,
        target: &'a LabelledRows<'t>,
        settings: &'a Settings,
        fit: Part,
    ) -> Self {
        let source = &shared.canonical.task;
        let (learn, aside) = if settings.l2.is_some() {
            // Nothing to choose, so nothing is set aside.
            (fit.clone(), fit.clone())
        } else {
            let (source_learn, source_aside) =
                set_aside(&fit.source, settings.seed, Stream::BoundSourceAside);
            let (target_learn, target_aside) =
                set_aside(&fit.target, settings.seed, Stream::BoundTargetAside);
            let learn = Part { source: source_learn, target: target_learn };
            let aside = Part { source: source_aside, target: target_aside };
            (learn, aside)
        };
        Self {
            shared,
            source,
            target,
            settings,
            split: source.fit != source.evaluation || target.fit != target.evaluation,
            fit,
            learn,
            aside,
            target_basis: None,
        }
    }

    /// What a feature map starts from, where one is learned in coordinates.
    fn fit_target_basis(&self) -> Result<Option<Arc<Basis>>, BoundError> {
        let Settings { transform, ground_cost, standardize, .. } = *self.settings;
        if transform == Transform::Identity || ground_cost == GroundCost::Euclidean {
            return Ok(None);
        }
        Self::basis(self.target, &self.fit.target.concat(), standardize, "target").map(Some)
    }

    fn basis(
        task: &LabelledRows<'_>,
        rows: &[u32],
        standardize: bool,
        side: &'static str,
    ) -> Result<Arc<Basis>, BoundError> {
        Basis::fit(task.table, rows, standardize, MAX_RANK)
            .map(Arc::new)
            .map_err(|_| BoundError::Decomposition { side })
    }

    fn best(mut self) -> Result<Choice, BoundError> {
        let (assigned, target_basis) = self
            .settings
            .parallelism
            .join(|| self.mapped(&self.assigned_map()?), || self.fit_target_basis());
        let assigned = assigned?;
        self.target_basis = target_basis?;
        let identity = || self.by_head(&assigned, false);
        if self.settings.transform == Transform::Identity {
            return identity();
        }
        let features = || self.learned(&assigned);
        let all = || -> Result<Option<Choice>, BoundError> {
            let learns_map =
                self.settings.transform == Transform::All && self.settings.label_map.is_none();
            let separated = if learns_map { self.separated_map(&assigned)? } else { None };
            separated.map(|map| self.learned(&self.mapped(&map)?)).transpose()
        };
        // Joint descents do not wait for anything that a head's fit makes, so they may run beside
        // it.
        let (identity, (features, all)) = match self.settings.ground_cost {
            GroundCost::Margin => {
                let parallelism = self.settings.parallelism;
                parallelism.join(identity, || parallelism.join(features, all))
            }
            GroundCost::Head | GroundCost::Euclidean => (identity(), (features(), all())),
        };
        let features = Self::better(identity?, features?);
        Ok(match all? {
            Some(all) => Self::better(features, all),
            None => features,
        })
    }

    /// Of two levels' choices, the one with the lower bound.
    fn better(lower: Choice, higher: Choice) -> Choice {
        if lower.judged < higher.judged {
            lower
        } else {
            higher
        }
    }

    /// The given label map, or the closest one.
    fn assigned_map(&self) -> Result<Matrix, BoundError> {
        if let Some(map) = &self.settings.label_map {
            return Ok(map.clone());
        }
        let target_means = self.target_means();
        let assigned = closest(self.source_means(), &target_means, &self.candidates())?;
        Ok(one_hot(&assigned, self.fit.source.len()))
    }

    fn source_means(&self) -> &Matrix {
        self.shared.means.get_or_init(|| {
            with_standardised(self.source, &self.fit.source, self.settings, class_means)
        })
    }

    fn target_means(&self) -> Matrix {
        with_standardised(self.target, &self.fit.target, self.settings, class_means)
    }

    /// Source classes that have rows to learn from and rows to be judged on.
    fn candidates(&self) -> Vec<u32> {
        (0..self.fit.source.len() as u32)
            .filter(|&c| {
                !self.fit.source[c as usize].is_empty()
                    && !self.source.evaluation[c as usize].is_empty()
            })
            .collect()
    }

    /// The map onto the best separated source classes, where there are more than enough and it is
    /// another map than the assigned one.
    fn separated_map(&self, assigned: &Mapped) -> Result<Option<Matrix>, BoundError> {
        let candidates = self.candidates();
        let wanted = self.fit.target.len();
        if candidates.len() <= wanted || wanted < 2 {
            return Ok(None);
        }
        let distances = self.shared.distances.get_or_init(|| {
            let scatter =
                with_standardised(self.source, &self.fit.source, self.settings, ClassScatter::of);
            within_class_distances(scatter, &candidates)
        });
        let chosen = separated(distances, &candidates, wanted);
        if chosen == assigned.active {
            return Ok(None);
        }
        let map = closest(self.source_means(), &self.target_means(), &chosen)?;
        Ok(Some(one_hot(&map, self.fit.source.len())))
    }

    fn mapped(&self, label_map: &Matrix) -> Result<Mapped, BoundError> {
        let active = active_classes(label_map);
        let source_basis = if self.settings.head.is_some() {
            Arc::new(Basis::raw(self.source.table.width()))
        } else {
            self.shared.bases.get(active.clone(), || {
                let rows = active.iter().flat_map(|&c| &self.fit.source[c as usize]);
                let rows: Vec<u32> = rows.copied().collect();
                Self::basis(self.source, &rows, self.settings.standardize, "source")
            })?
        };
        Ok(Mapped { label_map: restrict(label_map, &active), active, source_basis })
    }

    fn learned(&self, mapped: &Mapped) -> Result<Choice, BoundError> {
        match self.settings.ground_cost {
            GroundCost::Margin => self.by_joint_descent(mapped),
            GroundCost::Head | GroundCost::Euclidean => self.by_head(mapped, true),
        }
    }

    pub(super) fn head_is_fixed(&self) -> bool {
        self.settings.head.is_some()
    }

    pub(super) fn bound_of(
        &self,
        solution: &Solution,
        rows: &Coordinates<'_>,
    ) -> Result<f64, BoundError> {
        let Settings { lipschitz, parallelism, .. } = *self.settings;
        Ok(solution.bound(rows, lipschitz, parallelism)?)
    }

    /// The bounds on some rows with both maps scaled. A head that stays as it is is not scaled.
    pub(super) fn bound_by_scale<'s, 'r: 's>(
        &'s self,
        solution: &'s Solution,
        rows: &'s Coordinates<'r>,
    ) -> Result<BoundByScale<'s>, BoundError> {
        let parallelism = self.settings.parallelism;
        if self.settings.is_certified() && !self.head_is_fixed() {
            let bound = solution.bound_by_scale(rows, parallelism)?;
            return Ok(Box::new(move |scale| Ok(bound(scale))));
        }
        Ok(Box::new(move |scale| {
            self.bound_of(&solution.scaled(self.head_scale(scale), scale), rows)
        }))
    }

    pub(super) fn head_scale(&self, scale: f64) -> f64 {
        if self.head_is_fixed() {
            1.0
        } else {
            scale
        }
    }

    pub(super) fn coordinates(&self, solution: &Solution, part: &Part) -> Coordinates<'t> {
        solution.coordinates(self.source, self.target, part, self.settings.parallelism)
    }

    pub(super) fn fitted_bound(&self, solution: &Solution) -> Result<f64, BoundError> {
        let rows = self.coordinates(solution, &self.fit);
        self.bound_of(solution, &rows)
    }

    /// The bound of the constant head, whose logits are those of `prior` in all rows, on some part:
    /// no move costs anything.
    pub(super) fn constant_bound(&self, mapped: &Mapped, prior: &[f64], part: &Part) -> f64 {
        constant_bound(&mapped.label_map, &shares(&part.target), prior)
    }

    /// The class prior that the label map gives the source on some part's target rows.
    pub(super) fn prior(&self, mapped: &Mapped, part: &Part) -> Vec<f64> {
        source_prior(&mapped.label_map, &shares(&part.target))
    }

    /// The user's head over the active classes, following the prior.
    pub(super) fn adjusted_head(
        &self,
        head: &LinearHead,
        mapped: &Mapped,
        prior: &[f64],
    ) -> LinearHead {
        let shares = shares(&self.fit.source);
        let from: Vec<f64> = mapped.active.iter().map(|&c| shares[c as usize]).collect();
        let mut adjusted = head.select(&mapped.active).centred();
        prior::adjust(&mut adjusted, &from, prior);
        adjusted
    }
}

/// What `of` makes of a task's fit rows in its own standardised features.
fn with_standardised<R>(
    task: &LabelledRows<'_>,
    rows: &[Vec<u32>],
    settings: &Settings,
    of: impl Fn(&RowReader<'_>) -> R,
) -> R {
    let basis = Basis::unrotated(task.table, &rows.concat(), settings.standardize);
    let counts: Vec<usize> = rows.iter().map(Vec::len).collect();
    of(&RowReader {
        counts: &counts,
        width: task.table.width(),
        read: &|class, i, out| basis.standardise(task.table, rows[class][i], out),
    })
}

/// Share of the rows that each class has.
fn shares(rows: &[Vec<u32>]) -> Vec<f64> {
    let total: usize = rows.iter().map(Vec::len).sum();
    rows.iter().map(|class| class.len() as f64 / total as f64).collect()
}
