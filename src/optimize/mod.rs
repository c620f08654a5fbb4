//! Unconstrained smooth minimisation: the L-BFGS that fits heads. Written here because no maintained
//! crate runs on this version of the linear algebra; it is small, and tested by finite differences
//! and against known minima.

pub mod lbfgs;

use thiserror::Error;

/// Why a minimisation has no answer.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum OptimizeError {
    #[error(
        "the head's minimisation stopped after {iterations} iterations with a gradient norm of {gradient:e}, above {tolerance:e}; raise `l2` or standardise the embeddings"
    )]
    NotConverged { iterations: usize, gradient: f64, tolerance: f64 },
}
