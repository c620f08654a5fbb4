//! What the evaluation rows of a target say of the population that they were drawn from.
//!
//! A bound is about the rows at hand: their loss is at most the bound. Here the loss and the
//! accuracy of a *fixed* head are bounded for a row that is still to come.
//!
//! # Setting
//!
//! The target's evaluation rows are independent draws from a population, whose classes all have fit
//! rows. Whatever was learned (source head, feature map, label map) was learned before they were
//! looked at. Let `pi` be the class shares of the target's fit rows, `B` the shares by which source
//! classes play target classes under `pi` (see [`certificate`](super::certificate)), and `p_y(x) =
//! sum_c B[y, c] softmax(t(x))_c`. The head of the claim is
//!
//! `g_y(x) = (1 - e) p_y(x) + e pi_y`, with `e = 1 / n` for `n` evaluation rows.
//!
//! It is the head of the bound but for two things. Its class shares are those of the fit rows, not
//! of the evaluation rows: with these it would depend on the draws. (Where no source class is shared
//! by target classes, `B` is the same.) And it gives a share `e` to the class prior, so that no row
//! can lose more than `top = -log(e min_y pi_y)`, which raises its mean loss by at most `-log(1 - e)`,
//! about `1 / n` nats.
//!
//! # Theorem
//!
//! With probability at least `1 - error` over the evaluation rows, the mean of `-log g_y(x)` over
//! the population is at most [`Population::loss_high`]; and with probability at least `1 - error`
//! the share of the population whose class has the largest `g` is at least
//! [`Population::accuracy_low`].
//!
//! # Proof
//!
//! `g` does not depend on the evaluation rows, so their losses are independent draws of one
//! distribution on `[0, top]`, whose mean is the loss over the population;
//! [`betting`](crate::estimators::betting) bounds it from losses divided by `top`, taken in an order
//! that a seed shuffled. Whether the class of a row has the largest `g` is likewise a draw of one
//! Bernoulli distribution; [`clopper_pearson`](crate::estimators::clopper_pearson) bounds its mean.
//! QED
//!
//! # Corollary
//!
//! Let `loss` be the mean loss of the rows that the bound is evaluated on. `bound + max(0, loss_high
//! - loss)` is at least `loss_high`, because a certified bound is at least `loss`; so it is at least
//! the loss over the population with the same probability. Whoever takes the lowest of several
//! bounds on the same evaluation rows asks each for an `error` that is as many times smaller: by the
//! union bound all hold together then, and the lowest among them.

use rand::seq::SliceRandom;

use crate::bound::certificate::{for_each_prediction, is_predicted, Joint};
use crate::bound::LabelMap;
use crate::estimators::betting::upper_mean;
use crate::estimators::clopper_pearson::lower_share;
use crate::rows::AffineRows;
use crate::sampling::{generator, Stream};

/// What holds for the population, each with the probability that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Population {
    /// The mean loss is not above this.
    pub loss_high: f64,
    /// The share of rows whose class is predicted is not below this.
    pub accuracy_low: f64,
}

/// How often a claim about the population may be wrong, and the seed of the order of its draws.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub error: f64,
    pub seed: u64,
}

/// Bound loss and accuracy over the population of `target`, all evaluation rows with their logits.
/// `fit_prior` are the class shares of the fit rows: none is zero of a class that has rows.
#[must_use]
pub fn population(
    target: &AffineRows<'_>,
    label_map: &LabelMap,
    fit_prior: &[f64],
    claim: Claim,
) -> Population {
    let mixed = 1.0 / target.nrows().max(2) as f64;
    let with_prior = |y: usize, p: f64| (1.0 - mixed) * p + mixed * fit_prior[y];
    let rarest = fit_prior.iter().copied().filter(|p| *p > 0.0).fold(1.0, f64::min);
    let top = -(mixed * rarest).ln();
    let mut losses = Vec::with_capacity(target.nrows());
    let mut predicted = 0;
    for_each_prediction(target, &Joint::new(label_map, fit_prior), |y, loss, probability| {
        losses.push((-with_prior(y, (-loss).exp()).ln() / top).clamp(0.0, 1.0));
        let mixture = |y: usize| with_prior(y, probability(y));
        predicted += usize::from(is_predicted(y, fit_prior.len(), mixture));
    });
    losses.shuffle(&mut generator(claim.seed, Stream::PopulationOrder));
    Population {
        loss_high: top * upper_mean(&losses, claim.error),
        accuracy_low: lower_share(predicted, losses.len(), claim.error),
    }
}
