//! Adjusting a head to another class prior.

use crate::estimators::head::LinearHead;

/// The head whose class probabilities are re-weighted from the prior it was fitted under to
/// another: `bias_c += log(to_c / from_c)`. Classes with `to_c = 0` get no adjustment: they are
/// expected to have been left out by [`LinearHead::select`].
pub fn adjust(head: &mut LinearHead, from: &[f64], to: &[f64]) {
    for ((bias, from), to) in head.bias.iter_mut().zip(from).zip(to) {
        if *from > 0.0 && *to > 0.0 {
            *bias += (to / from).ln();
        }
    }
}
