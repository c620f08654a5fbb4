//! OT-NCE and OTCE: how well source labels tell target labels, when optimal transport pairs the
//! rows.
//!
//! The coupling `pi` of source and target rows, each side weighed uniformly, that minimises the
//! squared Euclidean cost gives a joint distribution of labels,
//! `P(y_s, y_t) = sum of pi over the pairs so labelled`. Then
//!
//! * `W = sum pi_ij |x_i - x_j|^2`, the domain difference, at least 0;
//! * `H(Y_t | Y_s) = -sum P(y_s, y_t) ln (P(y_s, y_t) / P(y_s))` in nats, the task difference,
//!   between 0 and `H(Y_t)`;
//! * OT-NCE `= -H(Y_t | Y_s)`, between `-ln C_t` and 0, higher is better; needs nothing else;
//! * OTCE `= l_W W + l_H H(Y_t | Y_s) + b`, whose coefficients are fitted to accuracies that
//!   transfer reached on auxiliary tasks (see [`OtceCoefficients`]).
//!
//! Both sides must be embedded by one model. The coupling is exact; where several are optimal (tied
//! distances), OT-NCE is that of the one the solver finds, which is the same in whatever order rows
//! stand.
//!
//! Time that of the transport problem, then `O(n + m)`: an optimal plan has fewer than `n + m`
//! pairs. Memory `O(n m)` for the costs.
//!
//! Reference: Tan, Li and Huang, "OTCE: a transferability metric for cross-domain cross-task
//! representations", CVPR 2021. Public code differs: it caps the solver at 100,000 pivots and keeps
//! what it has then, sums the joint over all `n m` pairs for each pair of classes, and some copies
//! return `+H` or `W + H`, for which lower is better.

use serde::Deserialize;

use crate::linalg::Matrix;
use crate::rows::ClassedTable;
use crate::scores::transported_rows::{class_of_rows, transported_rows};
use crate::scores::{RowLimit, ScoreError};
use crate::transport::costs::cost_rows::CostRows;
use crate::transport::costs::distance_rows::Power;
use crate::transport::costs::ground_cost;
use crate::transport::exact::{transport, Measure};
use crate::transport::{Move, Plan, Weights};

/// OT-NCE and the terms of OTCE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OtNce {
    /// `-conditional_entropy`, the score.
    pub ot_nce: f64,
    /// The optimal mean squared distance, `W_2^2`.
    pub wasserstein: f64,
    /// `H(Y_t | Y_s)` in nats.
    pub conditional_entropy: f64,
}

/// What OTCE weighs its terms by: least-squares coefficients of the accuracies that transfer
/// reached on auxiliary tasks of the same source. They are not universal: `W` has the units of the
/// squared features. Both slopes are negative where the score does what it should.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct OtceCoefficients {
    pub wasserstein: f64,
    pub conditional_entropy: f64,
    pub intercept: f64,
}

/// OTCE's coefficients, and which rows it compares.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct OtceSettings {
    #[serde(flatten)]
    pub coefficients: OtceCoefficients,
    #[serde(flatten)]
    pub limit: RowLimit,
}

/// OT-NCE and its terms for two classed tables of one width.
///
/// # Errors
/// Sides of different width, fewer than two target classes, no rows, or features whose squared
/// distances are not finite.
pub fn ot_nce(
    source: ClassedTable<'_>,
    target: ClassedTable<'_>,
    limit: RowLimit,
) -> Result<OtNce, ScoreError> {
    if target.classes.len() < 2 {
        return Err(ScoreError::FewClasses { score: "OT-NCE", found: target.classes.len() });
    }
    let (source, target) = transported_rows(source, target, limit, "OT-NCE")?;
    let (x, y) = (source.matrix(), target.matrix());
    let cost = ground_cost::euclidean(x.view(), y.view(), Power::Two);
    let costs = CostRows::of_matrix(&cost, x.nrows(), y.nrows())?;
    let plan = transport(costs, Weights::UNIFORM, Measure::Distances)?;
    let mut joint = Matrix::zeros(source.classes(), target.classes());
    add_label_pairs(&plan, &class_of_rows(&source), &class_of_rows(&target), &mut joint);
    let conditional_entropy = conditional_entropy(&joint);
    Ok(OtNce {
        // Not `-conditional_entropy`, which makes -0 of 0.
        ot_nce: 0.0 - conditional_entropy,
        wasserstein: plan.value.max(0.0),
        conditional_entropy,
    })
}

/// OTCE from its terms: `l_W W + l_H H(Y_t | Y_s) + b`. Higher is better if the coefficients were
/// fitted to accuracies.
///
/// # Errors
/// A sum that is beyond the range of floats.
pub fn otce(terms: &OtNce, coefficients: &OtceCoefficients) -> Result<f64, ScoreError> {
    let value = coefficients.wasserstein * terms.wasserstein
        + coefficients.conditional_entropy * terms.conditional_entropy
        + coefficients.intercept;
    if value.is_finite() {
        Ok(value)
    } else {
        Err(ScoreError::CoefficientRange)
    }
}

fn add_label_pairs(
    plan: &Plan,
    source_class: &[usize],
    target_class: &[usize],
    joint: &mut Matrix,
) {
    for &Move { source, target, mass } in &plan.moves {
        joint.row_mut(source_class[source as usize])[target_class[target as usize]] += mass;
    }
}

/// `H(column | row)` of a joint distribution, in nats.
fn conditional_entropy(joint: &Matrix) -> f64 {
    let entropy: f64 = joint
        .rows()
        .map(|row| {
            let total: f64 = row.iter().sum();
            let used = row.iter().filter(|mass| **mass > 0.0);
            used.map(|mass| mass * (total / mass).ln()).sum::<f64>()
        })
        .sum();
    entropy.max(0.0)
}
