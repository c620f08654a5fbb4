//! Why a minimisation has no answer.

use thiserror::Error;

/// A minimisation that did not end.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum OptimizeError {
    #[error(
        "the minimisation stopped after {iterations} iterations with a gradient norm of \
         {gradient:e}, above {tolerance:e}"
    )]
    NotConverged { iterations: usize, gradient: f64, tolerance: f64 },
}
