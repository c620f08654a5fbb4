//! Candidates around a logistic head: features as they are (the identity level, any cost), or a
//! feature map for a Lipschitz cost.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::Arc;

use crate::bound::search::problem::{
    adjusted_head, bound_by_scale, constant_head_bound, coordinates, fitted_bound, head_is_fixed,
    mapped_prior, Candidate, Mapped, Problem,
};
use crate::bound::search::pull_back::{head_coordinates, procrustes, pull_back};
use crate::bound::search::source_cache::HeadKey;

use crate::bound::solution::{Coordinates, Geometry, Maps, Part, Solution};
use crate::bound::{BoundError, GroundCost};
use crate::estimators::head::{logistic, LinearHead};
use crate::linalg::matrix::dot_in_order;
use crate::rows::basis::Scale;
use crate::rows::{AffineMap, Basis};

/// Strengths tried for a logistic head.
const HEAD_PATH: [f64; 4] = [1.0, 0.1, 0.01, 0.001];
/// Gradient at which a logistic head is good enough: the bound holds for any head.
const HEAD_TOLERANCE: f64 = 1e-4;
/// Scales of a head tried beyond the constant head, whose scale is 0.
const HEAD_SCALES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

/// What becomes of features before rows are moved.
pub enum FeatureMap {
    /// Features stay as they are.
    Identity,
    /// Source rows are turned and shifted towards the target's class means.
    Rotation,
    /// Target rows, in the coordinates of a basis, are pulled back into the head's.
    PullBack(Arc<Basis>),
}

/// The part of the rows that a head is fitted to, and where they are.
#[derive(Clone, Copy)]
struct Place<'a> {
    mapped: &'a Mapped,
    part: &'a Part,
    /// The coordinates that target rows have before any are moved.
    own_basis: &'a Arc<Basis>,
}

/// The candidate around a logistic head, or around the user's: the strength of its penalty and the
/// scale of its weights are those with the lowest bound on the rows set aside.
///
/// # Errors
/// A solver's.
pub fn by_head(
    problem: &Problem<'_, '_>,
    mapped: &Mapped,
    features: &FeatureMap,
) -> Result<Candidate, BoundError> {
    let fold = problem.rows_of_first_fold();
    let learns_by_strength = !head_is_fixed(problem) || matches!(features, FeatureMap::PullBack(_));
    let path: Vec<f64> = match problem.settings.l2 {
        Some(l2) => vec![l2],
        None if learns_by_strength => HEAD_PATH.to_vec(),
        None => vec![0.0],
    };
    let is_one = head_is_fixed(problem) || problem.settings.l2.is_some();
    let scales: &[f64] = if is_one {
        &[1.0]
    } else if problem.judges_by_learned_rows() {
        // The label map was assigned by the rows that a head with it would be judged by.
        &[]
    } else {
        &HEAD_SCALES
    };
    let mut best = if head_is_fixed(problem) {
        (f64::INFINITY, path[0], 1.0)
    } else {
        let prior = mapped_prior(mapped, &problem.fit);
        (constant_head_bound(mapped, &prior, &fold.aside), path[0], 0.0)
    };
    let own_basis = own_target_basis(problem, mapped);
    let heads = fit_heads(problem, mapped, &fold.learn, &path, None)?;
    let mut aside: Option<(Arc<Basis>, Arc<Basis>, Coordinates<'_>)> = None;
    for (head, &l2) in heads.iter().zip(&path) {
        let place = Place { mapped, part: &fold.learn, own_basis: &own_basis };
        let solution = with_head(problem, place, head, l2, features)?;
        let (source, target) = (&solution.source_basis, &solution.target_basis);
        let same = |(s, t, _): &&_| Arc::ptr_eq(s, source) && Arc::ptr_eq(t, target);
        let (_, _, rows) = match aside.take().filter(|kept| same(&kept)) {
            Some(kept) => aside.insert(kept),
            None => aside.insert((
                Arc::clone(source),
                Arc::clone(target),
                coordinates(problem, &solution, &fold.aside),
            )),
        };
        let bound = bound_by_scale(problem, &solution, Cow::Borrowed(rows))?;
        for &scale in scales {
            let value = bound(scale)?;
            if value < best.0 {
                best = (value, l2, scale);
            }
        }
    }
    drop(aside);
    let (held_out, l2, scale) = best;
    let start = heads.into_iter().zip(&path).find(|(_, of)| **of == l2).map(|(head, _)| head);
    let head = fit_heads(problem, mapped, &problem.fit, &[l2], start)?.remove(0);
    let place = Place { mapped, part: &problem.fit, own_basis: &own_basis };
    let solution = with_head(problem, place, &head, l2, features)?.scaled(scale, scale);
    Ok(Candidate {
        judged: if problem.split { held_out } else { fitted_bound(problem, &solution)? },
        solution,
        l2: (learns_by_strength && scale > 0.0).then_some(l2),
    })
}

/// Heads for a path of strengths, each from the one before, the first from `start`.
fn fit_heads(
    problem: &Problem<'_, '_>,
    mapped: &Mapped,
    part: &Part,
    path: &[f64],
    mut start: Option<LinearHead>,
) -> Result<Vec<LinearHead>, BoundError> {
    let prior = mapped_prior(mapped, part);
    if let Some(head) = &problem.settings.head {
        return Ok(vec![adjusted_head(problem, head, mapped, &prior); path.len()]);
    }
    let used: Vec<&Vec<u32>> = mapped.active.iter().map(|&c| &part.source[c as usize]).collect();
    // A head depends on the priors of both parts, because the head of all fit rows starts from
    // that of the rows to learn from.
    let learn = &problem.folds[0].learn;
    let priors = [&mapped_prior(mapped, learn)[..], &mapped_prior(mapped, &problem.fit)[..]];
    let count = used.iter().map(|rows| rows.len()).sum();
    // The rows are not read where all heads are there already.
    let rows = OnceCell::new();
    let mut heads = Vec::with_capacity(path.len());
    for &l2 in path {
        let fitted =
            problem.shared.heads.get(HeadKey::new(&mapped.active, priors, count, l2), || {
                let rows = rows
                    .get_or_init(|| mapped.source_basis.coordinates(problem.source.table, &used));
                let mut head = start.take().unwrap_or_else(|| {
                    LinearHead::zeros(mapped.active.len(), mapped.source_basis.rank())
                });
                let parallelism = problem.settings.parallelism;
                logistic::fit(&mut head, rows, &prior, l2, HEAD_TOLERANCE, parallelism)?;
                Ok(head)
            })?;
        start = Some(fitted.clone());
        heads.push(fitted);
    }
    Ok(heads)
}

/// The coordinates that target rows have before any are moved: the source's, with a mean and scale
/// of the target's own where features are standardised.
fn own_target_basis(problem: &Problem<'_, '_>, mapped: &Mapped) -> Arc<Basis> {
    if has_own_scale(problem) {
        let rows = problem.fit.target.concat();
        Arc::new(mapped.source_basis.restandardised(problem.target.table, &rows))
    } else {
        Arc::clone(&mapped.source_basis)
    }
}

fn has_own_scale(problem: &Problem<'_, '_>) -> bool {
    problem.settings.standardize && !head_is_fixed(problem)
}

/// The solution that a head gives: target rows as they are, or moved to the head's coordinates.
fn with_head(
    problem: &Problem<'_, '_>,
    Place { mapped, part, own_basis }: Place<'_>,
    head: &LinearHead,
    l2: f64,
    features: &FeatureMap,
) -> Result<Solution, BoundError> {
    let mut solution = Solution {
        active: mapped.active.clone(),
        prior: mapped_prior(mapped, &problem.fit),
        label_map: mapped.label_map.clone(),
        source_basis: Arc::clone(&mapped.source_basis),
        target_basis: Arc::clone(own_basis),
        maps: Maps { source: head.clone(), target: head.clone() },
        geometry: Geometry::Margin,
    };
    match problem.settings.ground_cost {
        GroundCost::Margin => {}
        GroundCost::Head => {
            move_in_head_coordinates(problem, &mut solution, part, l2, features)?;
        }
        GroundCost::Euclidean => {
            move_in_feature_space(problem, &mut solution, part, features);
        }
    }
    Ok(solution)
}

fn move_in_head_coordinates(
    problem: &Problem<'_, '_>,
    solution: &mut Solution,
    part: &Part,
    l2: f64,
    features: &FeatureMap,
) -> Result<(), BoundError> {
    let head = solution.maps.source.clone();
    let axes = head_coordinates(&head.weight);
    let gradient = head.weight.times_transposed(&axes);
    let points = AffineMap { bias: vec![0.0; axes.nrows()], weight: axes };
    let mut moved = points.clone();
    if let FeatureMap::PullBack(basis) = features {
        solution.target_basis = Arc::clone(basis);
        let rows = coordinates(problem, solution, part);
        let source = points.images(&rows.source);
        moved = pull_back(&source, &rows.target, solution.label_map.weights(), l2)?;
        let AffineMap { weight, bias } = moved.then(gradient.view(), &head.bias);
        solution.maps.target = LinearHead { weight, bias };
    }
    solution.geometry = Geometry::Lipschitz { source: Some(points), target: Some(moved), gradient };
    Ok(())
}

fn move_in_feature_space(
    problem: &Problem<'_, '_>,
    solution: &mut Solution,
    part: &Part,
    features: &FeatureMap,
) {
    let gradient = solution.source_basis.unrotate(&solution.maps.source.weight);
    solution.maps.source.weight = gradient.clone();
    solution.source_basis = Arc::new(solution.source_basis.without_axes());
    if !matches!(features, FeatureMap::Rotation) {
        solution.target_basis = Arc::new(solution.target_basis.without_axes());
        solution.maps.target = solution.maps.source.clone();
        solution.geometry = Geometry::Lipschitz { source: None, target: None, gradient };
        return;
    }
    let target_rows = problem.fit.target.concat();
    let basis = Basis::unrotated(
        problem.target.table,
        &target_rows,
        Scale::guarded_if(has_own_scale(problem)),
    );
    solution.target_basis = Arc::new(basis);
    let rows = coordinates(problem, solution, part);
    let moved =
        procrustes(&rows.source, &rows.target, solution.label_map.weights(), &rows.target.prior());
    let gradient = gradient.times_transposed(&moved.weight);
    let shift = gradient.rows().map(|row| dot_in_order(row, &moved.bias));
    solution.maps.target = LinearHead {
        bias: solution.maps.source.bias.iter().zip(shift).map(|(b, s)| b - s).collect(),
        weight: gradient.clone(),
    };
    solution.geometry = Geometry::Lipschitz { source: Some(moved), target: None, gradient };
}
