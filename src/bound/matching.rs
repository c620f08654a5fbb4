//! What a head that was fitted to pseudo-labels loses on true labels, where somebody has them.
//!
//! Pseudo-classes, such as clusters, have no names, so they are matched to classes first: one to
//! one, by the matching under which most of the target's fit rows have the pseudo-class of their
//! class. A class without a pseudo-class would have the probability 0, so there is no such loss
//! where classes are more than pseudo-classes.

use crate::bound::certificate::{for_each_prediction, is_largest, Joint};
use crate::bound::BoundError;
use crate::linalg::Matrix;
use crate::rows::AffineRows;
use crate::transport::exact::assignment;

/// The true classes of a target's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Truth {
    /// The class of each row, by its number in the table. Rows of no task may hold anything.
    pub class_of: Vec<u32>,
    pub classes: usize,
}

/// How well true labels are predicted on the evaluation rows, by the pseudo-class that each class
/// is matched to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Matched {
    pub loss: f64,
    pub accuracy: f64,
}

/// Target rows by pseudo-class: their numbers, and their logits in the same order.
pub struct PseudoRows<'a, 't> {
    pub numbers: &'a [Vec<u32>],
    pub logits: &'a AffineRows<'t>,
}

/// The loss of the true labels; `None` where classes are more than pseudo-classes. `fit` are the
/// numbers of the fit rows by pseudo-class.
///
/// # Errors
/// The assignment solver's.
pub fn matched(
    rows: &PseudoRows<'_, '_>,
    joint: &Joint,
    fit: &[Vec<u32>],
    truth: &Truth,
) -> Result<Option<Matched>, BoundError> {
    if truth.classes > fit.len() {
        return Ok(None);
    }
    let pseudo_class_of = matching(fit, truth)?;
    let mut numbers = rows.numbers.iter().flatten();
    let (mut total, mut correct, mut count) = (0.0, 0_usize, 0_usize);
    for_each_prediction(rows.logits, joint, |_, predicted| {
        if let Some(&row) = numbers.next() {
            let class = truth.class_of[row as usize] as usize;
            let probability = |class: usize| predicted.probability(pseudo_class_of[class]);
            total += predicted.loss(pseudo_class_of[class]);
            correct += usize::from(is_largest(class, truth.classes, probability));
            count += 1;
        }
    });
    let n = count.max(1) as f64;
    Ok(Some(Matched { loss: total / n, accuracy: correct as f64 / n }))
}

/// The pseudo-class of each class, of which there are no more than pseudo-classes.
fn matching(fit: &[Vec<u32>], truth: &Truth) -> Result<Vec<usize>, BoundError> {
    let size = fit.len();
    // Rows beyond the classes stand for none; they cost the same wherever they are.
    let mut common = Matrix::zeros(size, size);
    for (pseudo_class, rows) in fit.iter().enumerate() {
        for &row in rows {
            common.row_mut(truth.class_of[row as usize] as usize)[pseudo_class] += 1.0;
        }
    }
    let most = common.values().iter().copied().fold(0.0, f64::max);
    let costs: Vec<f64> = common.values().iter().map(|count| most - count).collect();
    let found = assignment::assign(&costs, size)?;
    Ok(found[..truth.classes].iter().map(|&pseudo_class| pseudo_class as usize).collect())
}
