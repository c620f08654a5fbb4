//! The published transferability scores, one file each, named as the field names them. Every one of
//! them is oriented so that higher is better; where a paper's is a loss it is negated, and says so.
//! What several share (moments, decompositions, clusterings) lives in `features`; bounds and exact
//! transport live in `bound` and `transport`.

use thiserror::Error;

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
}
