//! Choosing the transforms: what is fitted, on which rows, and by what it is judged.
//!
//! A quarter of the fit rows is set aside. Candidates (strengths of the penalty, label maps, scales of
//! the maps) are fitted on the rest, judged by their bound on the rows set aside, and the best is fitted
//! again on all fit rows. The constant head, whose bound is the trivial loss, is always a candidate.
//! The transform levels are nested: a higher level also considers what the lower levels chose. Where the
//! fit rows are also the evaluation rows it never ends above them.

use std::sync::Arc;

use super::canonical::Canonical;
use super::joint_descent::{JointDescent, Maps, Schedule};
use super::label_map::{active_classes, closest, one_hot, restrict, separated};
use super::pull_back::{head_coordinates, procrustes, pull_back};
use super::solution::{Coordinates, Geometry, Part, Solution};
use super::split::{limit_rows, set_aside};
use super::terms::{self, source_prior, ClassTerms, Ground};
use super::{Bound, BoundError, GroundCost, LabelledRows, Lipschitz, Settings, Transform};
use crate::features::{Basis, ClassRows};
use crate::head::{logistic, prior, LinearHead};
use crate::matrix::Matrix;

/// Axes kept of a basis: more carry too little variance to pay for themselves on new rows.
const MAX_RANK: usize = 512;
/// Strengths tried by the joint descent, strong to weak; each starts where the last ended.
const DESCENT_PATH: [f64; 7] = [3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003];
/// Gradient at which a logistic head is good enough: the bound holds for any head.
const HEAD_TOLERANCE: f64 = 1e-4;
/// Strengths tried for a logistic head.
const HEAD_PATH: [f64; 4] = [1.0, 0.1, 0.01, 0.001];
/// Scales of a head tried between the constant head and the fitted one.
const HEAD_SCALES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// The path ends after this many strengths in a row that were not better than the best.
const PATIENCE: usize = 2;
/// Factor between two scales of the maps that are tried, and how many are tried.
const SCALE_STEP: f64 = 1.2;
const MAX_SCALE_STEPS: usize = 4;
const STEPS_PER_STRENGTH: usize = 120;
const FINAL_STEPS: usize = 300;
const FIRST_RATE: f64 = 0.03;
const LAST_RATE: f64 = 0.002;

/// Fit the transforms on the fit rows and evaluate the bound on the evaluation rows.
///
/// # Errors
/// Widths that differ, fewer than two classes on a side, a class without fit rows, a label map that is
/// not one or that uses a class without rows, or a solver's.
pub fn transfer_bound<'t>(
    source: &LabelledRows<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<Bound, BoundError> {
    check(source, target, settings)?;
    let (source, target) = (Canonical::new(source), Canonical::new(target));
    let settings = reordered(settings, &source.class_of, &target.class_of);
    let bound = canonical_bound(&source.task, &target.task, &settings)?;
    Ok(in_callers_order(bound, &source.class_of, &target.class_of))
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
    source: &LabelledRows<'t>,
    target: &LabelledRows<'t>,
    settings: &Settings,
) -> Result<Bound, BoundError> {
    let limited = |rows: &[Vec<u32>], stream| {
        limit_rows(rows, settings.max_rows_per_class, settings.seed, stream)
    };
    let evaluation =
        Part { source: limited(&source.evaluation, 11), target: limited(&target.evaluation, 12) };
    // Without a split the same rows must be drawn for both, hence the same streams.
    let same = |task: &LabelledRows<'_>| task.fit == task.evaluation;
    let fit = Part {
        source: limited(&source.fit, if same(source) { 11 } else { 13 }),
        target: limited(&target.fit, if same(target) { 12 } else { 14 }),
    };
    let choice = Fitting::new(source, target, settings, fit)?.best()?;
    let rows = choice.solution.coordinates(source, target, &evaluation);
    let (terms, lipschitz) = choice.solution.evaluate(&rows, settings.lipschitz)?;
    let count = |rows: &[Vec<u32>]| rows.iter().map(Vec::len).sum::<usize>() as u32;
    let classes = |rows: &[Vec<u32>]| rows.iter().filter(|class| !class.is_empty()).count() as u32;
    let bound = terms.bound();
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
        vacuous: bound > terms.trivial_loss,
        certified: settings.ground_cost == GroundCost::Margin
            || settings.lipschitz == Lipschitz::Certified,
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
struct Choice {
    solution: Solution,
    l2: Option<f64>,
    /// Bound on the rows set aside, before the last fit.
    held_out: f64,
    /// Bound on the fit rows.
    fitted: f64,
}

/// The rows and settings of one bound.
struct Fitting<'a, 't> {
    source: &'a LabelledRows<'t>,
    target: &'a LabelledRows<'t>,
    settings: &'a Settings,
    /// There are evaluation rows that are not fit rows.
    split: bool,
    fit: Part,
    learn: Part,
    aside: Part,
    target_basis: Option<Arc<Basis>>,
}

/// A label map restricted to the source classes it uses, with their coordinates.
struct Mapped {
    active: Vec<u32>,
    label_map: Matrix,
    source_basis: Arc<Basis>,
}

impl<'a, 't> Fitting<'a, 't> {
    fn new(
        source: &'a LabelledRows<'t>,
        target: &'a LabelledRows<'t>,
        settings: &'a Settings,
        fit: Part,
    ) -> Result<Self, BoundError> {
        let (learn, aside) = if settings.l2.is_some() {
            // Nothing to choose, so nothing is set aside.
            (fit.clone(), fit.clone())
        } else {
            let (source_learn, source_aside) = set_aside(&fit.source, settings.seed, 1);
            let (target_learn, target_aside) = set_aside(&fit.target, settings.seed, 2);
            let learn = Part { source: source_learn, target: target_learn };
            let aside = Part { source: source_aside, target: target_aside };
            (learn, aside)
        };
        let needs_target_basis = settings.transform != Transform::Identity
            && settings.ground_cost != GroundCost::Euclidean;
        let target_basis = needs_target_basis
            .then(|| Self::basis(target, &fit.target.concat(), settings.standardize, "target"))
            .transpose()?;
        Ok(Self {
            source,
            target,
            settings,
            split: source.fit != source.evaluation || target.fit != target.evaluation,
            fit,
            learn,
            aside,
            target_basis,
        })
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

    fn best(&self) -> Result<Choice, BoundError> {
        let assigned = self.mapped(&self.assigned_map()?)?;
        let identity = self.by_head(&assigned, false)?;
        if self.settings.transform == Transform::Identity {
            return Ok(identity);
        }
        let features = self.better(identity, self.learned(&assigned)?);
        if self.settings.transform == Transform::Features || self.settings.label_map.is_some() {
            return Ok(features);
        }
        let Some(separated) = self.separated_map(&assigned)? else {
            return Ok(features);
        };
        let all = self.learned(&self.mapped(&separated)?)?;
        Ok(self.better(features, all))
    }

    /// Of two levels' choices, the one with the lower bound: on the rows set aside where there are other
    /// evaluation rows, on the fit rows where those are the evaluation rows.
    fn better(&self, lower: Choice, higher: Choice) -> Choice {
        let keep = if self.split {
            lower.held_out < higher.held_out
        } else {
            lower.fitted < higher.fitted
        };
        if keep {
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
        let means = |task: &LabelledRows<'_>, rows: &[Vec<u32>]| {
            let flat = rows.concat();
            let basis = Basis::unrotated(task.table, &flat, self.settings.standardize);
            ClassRows::new(basis.project(task.table, &flat), rows.iter().map(Vec::len)).means()
        };
        let source_means = means(self.source, &self.fit.source);
        let target_means = means(self.target, &self.fit.target);
        let assigned = closest(&source_means, &target_means, &self.candidates())?;
        Ok(one_hot(&assigned, self.fit.source.len()))
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
        let flat = self.fit.source.concat();
        let basis = Basis::unrotated(self.source.table, &flat, self.settings.standardize);
        let rows = ClassRows::new(
            basis.project(self.source.table, &flat),
            self.fit.source.iter().map(Vec::len),
        );
        let chosen = separated(&rows, &candidates, wanted);
        if chosen == assigned.active {
            return Ok(None);
        }
        let target_flat = self.fit.target.concat();
        let target_basis =
            Basis::unrotated(self.target.table, &target_flat, self.settings.standardize);
        let target_means = ClassRows::new(
            target_basis.project(self.target.table, &target_flat),
            self.fit.target.iter().map(Vec::len),
        )
        .means();
        let map = closest(&rows.means(), &target_means, &chosen)?;
        Ok(Some(one_hot(&map, self.fit.source.len())))
    }

    fn mapped(&self, label_map: &Matrix) -> Result<Mapped, BoundError> {
        let active = active_classes(label_map);
        let source_basis = if self.settings.head.is_some() {
            Arc::new(Basis::raw(self.source.table.width()))
        } else {
            let rows: Vec<u32> =
                active.iter().flat_map(|&c| self.fit.source[c as usize].iter().copied()).collect();
            Self::basis(self.source, &rows, self.settings.standardize, "source")?
        };
        Ok(Mapped { label_map: restrict(label_map, &active), active, source_basis })
    }

    fn learned(&self, mapped: &Mapped) -> Result<Choice, BoundError> {
        match self.settings.ground_cost {
            GroundCost::Margin => self.by_joint_descent(mapped),
            GroundCost::Head | GroundCost::Euclidean => self.by_head(mapped, true),
        }
    }

    fn head_is_fixed(&self) -> bool {
        self.settings.head.is_some()
    }

    fn fitted_bound(&self, solution: &Solution) -> Result<f64, BoundError> {
        let rows = solution.coordinates(self.source, self.target, &self.fit);
        Ok(solution.evaluate(&rows, self.settings.lipschitz)?.0.bound())
    }

    /// The class prior that the label map gives the source on some target rows.
    fn prior(&self, mapped: &Mapped, target: &ClassRows) -> Vec<f64> {
        source_prior(&mapped.label_map, &target.prior())
    }

    /// The user's head over the active classes, following the prior.
    fn adjusted_head(&self, head: &LinearHead, mapped: &Mapped, prior: &[f64]) -> LinearHead {
        let total: usize = self.fit.source.iter().map(Vec::len).sum();
        let from: Vec<f64> = mapped
            .active
            .iter()
            .map(|&c| self.fit.source[c as usize].len() as f64 / total as f64)
            .collect();
        let mut adjusted = head.select(&mapped.active);
        prior::adjust(&mut adjusted, &from, prior);
        adjusted
    }

    // --- Margin cost: head and target map by joint descent ---

    fn by_joint_descent(&self, mapped: &Mapped) -> Result<Choice, BoundError> {
        let Some(target_basis) = &self.target_basis else {
            return Err(BoundError::Decomposition { side: "target" });
        };
        let coordinates = |part: &Part| {
            Coordinates::new(
                (self.source, &mapped.source_basis),
                (self.target, target_basis),
                &mapped.active,
                part,
            )
        };
        let fit = coordinates(&self.fit);
        let prior = self.prior(mapped, &fit.target);
        let mut maps = Maps::constant(&prior, fit.source.width(), fit.target.width());
        if let Some(head) = &self.settings.head {
            maps.source = self.adjusted_head(head, mapped, &prior);
        }
        let constant = Solution {
            active: mapped.active.clone(),
            label_map: mapped.label_map.clone(),
            source_basis: Arc::clone(&mapped.source_basis),
            target_basis: Arc::clone(target_basis),
            maps,
            geometry: Geometry::Margin,
            prior,
        };
        let picked = if let Some(l2) = self.settings.l2 {
            Picked::unjudged(&constant.maps, l2)
        } else {
            let (learn, aside) = (coordinates(&self.learn), coordinates(&self.aside));
            self.descend_path(&constant, &learn, &aside)?
        };
        let constant_bound = self.fitted_bound(&constant)?;
        let constant_choice = Choice {
            solution: constant.clone(),
            l2: picked.l2,
            held_out: picked.held_out,
            fitted: constant_bound,
        };
        let Some(l2) = picked.l2 else {
            return Ok(constant_choice);
        };
        let mut solution = Solution { maps: picked.maps, ..constant };
        let source = self.descent_rows(&solution, &fit.source);
        JointDescent::new(
            &source,
            &fit.target,
            &mapped.label_map,
            self.head_is_fixed(),
            self.settings.seed,
        )
        .run(&mut solution.maps, schedule(l2, FINAL_STEPS))?;
        let solution = solution.scaled(self.head_scale(picked.scale), picked.scale);
        let fitted = self.fitted_bound(&solution)?;
        if constant_bound < fitted {
            return Ok(constant_choice);
        }
        Ok(Choice {
            solution,
            l2: Some(l2),
            held_out: if picked.held_out.is_finite() { picked.held_out } else { fitted },
            fitted,
        })
    }

    /// What the descent takes as source rows: coordinates, or the logits of a head that stays as it is.
    fn descent_rows(&self, solution: &Solution, source: &ClassRows) -> ClassRows {
        if self.head_is_fixed() {
            source.with_rows(solution.maps.source.logits(source.matrix()))
        } else {
            source.clone()
        }
    }

    /// Descend from strong to weak penalties on the rows to learn from, and keep what bounds best on the
    /// rows set aside.
    fn descend_path(
        &self,
        constant: &Solution,
        learn: &Coordinates,
        aside: &Coordinates,
    ) -> Result<Picked, BoundError> {
        let mut best = Picked {
            maps: constant.maps.clone(),
            l2: None,
            scale: 1.0,
            held_out: constant.evaluate(aside, self.settings.lipschitz)?.0.bound(),
        };
        let source = self.descent_rows(constant, &learn.source);
        let mut descent = JointDescent::new(
            &source,
            &learn.target,
            &constant.label_map,
            self.head_is_fixed(),
            self.settings.seed,
        );
        let mut maps = constant.maps.clone();
        let mut misses = 0;
        for l2 in DESCENT_PATH {
            descent.run(&mut maps, schedule(l2, STEPS_PER_STRENGTH))?;
            let judged = self.calibrate(constant, &maps, aside, l2)?;
            if judged.held_out < best.held_out {
                best = judged;
                misses = 0;
            } else if best.l2.is_some() {
                misses += 1;
                if misses == PATIENCE {
                    break;
                }
            }
        }
        Ok(best)
    }

    /// Lengthen both maps by the factor with the lowest bound on the rows set aside: a strong penalty finds
    /// good directions and makes them too short. (Shortening is what the path's penalties are for.)
    fn calibrate(
        &self,
        constant: &Solution,
        maps: &Maps,
        aside: &Coordinates,
        l2: f64,
    ) -> Result<Picked, BoundError> {
        let source = aside.source.with_rows(maps.source.logits(aside.source.matrix()));
        let target = aside.target.with_rows(maps.target.logits(aside.target.matrix()));
        let judge = |scale: f64| -> Result<f64, BoundError> {
            let source = scaled_logits(&source, self.head_scale(scale), &constant.prior);
            let target = scaled_logits(&target, scale, &constant.prior);
            Ok(terms::evaluate(&source, &target, &constant.label_map, Ground::Margin)?.bound())
        };
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

    /// A head that stays as it is is not scaled.
    fn head_scale(&self, scale: f64) -> f64 {
        if self.head_is_fixed() {
            1.0
        } else {
            scale
        }
    }

    // --- A logistic head, with or without a feature map (identity level; Lipschitz costs) ---

    fn by_head(&self, mapped: &Mapped, learn_features: bool) -> Result<Choice, BoundError> {
        let learns_by_strength = !self.head_is_fixed()
            || (learn_features && self.settings.ground_cost == GroundCost::Head);
        let path: Vec<f64> = match self.settings.l2 {
            Some(l2) => vec![l2],
            None if learns_by_strength => HEAD_PATH.to_vec(),
            None => vec![0.0],
        };
        let scales: &[f64] = if self.head_is_fixed() {
            &[1.0]
        } else if self.settings.l2.is_some() {
            &[1.0, 0.0]
        } else {
            &HEAD_SCALES
        };
        let mut best = (f64::INFINITY, path[0], 1.0);
        let mut head = None;
        for &l2 in &path {
            let fitted = self.fit_head(mapped, &self.learn, l2, head)?;
            let solution = self.with_head(mapped, &fitted, &self.learn, l2, learn_features)?;
            let aside = solution.coordinates(self.source, self.target, &self.aside);
            for &scale in scales {
                let terms =
                    solution.scaled(scale, scale).evaluate(&aside, self.settings.lipschitz)?;
                let value = terms.0.bound();
                if value < best.0 {
                    best = (value, l2, scale);
                }
            }
            head = Some(fitted);
        }
        let (held_out, l2, scale) = best;
        let head = self.fit_head(mapped, &self.fit, l2, head)?;
        let solution =
            self.with_head(mapped, &head, &self.fit, l2, learn_features)?.scaled(scale, scale);
        Ok(Choice {
            fitted: self.fitted_bound(&solution)?,
            solution,
            l2: (learns_by_strength && scale > 0.0).then_some(l2),
            held_out,
        })
    }

    fn fit_head(
        &self,
        mapped: &Mapped,
        part: &Part,
        l2: f64,
        start: Option<LinearHead>,
    ) -> Result<LinearHead, BoundError> {
        let total: usize = part.target.iter().map(Vec::len).sum();
        let target_prior: Vec<f64> =
            part.target.iter().map(|rows| rows.len() as f64 / total as f64).collect();
        let prior = source_prior(&mapped.label_map, &target_prior);
        if let Some(head) = &self.settings.head {
            return Ok(self.adjusted_head(head, mapped, &prior));
        }
        let used: Vec<&[u32]> =
            mapped.active.iter().map(|&c| part.source[c as usize].as_slice()).collect();
        let rows = ClassRows::new(
            mapped.source_basis.project(self.source.table, &used.concat()),
            used.iter().map(|class| class.len()),
        );
        let mut head = start
            .unwrap_or_else(|| LinearHead::zeros(mapped.active.len(), mapped.source_basis.rank()));
        logistic::fit(&mut head, &rows, &prior, l2, HEAD_TOLERANCE)?;
        Ok(head)
    }

    /// The solution that a head gives: target rows as they are, or moved to the head's coordinates.
    fn with_head(
        &self,
        mapped: &Mapped,
        head: &LinearHead,
        part: &Part,
        l2: f64,
        learn_features: bool,
    ) -> Result<Solution, BoundError> {
        let total: usize = self.fit.target.iter().map(Vec::len).sum();
        let target_prior: Vec<f64> =
            self.fit.target.iter().map(|rows| rows.len() as f64 / total as f64).collect();
        let target_rows = self.fit.target.concat();
        let own_scale = self.settings.standardize && !self.head_is_fixed();
        let target_basis = if own_scale {
            Arc::new(mapped.source_basis.restandardised(self.target.table, &target_rows))
        } else {
            Arc::clone(&mapped.source_basis)
        };
        let mut solution = Solution {
            active: mapped.active.clone(),
            prior: source_prior(&mapped.label_map, &target_prior),
            label_map: mapped.label_map.clone(),
            source_basis: Arc::clone(&mapped.source_basis),
            target_basis,
            maps: Maps { source: head.clone(), target: head.clone() },
            geometry: Geometry::Margin,
        };
        match self.settings.ground_cost {
            GroundCost::Margin => {}
            GroundCost::Head => {
                self.move_in_head_coordinates(&mut solution, part, l2, learn_features)?;
            }
            GroundCost::Euclidean => {
                self.move_in_feature_space(&mut solution, part, own_scale, learn_features);
            }
        }
        Ok(solution)
    }

    fn move_in_head_coordinates(
        &self,
        solution: &mut Solution,
        part: &Part,
        l2: f64,
        learn_features: bool,
    ) -> Result<(), BoundError> {
        let head = solution.maps.source.clone();
        let axes = head_coordinates(&head.weight);
        let gradient = head.weight.times_transposed(&axes);
        let points = LinearHead { bias: vec![0.0; axes.nrows()], weight: axes };
        let mut moved = points.clone();
        if let (true, Some(basis)) = (learn_features, &self.target_basis) {
            solution.target_basis = Arc::clone(basis);
            let rows = solution.coordinates(self.source, self.target, part);
            let source = rows.source.with_rows(points.logits(rows.source.matrix()));
            moved = pull_back(&source, &rows.target, &solution.label_map, l2)?;
            solution.maps.target = compose(&gradient, &head.bias, &moved);
        }
        solution.geometry =
            Geometry::Points { source: Some(points), target: Some(moved), gradient };
        Ok(())
    }

    fn move_in_feature_space(
        &self,
        solution: &mut Solution,
        part: &Part,
        own_scale: bool,
        learn_features: bool,
    ) {
        let gradient = solution.source_basis.unrotate(&solution.maps.source.weight);
        solution.maps.source.weight = gradient.clone();
        solution.source_basis = Arc::new(solution.source_basis.without_axes());
        if !learn_features {
            solution.target_basis = Arc::new(solution.target_basis.without_axes());
            solution.maps.target = solution.maps.source.clone();
            solution.geometry = Geometry::Points { source: None, target: None, gradient };
            return;
        }
        let target_rows = self.fit.target.concat();
        let basis = Basis::unrotated(self.target.table, &target_rows, own_scale);
        solution.target_basis = Arc::new(basis);
        let rows = solution.coordinates(self.source, self.target, part);
        let moved =
            procrustes(&rows.source, &rows.target, &solution.label_map, &rows.target.prior());
        let gradient = gradient.times_transposed(&moved.weight);
        let shift =
            gradient.rows().map(|row| row.iter().zip(&moved.bias).map(|(g, a)| g * a).sum::<f64>());
        solution.maps.target = LinearHead {
            bias: solution.maps.source.bias.iter().zip(shift).map(|(b, s)| b - s).collect(),
            weight: gradient.clone(),
        };
        solution.geometry = Geometry::Points { source: Some(moved), target: None, gradient };
    }
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

/// The logits `outer p + bias` of points `p` that are an affine map of coordinates.
fn compose(outer: &Matrix, bias: &[f64], inner: &LinearHead) -> LinearHead {
    let mut weight = Matrix::zeros(outer.nrows(), inner.weight.ncols());
    weight.set_to_product(outer.view(), inner.weight.view());
    let bias = outer
        .rows()
        .zip(bias)
        .map(|(row, b)| b + row.iter().zip(&inner.bias).map(|(o, i)| o * i).sum::<f64>())
        .collect();
    LinearHead { weight, bias }
}

fn scaled_logits(logits: &ClassRows, scale: f64, prior: &[f64]) -> ClassRows {
    let mut scaled = logits.matrix().clone();
    for row in scaled.rows_mut() {
        for (s, p) in row.iter_mut().zip(prior) {
            *s = scale * *s + (1.0 - scale) * p.max(f64::MIN_POSITIVE).ln();
        }
    }
    logits.with_rows(scaled)
}
