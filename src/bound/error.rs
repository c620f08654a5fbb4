//! Why there is no bound.

use thiserror::Error;

use crate::linalg::error::OptimizeError;
use crate::transport::{Side, TransportError};

/// A bound that could not be had. Class numbers index the caller's classes.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BoundError {
    #[error("the target embedding has {found} features, but the source has {expected}")]
    Width { found: usize, expected: usize },
    #[error("the head has {found} weights a class, but the source has {expected} features")]
    HeadWidth { found: usize, expected: usize },
    #[error("the {side} has {found} class(es) with rows; a bound needs at least two")]
    FewClasses { side: Side, found: usize },
    #[error("{side} class {class} has {found} but no {missing}")]
    EmptyClass { side: Side, class: u32, found: &'static str, missing: &'static str },
    #[error(
        "the logits of the {side} rows overflow; scale the embedding down (or the head, where one \
         is given)"
    )]
    Overflow { side: Side },
    #[error(
        "the bound of {bound} does not hold: {found}; this is a defect, please report it with the \
         input"
    )]
    Uncertified { bound: f64, found: String },
    #[error(
        "the bound cannot be certified, because {found}; this is a defect, please report it with \
         the input"
    )]
    Premise { found: String },
    #[error(
        "nothing holds for the population, because the target has no rows beside its fit rows"
    )]
    Unsplit,
    #[error("the eigenvalue decomposition of the {side} features did not converge")]
    Decomposition { side: Side },
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Optimize(#[from] OptimizeError),
}
