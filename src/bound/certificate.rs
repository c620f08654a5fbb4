//! The certificate: an inequality between the loss of a transformed head on a target task and three
//! terms, its proof, and the terms for given transforms.
//!
//! # Setting
//!
//! A source task has rows of classes `c`, a target task has rows of classes `y`. Each row, of
//! either task, has a vector of finite logits over the source classes. Where the logits come from
//! plays no part, so what follows holds for whatever head and whatever feature map made them.
//! Losses are cross-entropies in nats, and `0 log 0` is 0. What is given beside the rows:
//!
//! * `P`, the target prior: the share of the target rows that each class has.
//! * `q`, the label map: for each target class one point on the simplex of source classes.
//! * `cost_y(s, t)`, for each target class the price of moving mass from a source row with logits
//!   `s` to a target row with logits `t`.
//!
//! They define the joint mass `J[y, c] = P[y] q[y, c]`, its column sums `D` (the prior that the
//! source classes are weighed by), and `B[y, c] = J[y, c] / D[c]`, which is 0 where `D[c]` is: the
//! probability that a row of source class `c` plays target class `y`, that is, stands for a row of
//! it. They also define the loss that is bounded: a target row of class `y` with logits `t` loses
//! `loss_y(t) = -log sum_c B[y, c] softmax(t)_c`.
//!
//! Target classes without rows have `P[y] = 0` and take part in nothing. Every source class with
//! `D[c] > 0` must have rows; let `n_c` be their number.
//!
//! # Theorem
//!
//! If `cost_y(s, t) >= loss_y(t) - loss_y(s)` for the source rows and target rows that meet in
//! class `y`, then the mean of `loss_y` over the target rows is at most `source_loss +
//! label_mismatch + distribution_mismatch`. Each of the three is a sum over target classes `y` of
//! parts that are not negative. With
//!
//! * `T_y = sum_c J[y, c] mean_{i in c} loss_y(s_i)`, what the source rows lose that play `y`, and
//! * `H_y = -sum_c J[y, c] log B[y, c]`, whose sum over `y` is the entropy of the target class
//!   given the source class,
//!
//! the parts are
//!
//! * `label_mismatch_y = min(H_y, T_y)`,
//! * `source_loss_y = T_y - label_mismatch_y`,
//! * `distribution_mismatch_y = P[y] OT_y`, where `OT_y` is the optimal transport cost under
//!   `cost_y` from the source rows, each of class `c` with mass `q[y, c] / n_c`, to the target rows
//!   of class `y`, all of the same mass. On both sides the masses sum to 1.
//!
//! # Proof
//!
//! 1. Given class `y`, the masses `q[y, c] / n_c` are those from which `OT_y` starts, and `P[y]`
//!    times the mean of `loss_y` under them is `T_y`. For any coupling of them with the target rows
//!    of class `y`, the mean loss of the target rows exceeds that of the source rows by the mean
//!    over coupled pairs of `loss_y(t_j) - loss_y(s_i)`, which is at most the mean cost. Take the
//!    optimal coupling.
//! 2. Average step 1 over `y` with weights `P[y]`: the mean loss of all target rows is at most the
//!    sum of `T_y + P[y] OT_y`, and `T_y = source_loss_y + label_mismatch_y`. QED
//!
//! # The paper's terms
//!
//! Where a target class has one source class `c`, `loss_y(s) = -log B[y, c] - log softmax(s)_c`. So
//! `T_y = H_y + J[y, c] mean_{i in c} -log softmax(s_i)_c`, and the parts of the class are the
//! paper's: the entropy, and the loss of the source head on its own classes, weighed by `J`. Where
//! it has several, a sum of non-negative numbers is at least each of them, so `loss_y(s_i) <= -log
//! B[y, c] - log softmax(s_i)_c` for a row of class `c`, and `T_y` is at most the paper's two parts
//! together: that the head confuses source classes which stand for the same target class costs
//! nothing.
//!
//! No step asks for more than the rows at hand, so the inequality is exact on any finite sample,
//! also on other rows than those that logits, label map and cost were chosen by. A coupling that
//! moves all mass but is not optimal only raises the right-hand side.
//!
//! # Costs
//!
//! Let `S` be the source classes with `B[y, c] > 0`. Then `loss_y(s)` is `log sum_c exp(s_c) - log
//! sum_{c in S} B[y, c] exp(s_c)`. With `d = t - s`, the first logarithm grows by at most `max_c
//! d_c` from `s` to `t`, because no logit ends above its old value plus the maximum, and the second
//! by at least `min_{c in S} d_c`, because no logit in `S` ends below its old value plus the
//! minimum. Hence the premise holds for
//!
//! * [`Ground::Margin`]: `cost_y(s, t) = max_c d_c - min_{c in S} d_c`, which needs no constant. It
//!   is not negative, because `S` is a part of all classes, but it is no metric: it is not the same
//!   both ways. Transport does not ask for one.
//! * [`Ground::Lipschitz`]: a constant times the Euclidean distance `|u - v|` of the point `u` of a
//!   source row and the point `v` of a target row, where the logits of both sides are one affine
//!   function `W u + b` of their points, and the constant is at least `max_{c, c'} |w_c - w_c'|`
//!   over the rows of `W`. Then `d = W (v - u)`, so the margin cost equals `(w_c - w_c') . (v - u)`
//!   for some `c` and `c'`, which is at most this cost. A smaller constant, such as one measured on
//!   rows, proves nothing. Whoever evaluates this cost answers for logits and constant:
//!   `Solution::evaluate` makes both from one head.
//!
//! # What is checked
//!
//! A [`LabelMap`] can only hold points on the simplex. [`evaluate`] refuses rows that do not have
//! one finite logit for each of its source classes, and source classes that have mass but no rows.
//! What remains is rounding and defects of this program, which [`Terms::fault`] looks for in the
//! result: every term of every class must be finite and not negative, but for rounding, and the
//! target loss, which is computed by itself and not from the terms, must not exceed the bound by
//! more than rounding explains. Where the cost is not certified a target loss above the bound is no
//! fault, unless it is not finite.
//!
//! Rounding includes that of masses: where they are no whole multiples of each other, transport
//! rounds them to `2^-60` of the total and leaves unmoved what that leaves over, which for a
//! thousand rows a side is less than `2e-11` of the mass.

use crate::bound::{BoundError, LabelMap};
use crate::estimators::head::log_sum_exp;
use crate::estimators::head::softmax::softmax_rows;
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::affine_rows::Mixture;
use crate::rows::AffineRows;
use crate::transport::costs::cost_rows::CostRows;
use crate::transport::costs::ground_cost::MarginRows;
use crate::transport::exact::masses::Masses;
use crate::transport::exact::{transport, Measure, COST_MEMORY};
use crate::transport::line;
use crate::transport::wasserstein::plan;
use crate::transport::{Side, TransportError, Weights};
use faer::MatRef;

/// What one target class contributes; terms are already weighted, so they sum to the totals.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassTerms {
    /// Share of the target rows.
    pub weight: f64,
    pub source_loss: f64,
    pub label_mismatch: f64,
    pub distribution_mismatch: f64,
    /// The source classes that stand for it, with their weights (which sum to 1).
    pub sources: Vec<(u32, f64)>,
}

/// The terms on one set of rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terms {
    pub by_class: Vec<ClassTerms>,
    pub target_loss: f64,
    pub target_accuracy: f64,
    pub trivial_loss: f64,
    /// The largest absolute logit: what rounding of the terms is measured by.
    pub largest_logit: f64,
}

impl Terms {
    #[must_use]
    pub fn total(&self, part: impl Fn(&ClassTerms) -> f64) -> f64 {
        self.by_class.iter().map(part).sum()
    }

    /// `source_loss + label_mismatch + distribution_mismatch`.
    #[must_use]
    pub fn bound(&self) -> f64 {
        bound(&self.by_class)
    }

    /// What is wrong with the terms, if anything is: a term that is negative or not finite, or
    /// (where the ground cost is certified) a target loss above the bound by more than rounding
    /// explains.
    #[must_use]
    pub fn fault(&self, is_certified: bool) -> Option<String> {
        let bound = self.bound();
        let rounding = RELATIVE_ROUNDING * bound + LOGIT_ROUNDING * self.largest_logit;
        for (name, part) in [
            ("source loss", (|c| c.source_loss) as fn(&ClassTerms) -> f64),
            ("label mismatch", |c| c.label_mismatch),
            ("distribution mismatch", |c| c.distribution_mismatch),
        ] {
            // False for NaN.
            let is_sound = |value: f64| value >= -rounding && value < f64::INFINITY;
            if let Some(value) = self.by_class.iter().map(part).find(|value| !is_sound(*value)) {
                return Some(format!("a class has a {name} of {value}"));
            }
        }
        let loss = self.target_loss;
        // False for NaN.
        let holds = loss <= bound + rounding || (!is_certified && loss.is_finite());
        (!holds).then(|| format!("the target loss is {loss}"))
    }
}

/// A loss may be above its bound by this share of the bound, and by this share of the largest
/// logit, before that counts as more than rounding.
const RELATIVE_ROUNDING: f64 = 1e-9;
const LOGIT_ROUNDING: f64 = 1e-13;

/// The Lipschitz cost is that of distances, not of their powers.
const POWER: f64 = 1.0;

/// The space in which rows are moved, with the price of a move.
#[derive(Debug, Clone, Copy)]
pub enum Ground<'a, 't> {
    /// The margin cost of the logits themselves.
    Margin,
    /// A Lipschitz constant times the Euclidean distance between given points.
    Lipschitz { constant: f64, source: &'a AffineRows<'t>, target: &'a AffineRows<'t> },
}

/// The joint mass `J` and its column sums `D`.
pub struct Joint {
    mass: Matrix,
    prior: Vec<f64>,
}

impl Joint {
    #[must_use]
    pub fn new(label_map: &LabelMap, target_prior: &[f64]) -> Self {
        let (targets, sources) = (label_map.target_classes(), label_map.source_classes());
        let mass = Matrix::from_fn(targets, sources, |y, c| target_prior[y] * label_map.row(y)[c]);
        let mut prior = vec![0.0; sources];
        for row in mass.rows() {
            for (d, j) in prior.iter_mut().zip(row) {
                *d += j;
            }
        }
        Self { mass, prior }
    }

    /// `B[y, c]`: how much of source class `c` plays target class `y`.
    #[must_use]
    pub fn share(&self, y: usize, c: usize) -> f64 {
        let mass = self.mass.row(y)[c];
        if mass > 0.0 {
            mass / self.prior[c]
        } else {
            0.0
        }
    }

    /// The source classes that stand for class `y`, with their `B[y, c]`.
    #[must_use]
    pub fn shares(&self, y: usize) -> Vec<(usize, f64)> {
        let shares = (0..self.prior.len()).map(|c| (c, self.share(y, c)));
        shares.filter(|(_, share)| *share > 0.0).collect()
    }
}

/// The class prior that a label map gives the source.
#[must_use]
pub fn source_prior(label_map: &LabelMap, target_prior: &[f64]) -> Vec<f64> {
    Joint::new(label_map, target_prior).prior
}

/// Whether rows and label map are those of the theorem: a logit for each source class, the target
/// classes of the map, and rows of every source class that has mass.
fn check_premises(
    source: &AffineRows<'_>,
    target: &AffineRows<'_>,
    label_map: &LabelMap,
) -> Result<(), BoundError> {
    let (target_classes, classes) = (label_map.target_classes(), label_map.source_classes());
    let defect = |found| Err(BoundError::Premise { found });
    for (side, width) in [(Side::Source, source.width()), (Side::Target, target.width())] {
        if width != classes {
            return defect(format!("the {side} rows have {width} logits for {classes} classes"));
        }
    }
    if (source.classes(), target.classes()) != (classes, target_classes) {
        return defect("the rows have other classes than the label map".to_string());
    }
    for y in (0..target_classes).filter(|&y| target.count(y) > 0) {
        let used = |c: &usize| label_map.row(y)[*c] > 0.0 && source.count(*c) == 0;
        if let Some(c) = (0..classes).find(used) {
            return defect(format!("source class {c} has mass but no rows"));
        }
    }
    Ok(())
}

/// Evaluate the bound. `source` and `target` hold logits over the source classes of `label_map`.
/// One cost matrix is held for each class that is evaluated at a time.
///
/// # Errors
/// Rows that do not fit the label map, logits that are not finite, or the transport solver's.
pub fn evaluate<'t>(
    source: &AffineRows<'t>,
    target: &AffineRows<'t>,
    label_map: &LabelMap,
    ground: Ground<'_, 't>,
    parallelism: Parallelism,
) -> Result<Terms, BoundError> {
    check_premises(source, target, label_map)?;
    let largest = |side, rows: &AffineRows<'_>| {
        let largest = rows.largest();
        if largest.is_finite() {
            Ok(largest)
        } else {
            Err(BoundError::Overflow { side })
        }
    };
    let largest_logit = largest(Side::Source, source)?.max(largest(Side::Target, target)?);
    let by_class = class_terms(source, target, label_map, ground, parallelism)?;
    let target_prior = target.prior();
    let joint = Joint::new(label_map, &target_prior);
    let Performance { loss, accuracy } = target_performance(target, &joint);
    Ok(Terms {
        by_class,
        target_loss: loss,
        target_accuracy: accuracy,
        trivial_loss: entropy(&target_prior),
        largest_logit,
    })
}

/// The terms alone, without the loss that they bound.
///
/// # Errors
/// The transport solver's.
pub fn class_terms<'t>(
    source: &AffineRows<'t>,
    target: &AffineRows<'t>,
    label_map: &LabelMap,
    ground: Ground<'_, 't>,
    parallelism: Parallelism,
) -> Result<Vec<ClassTerms>, TransportError> {
    let mut by_class = unmoved_terms(source, &target.prior(), label_map);
    let moved = parallelism.collect(by_class.len(), |y| {
        let ClassTerms { weight, sources, .. } = &by_class[y];
        if *weight == 0.0 {
            return Ok(0.0);
        }
        let support: Vec<u32> = sources.iter().map(|s| s.0).collect();
        let moved = class_transport(source, target, y, &support, label_map.row(y), ground)?;
        Ok(weight * moved)
    });
    for (terms, moved) in by_class.iter_mut().zip(moved) {
        terms.distribution_mismatch = moved?;
    }
    Ok(by_class)
}

/// The terms that no transport takes part in: `distribution_mismatch` is zero.
#[must_use]
pub fn unmoved_terms(
    source: &AffineRows<'_>,
    target_prior: &[f64],
    label_map: &LabelMap,
) -> Vec<ClassTerms> {
    let joint = Joint::new(label_map, target_prior);
    let losses = class_losses(source);
    let of_class = |(y, &weight): (usize, &f64)| {
        let shares = (0..).zip(label_map.row(y)).filter(|(_, share)| **share > 0.0);
        let mut terms = ClassTerms {
            weight,
            sources: shares.map(|(c, share)| (c, *share)).collect(),
            ..ClassTerms::default()
        };
        if weight > 0.0 {
            let mass = joint.mass.row(y);
            for c in terms.sources.iter().map(|s| s.0 as usize) {
                terms.label_mismatch -= mass[c] * joint.share(y, c).ln();
            }
            match terms.sources[..] {
                [(c, _)] => terms.source_loss = mass[c as usize] * losses[c as usize],
                _ => {
                    let lost = shared_loss(source, &joint, y);
                    terms.label_mismatch = terms.label_mismatch.min(lost);
                    terms.source_loss = lost - terms.label_mismatch;
                }
            }
        }
        terms
    };
    target_prior.iter().enumerate().map(of_class).collect()
}

/// What the source rows lose that play class `y`, `T_y`, by the loss of all classes that stand for
/// it together.
fn shared_loss(source: &AffineRows<'_>, joint: &Joint, y: usize) -> f64 {
    let shares = joint.shares(y);
    let of_class = |&(c, _): &(usize, f64)| {
        let logits = source.class(c);
        let losses = logits
            .chunks_exact(source.width())
            .map(|row| log_sum_exp(row) - log_mass(row, &shares));
        joint.mass.row(y)[c] * losses.sum::<f64>() / source.count(c) as f64
    };
    shares.iter().map(of_class).sum()
}

/// `log sum_c B[y, c] exp(logits_c)`, from the shares of the classes that stand for `y`.
fn log_mass(logits: &[f64], shares: &[(usize, f64)]) -> f64 {
    let supported: Vec<f64> = shares.iter().map(|&(c, share)| logits[c] + share.ln()).collect();
    log_sum_exp(&supported)
}

/// `source_loss + label_mismatch + distribution_mismatch` of all classes.
#[must_use]
pub fn bound(by_class: &[ClassTerms]) -> f64 {
    let total = |part: fn(&ClassTerms) -> f64| by_class.iter().map(part).sum::<f64>();
    total(|c| c.source_loss) + total(|c| c.label_mismatch) + total(|c| c.distribution_mismatch)
}

/// The bound of a head that takes every row for a draw from `prior`: rows differ in nothing, so
/// none is moved.
#[must_use]
pub fn constant_bound(label_map: &LabelMap, target_prior: &[f64], prior: &[f64]) -> f64 {
    let joint = Joint::new(label_map, target_prior);
    let of_class = |(y, &weight): (usize, &f64)| match joint.shares(y)[..] {
        [] => 0.0,
        [(c, share)] => weight * (log_prior(prior[c]) + share.ln()),
        ref shares => weight * shares.iter().map(|&(c, share)| share * prior[c]).sum::<f64>().ln(),
    };
    -target_prior.iter().enumerate().map(of_class).sum::<f64>()
}

/// The logit of a class prior; finite for classes without any.
#[must_use]
pub fn log_prior(prior: f64) -> f64 {
    prior.max(f64::MIN_POSITIVE).ln()
}

/// `-sum p log p`, in nats.
#[must_use]
pub fn entropy(prior: &[f64]) -> f64 {
    prior.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum()
}

/// Mean cross-entropy of each class's own rows.
fn class_losses(source: &AffineRows<'_>) -> Vec<f64> {
    let (arch, width) = (pulp::Arch::new(), source.width());
    (0..source.classes())
        .map(|c| {
            let mut total = 0.0;
            let mut logits = source.class(c).into_owned();
            softmax_rows(arch, &mut logits, width, |_| c, |_, loss| total += loss);
            total / source.count(c).max(1) as f64
        })
        .collect()
}

/// The optimal transport cost from the source rows that stand for class `y` to its target rows.
/// `row` is that of the label map, and `support` are the classes of which it has any.
fn class_transport<'t>(
    source: &AffineRows<'t>,
    target: &AffineRows<'t>,
    y: usize,
    support: &[u32],
    row: &[f64],
    ground: Ground<'_, 't>,
) -> Result<f64, TransportError> {
    let (source_points, target_points) = match ground {
        Ground::Margin => (source, target),
        Ground::Lipschitz { source, target, .. } => (source, target),
    };
    let width = source_points.width();
    let n = support.iter().map(|&c| source.count(c as usize)).sum();
    let m = target.count(y);
    let Mixture { rows, mass } = source_points.mixture(row);
    let weights = Weights { source: mass.as_deref(), target: None };
    match ground {
        Ground::Margin if width == 2 => {
            two_class_transport(&rows, &target.class(y), support, weights)
        }
        Ground::Margin => {
            let margins = MarginRows::new(rows, &target.class(y), width, support);
            let costs = CostRows::of_margins(margins, COST_MEMORY);
            Ok(transport(costs, weights, Measure::Margins)?.value)
        }
        Ground::Lipschitz { constant, .. } => {
            let target_rows = target_points.class(y);
            let source = MatRef::from_row_major_slice(&rows, n, width);
            let target = MatRef::from_row_major_slice(&target_rows, m, width);
            let sequential = Parallelism::Sequential;
            let found =
                plan(source.into(), target.into(), weights, POWER, COST_MEMORY, sequential)?;
            Ok(constant * found.distance()?)
        }
    }
}

/// The optimal transport cost from source rows to target rows of one class, by the margin cost of
/// two source classes. That cost is a convex function of how far the difference of the two logits
/// moves: its positive part where one class stands for the label, its absolute value where both do.
/// Of convex costs on a line the coupling that keeps the order is optimal (see [`line`]).
fn two_class_transport(
    source: &[f64],
    target: &[f64],
    support: &[u32],
    weights: Weights<'_>,
) -> Result<f64, TransportError> {
    let own = support.first().map_or(0, |&c| c as usize);
    let places = |logits: &[f64]| -> Vec<f64> {
        logits.chunks_exact(2).map(|row| row[1 - own] - row[own]).collect()
    };
    let (source, target) = (places(source), places(target));
    let masses = Masses::new(&weights.of_source(source.len()), &weights.of_target(target.len()))?;
    let (source, target) =
        (line::in_order(source, &masses.source), line::in_order(target, &masses.target));
    let mut value = 0.0;
    line::for_each_move(&source, &target, &masses, |from, to, mass| {
        let moved = to - from;
        value += mass * if support.len() == 2 { moved.abs() } else { moved.max(0.0) };
    });
    Ok(value)
}

/// How well a target task is predicted.
struct Performance {
    loss: f64,
    accuracy: f64,
}

/// Mean loss and accuracy of `B softmax(s(x))` on the target rows.
fn target_performance(target: &AffineRows<'_>, joint: &Joint) -> Performance {
    let (mut total, mut correct) = (0.0, 0_usize);
    for_each_prediction(target, joint, |y, predicted| {
        total += predicted.loss(y);
        correct += usize::from(is_largest(y, target.classes(), |y| predicted.probability(y)));
    });
    let n = target.nrows().max(1) as f64;
    Performance { loss: total / n, accuracy: correct as f64 / n }
}

/// What the target head says of one row.
pub struct Prediction<'a> {
    logits: &'a [f64],
    /// The logarithm of the sum of their exponentials.
    normaliser: f64,
    softmax: &'a [f64],
    /// The source classes that stand for each target class, with their `B[y, c]`.
    shares: &'a [Vec<(usize, f64)>],
}

impl Prediction<'_> {
    /// `-log sum_c B[y, c] softmax(s(x))_c`, the loss under label `y`.
    #[must_use]
    pub fn loss(&self, y: usize) -> f64 {
        self.normaliser - log_mass(self.logits, &self.shares[y])
    }

    /// `sum_c B[y, c] softmax(s(x))_c`.
    #[must_use]
    pub fn probability(&self, y: usize) -> f64 {
        self.shares[y].iter().map(|&(c, share)| share * self.softmax[c]).sum()
    }
}

/// Call `act` for every target row, by class and in their order, with its class and what the head
/// says of it.
pub fn for_each_prediction(
    target: &AffineRows<'_>,
    joint: &Joint,
    mut act: impl FnMut(usize, Prediction<'_>),
) {
    let (classes, width) = (joint.mass.nrows(), joint.mass.ncols());
    // A label map has few source classes for a target class, and rows are many: only those are
    // read.
    let shares: Vec<Vec<(usize, f64)>> = (0..classes).map(|y| joint.shares(y)).collect();
    let mut softmax = vec![0.0; width];
    for y in 0..classes {
        for logits in target.class(y).chunks_exact(width) {
            let normaliser = log_sum_exp(logits);
            for (p, s) in softmax.iter_mut().zip(logits) {
                *p = (s - normaliser).exp();
            }
            act(y, Prediction { logits, normaliser, softmax: &softmax, shares: &shares });
        }
    }
}

/// Whether class `y` has the largest value; of equal ones the first counts, as in argmax.
pub fn is_largest(y: usize, classes: usize, value: impl Fn(usize) -> f64) -> bool {
    let own = value(y);
    let is_before = |o: usize| {
        let other = value(o);
        other > own || (other == own && o < y)
    };
    !(0..classes).any(is_before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::ClassRows;

    fn rows(values: &[[f64; 2]], counts: [usize; 2]) -> AffineRows<'static> {
        ClassRows::new(Matrix::from_fn(values.len(), 2, |i, j| values[i][j]), counts).into()
    }

    #[test]
    fn same_rows_and_one_to_one_map_leave_only_the_loss() {
        let logits = rows(&[[2.0, 0.0], [1.0, 0.5], [-1.0, 1.0]], [2, 1]);
        let map = LabelMap::one_hot(&[0, 1], 2);
        let terms =
            evaluate(&logits, &logits, &map, Ground::Margin, Parallelism::Sequential).unwrap();
        assert_eq!(terms.total(|c| c.distribution_mismatch), 0.0);
        assert_eq!(terms.total(|c| c.label_mismatch), 0.0);
        assert!((terms.bound() - terms.target_loss).abs() < 1e-15);
        assert_eq!(terms.target_accuracy, 1.0);
    }

    #[test]
    fn a_constant_head_has_the_bound_that_is_evaluated() {
        let weights = Matrix::from_fn(3, 2, |y, c| [[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]][y][c]);
        let map = LabelMap::new(weights).unwrap();
        let prior = [0.2, 0.8];
        let logits = |counts: &[usize]| {
            let rows = Matrix::from_fn(counts.iter().sum(), 2, |_, c| f64::ln(prior[c]));
            AffineRows::from(ClassRows::new(rows, counts.iter().copied()))
        };
        let target = logits(&[1, 4, 3]);
        let sequential = Parallelism::Sequential;
        let terms = evaluate(&logits(&[3, 2]), &target, &map, Ground::Margin, sequential).unwrap();
        let found = constant_bound(&map, &target.prior(), &prior);
        assert!((found - terms.bound()).abs() < 1e-15);
    }

    #[test]
    fn sharing_a_source_class_costs_its_entropy() {
        let logits = rows(&[[0.0, 0.0], [0.0, 0.0]], [1, 1]);
        let map = LabelMap::one_hot(&[0, 0], 2);
        let terms =
            evaluate(&logits, &logits, &map, Ground::Margin, Parallelism::Sequential).unwrap();
        assert!((terms.total(|c| c.label_mismatch) - 2f64.ln()).abs() < 1e-15);
        assert!((terms.bound() - 2.0 * 2f64.ln()).abs() < 1e-15);
        assert!(terms.bound() >= terms.target_loss);
    }

    #[test]
    fn classes_that_stand_together_are_confused_for_nothing() {
        // Two source classes stand for the one target class that has rows: no head can lose.
        let logits = rows(&[[3.0, 0.0], [4.0, -1.0]], [1, 1]);
        let weights = Matrix::from_fn(2, 2, |y, c| [[0.5, 0.5], [0.0, 1.0]][y][c]);
        let map = LabelMap::new(weights).unwrap();
        let target = rows(&[[1.0, 0.0], [0.0, 2.0]], [2, 0]);
        let terms =
            evaluate(&logits, &target, &map, Ground::Margin, Parallelism::Sequential).unwrap();
        assert_eq!(terms.total(|c| c.source_loss), 0.0);
        assert_eq!(terms.total(|c| c.label_mismatch), 0.0);
        assert!(terms.target_loss.abs() < 1e-15);
    }

    #[test]
    fn what_the_theorem_asks_for_is_checked() {
        let logits = rows(&[[2.0, 0.0], [1.0, 0.5], [-1.0, 1.0]], [2, 1]);
        let emptied = rows(&[[2.0, 0.0]], [1, 0]);
        let unlabelled = rows(&[[2.0, 0.0]], [0, 1]);
        let found = |source: &AffineRows<'static>, target: &AffineRows<'static>, map: &LabelMap| {
            evaluate(source, target, map, Ground::Margin, Parallelism::Sequential)
        };
        let map = LabelMap::one_hot(&[0, 1], 2);
        assert!(found(&logits, &unlabelled, &map).is_ok());
        for (source, target, map) in [
            (&emptied, &logits, &map),
            (&logits, &logits, &LabelMap::one_hot(&[0, 1], 3)),
            (&logits, &logits, &LabelMap::one_hot(&[0, 1, 1], 2)),
        ] {
            assert!(matches!(found(source, target, map), Err(BoundError::Premise { .. })));
        }
        let infinite = rows(&[[f64::INFINITY, 0.0], [1.0, 0.5], [-1.0, 1.0]], [2, 1]);
        assert!(matches!(found(&infinite, &logits, &map), Err(BoundError::Overflow { .. })));
    }
}
