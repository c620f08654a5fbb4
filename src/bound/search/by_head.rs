//! Candidates around a logistic head: features as they are (the identity level, any cost), or a
//! feature map for a Lipschitz cost.

use std::cell::OnceCell;
use std::sync::Arc;

use crate::bound::search::pull_back::{head_coordinates, procrustes, pull_back};
use crate::bound::search::source_cache::HeadKey;
use crate::bound::search::{Choice, Fitting, Mapped};
use crate::bound::solution::Maps;
use crate::bound::solution::{Coordinates, Geometry, Part, Solution};
use crate::bound::{BoundError, GroundCost};
use crate::estimators::head::{logistic, LinearHead};
use crate::linalg::Matrix;
use crate::rows::Basis;

/// Strengths tried for a logistic head.
const HEAD_PATH: [f64; 4] = [1.0, 0.1, 0.01, 0.001];
/// Gradient at which a logistic head is good enough: the bound holds for any head.
const HEAD_TOLERANCE: f64 = 1e-4;
/// Scales of a head tried beyond the constant head, whose scale is 0.
const HEAD_SCALES: [f64; 4] = [0.25, 0.5, 0.75, 1.0];

impl Fitting<'_, '_> {
    pub(super) fn by_head(
        &self,
        mapped: &Mapped,
        learn_features: bool,
    ) -> Result<Choice, BoundError> {
        let learns_by_strength = !self.head_is_fixed()
            || (learn_features && self.settings.ground_cost == GroundCost::Head);
        let path: Vec<f64> = match self.settings.l2 {
            Some(l2) => vec![l2],
            None if learns_by_strength => HEAD_PATH.to_vec(),
            None => vec![0.0],
        };
        let is_one = self.head_is_fixed() || self.settings.l2.is_some();
        let scales: &[f64] = if is_one { &[1.0] } else { &HEAD_SCALES };
        let mut best = if self.head_is_fixed() {
            (f64::INFINITY, path[0], 1.0)
        } else {
            let prior = self.prior(mapped, &self.fit);
            (self.constant_bound(mapped, &prior, &self.aside), path[0], 0.0)
        };
        let own_basis = self.own_target_basis(mapped);
        let heads = self.fit_heads(mapped, &self.learn, &path, None)?;
        let mut aside: Option<(Arc<Basis>, Arc<Basis>, Coordinates<'_>)> = None;
        for (head, &l2) in heads.iter().zip(&path) {
            let parts = (mapped, &self.learn, &own_basis);
            let solution = self.with_head(parts, head, l2, learn_features)?;
            let (source, target) = (&solution.source_basis, &solution.target_basis);
            let same = |(s, t, _): &&_| Arc::ptr_eq(s, source) && Arc::ptr_eq(t, target);
            let (_, _, rows) = match aside.take().filter(|kept| same(&kept)) {
                Some(kept) => aside.insert(kept),
                None => aside.insert((
                    Arc::clone(source),
                    Arc::clone(target),
                    self.coordinates(&solution, &self.aside),
                )),
            };
            let bound = self.bound_by_scale(&solution, rows)?;
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
        let head = self.fit_heads(mapped, &self.fit, &[l2], start)?.remove(0);
        let parts = (mapped, &self.fit, &own_basis);
        let solution = self.with_head(parts, &head, l2, learn_features)?.scaled(scale, scale);
        Ok(Choice {
            judged: if self.split { held_out } else { self.fitted_bound(&solution)? },
            solution,
            l2: (learns_by_strength && scale > 0.0).then_some(l2),
        })
    }

    /// Heads for a path of strengths, each from the one before, the first from `start`.
    fn fit_heads(
        &self,
        mapped: &Mapped,
        part: &Part,
        path: &[f64],
        mut start: Option<LinearHead>,
    ) -> Result<Vec<LinearHead>, BoundError> {
        let prior = self.prior(mapped, part);
        if let Some(head) = &self.settings.head {
            return Ok(vec![self.adjusted_head(head, mapped, &prior); path.len()]);
        }
        let used: Vec<&Vec<u32>> =
            mapped.active.iter().map(|&c| &part.source[c as usize]).collect();
        // Of the fit rows and the rows to learn from, because a head of the ones starts from the
        // others'.
        let priors = [&self.prior(mapped, &self.learn)[..], &self.prior(mapped, &self.fit)[..]];
        let count = used.iter().map(|rows| rows.len()).sum();
        // Not made where all heads are there already.
        let rows = OnceCell::new();
        let mut heads = Vec::with_capacity(path.len());
        for &l2 in path {
            let fitted =
                self.shared.heads.get(HeadKey::new(&mapped.active, priors, count, l2), || {
                    let rows = rows
                        .get_or_init(|| mapped.source_basis.coordinates(self.source.table, &used));
                    let mut head = start.take().unwrap_or_else(|| {
                        LinearHead::zeros(mapped.active.len(), mapped.source_basis.rank())
                    });
                    let parallelism = self.settings.parallelism;
                    logistic::fit(&mut head, rows, &prior, l2, HEAD_TOLERANCE, parallelism)?;
                    Ok(head)
                })?;
            start = Some(fitted.clone());
            heads.push(fitted);
        }
        Ok(heads)
    }

    /// Where the target is by itself: in the source's coordinates, with a mean and scale of its
    /// own.
    fn own_target_basis(&self, mapped: &Mapped) -> Arc<Basis> {
        if self.has_own_scale() {
            let rows = self.fit.target.concat();
            Arc::new(mapped.source_basis.restandardised(self.target.table, &rows))
        } else {
            Arc::clone(&mapped.source_basis)
        }
    }

    fn has_own_scale(&self) -> bool {
        self.settings.standardize && !self.head_is_fixed()
    }

    /// The solution that a head gives: target rows as they are, or moved to the head's coordinates.
    fn with_head(
        &self,
        (mapped, part, own_basis): (&Mapped, &Part, &Arc<Basis>),
        head: &LinearHead,
        l2: f64,
        learn_features: bool,
    ) -> Result<Solution, BoundError> {
        let mut solution = Solution {
            active: mapped.active.clone(),
            prior: self.prior(mapped, &self.fit),
            label_map: mapped.label_map.clone(),
            source_basis: Arc::clone(&mapped.source_basis),
            target_basis: Arc::clone(own_basis),
            maps: Maps { source: head.clone(), target: head.clone() },
            geometry: Geometry::Margin,
        };
        match self.settings.ground_cost {
            GroundCost::Margin => {}
            GroundCost::Head => {
                self.move_in_head_coordinates(&mut solution, part, l2, learn_features)?;
            }
            GroundCost::Euclidean => {
                self.move_in_feature_space(&mut solution, part, learn_features);
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
            let rows = self.coordinates(solution, part);
            let source = points.class_logits(&rows.source);
            moved = pull_back(&source, &rows.target, &solution.label_map, l2)?;
            solution.maps.target = compose(&gradient, &head.bias, &moved);
        }
        solution.geometry =
            Geometry::Points { source: Some(points), target: Some(moved), gradient };
        Ok(())
    }

    fn move_in_feature_space(&self, solution: &mut Solution, part: &Part, learn_features: bool) {
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
        let basis = Basis::unrotated(self.target.table, &target_rows, self.has_own_scale());
        solution.target_basis = Arc::new(basis);
        let rows = self.coordinates(solution, part);
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
