//! Candidates around a logistic head: features as they are (the identity level, any cost), or a feature map
//! for a Lipschitz cost.

use std::sync::Arc;

use super::fit::{Choice, Fitting, Mapped};
use super::joint_descent::Maps;
use super::pull_back::{head_coordinates, procrustes, pull_back};
use super::shared_source::HeadKey;
use super::solution::{Geometry, Part, Solution};
use super::{BoundError, GroundCost};
use crate::features::Basis;
use crate::head::{logistic, LinearHead};
use crate::matrix::Matrix;

/// Strengths tried for a logistic head.
const HEAD_PATH: [f64; 4] = [1.0, 0.1, 0.01, 0.001];
/// Gradient at which a logistic head is good enough: the bound holds for any head.
const HEAD_TOLERANCE: f64 = 1e-4;
/// Scales of a head tried between the constant head and the fitted one.
const HEAD_SCALES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

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
                let value = self.bound_of(&solution.scaled(scale, scale), &aside)?;
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
        let prior = self.prior(mapped, part);
        if let Some(head) = &self.settings.head {
            return Ok(self.adjusted_head(head, mapped, &prior));
        }
        let used: Vec<&Vec<u32>> =
            mapped.active.iter().map(|&c| &part.source[c as usize]).collect();
        // Of the fit rows and the rows to learn from, because a head of the ones starts from the others'.
        let priors = [&self.prior(mapped, &self.learn)[..], &self.prior(mapped, &self.fit)[..]];
        let count = used.iter().map(|rows| rows.len()).sum();
        self.shared.heads.get(HeadKey::new(&mapped.active, priors, count, l2), || {
            let rows = mapped.source_basis.coordinates(self.source.table, &used);
            let mut head = start.unwrap_or_else(|| {
                LinearHead::zeros(mapped.active.len(), mapped.source_basis.rank())
            });
            logistic::fit(&mut head, &rows, &prior, l2, HEAD_TOLERANCE, self.settings.parallelism)?;
            Ok(head)
        })
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
        let target_rows = self.fit.target.concat();
        let own_scale = self.settings.standardize && !self.head_is_fixed();
        let target_basis = if own_scale {
            Arc::new(mapped.source_basis.restandardised(self.target.table, &target_rows))
        } else {
            Arc::clone(&mapped.source_basis)
        };
        let mut solution = Solution {
            active: mapped.active.clone(),
            prior: self.prior(mapped, &self.fit),
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
            let source = points.class_logits(&rows.source);
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
