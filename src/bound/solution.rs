//! A fitted set of transforms, and its bound on any rows.

use std::sync::Arc;

use crate::bound::certificate::{
    bound, class_terms, evaluate, log_prior, unmoved_terms, Ground, Joint, Terms,
};
use crate::bound::{BoundError, LabelMap, LabelledRows, Lipschitz};
use crate::estimators::head::{lipschitz, log_sum_exp, LinearHead};
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::{AffineMap, AffineRows, Basis};
use crate::transport::TransportError;

/// Rows of both tasks, by class: their numbers, or their places among others of the class.
#[derive(Debug, Clone)]
pub struct Part {
    pub source: Vec<Vec<u32>>,
    pub target: Vec<Vec<u32>>,
}

/// Everything that is fitted: label map, head, feature map, and the space in which rows are moved.
#[derive(Debug, Clone)]
pub struct Solution {
    /// Source classes in use; the columns of `label_map` and the logits are these.
    pub active: Vec<u32>,
    pub label_map: LabelMap,
    pub source_basis: Arc<Basis>,
    pub target_basis: Arc<Basis>,
    pub maps: Maps,
    pub geometry: Geometry,
    /// The class prior of the head where its weights are scaled to nothing.
    pub prior: Vec<f64>,
}

/// The two heads that are fitted: each maps the coordinates of its task to logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Maps {
    pub source: LinearHead,
    pub target: LinearHead,
}

impl Maps {
    /// Both maps constant, with the biases of a head that knows only the prior.
    #[must_use]
    pub fn constant(prior: &[f64], source_width: usize, target_width: usize) -> Self {
        let head = |width| LinearHead {
            weight: Matrix::zeros(prior.len(), width),
            bias: prior.iter().copied().map(log_prior).collect(),
        };
        Self { source: head(source_width), target: head(target_width) }
    }

    /// Moves a share of the way to other maps. The bound on some rows is convex in the maps for
    /// given couplings, so that it is there no higher than the mean of both.
    pub fn approach(&mut self, other: &Self, share: f64) {
        for (map, other) in [(&mut self.source, &other.source), (&mut self.target, &other.target)] {
            for (a, b) in map.weight.values_mut().iter_mut().zip(other.weight.values()) {
                *a += share * (b - *a);
            }
            for (a, b) in map.bias.iter_mut().zip(&other.bias) {
                *a += share * (b - *a);
            }
        }
    }
}

/// Where the ground cost measures.
#[derive(Debug, Clone)]
pub enum Geometry {
    /// Logits.
    Margin,
    /// Points, as affine maps of the coordinates (`None`: the coordinates themselves), and the
    /// gradient of the logits in a point.
    Lipschitz { source: Option<AffineMap>, target: Option<AffineMap>, gradient: Matrix },
}

/// Both tasks' rows in a solution's coordinates.
#[derive(Debug, Clone)]
pub struct Coordinates<'t> {
    pub source: AffineRows<'t>,
    pub target: AffineRows<'t>,
}

impl Solution {
    /// The rows of a part of both tasks in the coordinates of the solution.
    #[must_use]
    pub fn coordinates<'t>(
        &self,
        source: &LabelledRows<'t>,
        target: &LabelledRows<'t>,
        part: &Part,
        parallelism: Parallelism,
    ) -> Coordinates<'t> {
        let used: Vec<&Vec<u32>> = self.active.iter().map(|&c| &part.source[c as usize]).collect();
        let (source, target) = parallelism.join(
            || self.source_basis.coordinates(source.table, &used),
            || self.target_basis.coordinates(target.table, &part.target),
        );
        Coordinates { source, target }
    }

    /// Whether all rows get the same logits, so that the head guesses by the class prior.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        let Maps { source, target } = &self.maps;
        [source, target].iter().all(|map| map.weight.values().iter().all(|w| *w == 0.0))
    }

    /// Of rows in the coordinates of the solution some of each class, given as places within it.
    #[must_use]
    pub fn select<'t>(&self, rows: &Coordinates<'t>, places: &Part) -> Coordinates<'t> {
        let Part { source, target } = self.of_active_classes(places);
        Coordinates { source: rows.source.select(&source), target: rows.target.select(&target) }
    }

    /// A part without the source classes that are not in use.
    #[must_use]
    pub fn of_active_classes(&self, part: &Part) -> Part {
        let source = self.active.iter().map(|&c| part.source[c as usize].clone()).collect();
        Part { source, target: part.target.clone() }
    }

    /// The solution with its head's weights times `source` and its target map's times `target`; at
    /// zero both are the constant head of the class prior.
    #[must_use]
    pub fn scaled(&self, source: f64, target: f64) -> Self {
        let mut scaled = self.clone();
        scale(&mut scaled.maps.source, source, &self.prior);
        scale(&mut scaled.maps.target, target, &self.prior);
        if let Geometry::Lipschitz { gradient, .. } = &mut scaled.geometry {
            for g in gradient.values_mut() {
                *g *= source;
            }
        }
        scaled
    }

    /// The terms on some rows, and the Lipschitz constant where the cost has one.
    ///
    /// # Errors
    /// Those of [`evaluate`].
    pub fn evaluate(
        &self,
        rows: &Coordinates<'_>,
        mode: Lipschitz,
        parallelism: Parallelism,
    ) -> Result<(Terms, Option<f64>), BoundError> {
        self.with_logits(rows, mode, |source, target, ground| {
            evaluate(source, target, &self.label_map, ground, parallelism)
        })
    }

    /// The bound on some rows.
    ///
    /// # Errors
    /// The transport solver's.
    pub fn bound(
        &self,
        rows: &Coordinates<'_>,
        mode: Lipschitz,
        parallelism: Parallelism,
    ) -> Result<f64, TransportError> {
        let terms = self.with_logits(rows, mode, |source, target, ground| {
            class_terms(source, target, &self.label_map, ground, parallelism)
        });
        Ok(bound(&terms?.0))
    }

    /// The bounds on some rows with both maps scaled, as [`Solution::scaled`] does it, from one
    /// transport: with the logits scale their differences, with the head's gradient its certified
    /// Lipschitz constant. An empirical one does not.
    ///
    /// # Errors
    /// The transport solver's.
    pub fn bound_by_scale<'s, 't: 's>(
        &'s self,
        rows: &Coordinates<'t>,
        parallelism: Parallelism,
    ) -> Result<impl Fn(f64) -> f64 + use<'s, 't>, TransportError> {
        let mode = Lipschitz::Certified;
        let (terms, _) = self.with_logits(rows, mode, |source, target, ground| {
            class_terms(source, target, &self.label_map, ground, parallelism)
        })?;
        let moved: f64 = terms.iter().map(|c| c.distribution_mismatch).sum();
        let source = self.maps.source.class_logits(&rows.source);
        let target_prior = rows.target.prior();
        Ok(move |scale| {
            let mut shift = vec![0.0; self.prior.len()];
            pull_to_prior(&mut shift, scale, &self.prior);
            let source = source.scaled(scale, &shift);
            bound(&unmoved_terms(&source, &target_prior, &self.label_map)) + scale * moved
        })
    }

    /// Call `act` with the logits of both sides and the space that rows are moved in. Returns what
    /// it returns, and the Lipschitz constant where the cost has one.
    fn with_logits<'t, R, E>(
        &self,
        rows: &Coordinates<'t>,
        mode: Lipschitz,
        act: impl FnOnce(&AffineRows<'t>, &AffineRows<'t>, Ground<'_, 't>) -> Result<R, E>,
    ) -> Result<(R, Option<f64>), E> {
        let source = self.maps.source.class_logits(&rows.source);
        let target = self.maps.target.class_logits(&rows.target);
        let Geometry::Lipschitz { source: source_map, target: target_map, gradient } =
            &self.geometry
        else {
            return Ok((act(&source, &target, Ground::Margin)?, None));
        };
        let constant = match mode {
            Lipschitz::Certified => lipschitz::certified(gradient),
            Lipschitz::Empirical => self.empirical_constant(&source, &target, gradient),
        };
        let source_points = source_map.as_ref().map(|map| map.images(&rows.source));
        let target_points = target_map.as_ref().map(|map| map.images(&rows.target));
        let ground = Ground::Lipschitz {
            constant,
            source: source_points.as_ref().unwrap_or(&rows.source),
            target: target_points.as_ref().unwrap_or(&rows.target),
        };
        Ok((act(&source, &target, ground)?, Some(constant)))
    }

    /// The largest gradient norm of the loss on the rows: of every target row with its own label,
    /// and of every source row with each target label it stands for.
    fn empirical_constant(
        &self,
        source: &AffineRows<'_>,
        target: &AffineRows<'_>,
        gradient: &Matrix,
    ) -> f64 {
        let target_prior = target.prior();
        let joint = Joint::new(&self.label_map, &target_prior);
        let mut largest: f64 = 0.0;
        for (y, &weight) in target_prior.iter().enumerate() {
            let share: Vec<f64> = (0..source.classes()).map(|c| joint.share(y, c)).collect();
            let standing = (0..source.classes()).filter(|&c| share[c] > 0.0);
            for class in standing {
                let slopes = loss_slopes(&source.class(class), &share);
                largest = largest.max(lipschitz::empirical(gradient, &slopes));
            }
            if weight > 0.0 {
                let slopes = loss_slopes(&target.class(y), &share);
                largest = largest.max(lipschitz::empirical(gradient, &slopes));
            }
        }
        largest
    }
}

fn scale(map: &mut LinearHead, factor: f64, prior: &[f64]) {
    for w in map.weight.values_mut() {
        *w *= factor;
    }
    pull_to_prior(&mut map.bias, factor, prior);
}

/// Logits between those of the constant head of a class prior (`factor` 0) and the given ones (1);
/// beyond them for larger factors.
pub fn pull_to_prior(logits: &mut [f64], factor: f64, prior: &[f64]) {
    for (s, p) in logits.iter_mut().zip(prior) {
        *s = factor * *s + (1.0 - factor) * log_prior(*p);
    }
}

/// `p - q` per row of logits: the gradient in the logits of `-log sum_c share_c softmax(s)_c`.
fn loss_slopes(logits: &[f64], share: &[f64]) -> Matrix {
    let k = share.len();
    let log_share: Vec<f64> = share.iter().map(|b| b.ln()).collect();
    let mut slopes = Matrix::zeros(logits.len() / k.max(1), k);
    for (row, out) in logits.chunks_exact(k.max(1)).zip(slopes.rows_mut()) {
        let labelled: Vec<f64> = row.iter().zip(&log_share).map(|(s, b)| s + b).collect();
        let (all, own) = (log_sum_exp(row), log_sum_exp(&labelled));
        for ((o, s), l) in out.iter_mut().zip(row).zip(&labelled) {
            *o = (s - all).exp() - (l - own).exp();
        }
    }
    slopes
}
