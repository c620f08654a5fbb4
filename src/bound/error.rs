//! Why there is no bound.

use thiserror::Error;

use crate::linalg::error::OptimizeError;
use crate::transport::TransportError;

/// A bound that could not be had. Class numbers index the caller's classes.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BoundError {
    #[error("the {side} embedding has {found} features, but the {other} has {expected}")]
    Width { side: &'static str, other: &'static str, found: usize, expected: usize },
    #[error("the {side} has {found} class(es) with rows; a bound needs at least two")]
    FewClasses { side: &'static str, found: usize },
    #[error("{side} class {class} has {found} but no {missing}")]
    EmptyClass {
        side: &'static str,
        /// The caller's class number.
        class: u32,
        found: &'static str,
        missing: &'static str,
    },
    #[error(
        "the logits of the {side} rows overflow; scale the embedding down (or the head, where one \
         is given)"
    )]
    Overflow { side: &'static str },
    #[error(
        "the bound of {bound} does not hold: {found}; this is a defect, please report it with the \
         input"
    )]
    Uncertified { bound: f64, found: String },
    #[error("the eigenvalue decomposition of the {side} features did not converge")]
    Decomposition { side: &'static str },
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Optimize(#[from] OptimizeError),
}
