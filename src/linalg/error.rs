//! Why a minimisation has no answer.

use thiserror::Error;

/// A minimisation that did not end.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum OptimizeError {
    #[error(
        "the head's minimisation stopped after {iterations} iterations with a gradient norm of \
         {gradient:e}, above {tolerance:e}; raise `l2` or standardise the embeddings"
    )]
    NotConverged { iterations: usize, gradient: f64, tolerance: f64 },
}
