//! The published transferability scores, one file each, named as the field names them. Every one of
//! them is oriented so that higher is better; where a paper's is a loss it is negated, and says so.
//! What several share (moments, decompositions, clusterings) lives in `features`; bounds and exact
//! transport live in `bound` and `transport`.

pub mod otce;
pub mod otdd;
mod transported_rows;

use thiserror::Error;

use crate::transport::TransportError;

/// Why a score has no value.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ScoreError {
    #[error("the labels have {found} class(es), but {score} needs at least two")]
    FewClasses { score: &'static str, found: usize },
    #[error("there are {found} rows, but {score} needs at least {needed}")]
    FewRows { score: &'static str, found: usize, needed: usize },
    #[error("the features are constant, so {score} is not defined: there is nothing to tell classes apart by")]
    ConstantFeatures { score: &'static str },
    #[error("the decomposition that {score} needs did not converge; this is a defect, please report it with the input")]
    Decomposition { score: &'static str },
    #[error("the source rows have {source_width} features and the target rows {target_width}, but {score} compares them in one space: embed both with the same model")]
    Width { score: &'static str, source_width: usize, target_width: usize },
    #[error("OTDD with Gaussian inner distances is defined for p = 2, but p is {p}; use exact inner distances for other powers")]
    GaussianPower { p: f64 },
    #[error(transparent)]
    Transport(#[from] TransportError),
}
