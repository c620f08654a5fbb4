//! The published transferability scores, one file each, named as the field names them. Every one of
//! them is oriented so that higher is better; where a paper's is a loss it is negated, and says so.
//! What several share (moments, decompositions, clusterings) lives in `features`; bounds and exact
//! transport live in `bound` and `transport`.

pub mod gbc;
pub mod h_score;
pub mod logme;
pub mod shrinkage_h_score;
pub mod transrate;

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
    #[error("the features reproduce target {target} exactly although there are more rows than independent features, so its evidence is unbounded; look for repeated rows, or for a feature made from the label")]
    ExactFit { target: usize },
    #[error("the targets have {found} rows, but there are {expected} rows of features; give one row of targets for each")]
    TargetRows { found: usize, expected: usize },
    #[error("there are no targets to score")]
    NoTargets,
    #[error("the target value at row {row}, column {column} is {value}, which is not finite")]
    TargetValue { row: usize, column: usize, value: f64 },
    #[error("eps is {found}, but it must be positive and finite")]
    Epsilon { found: f64 },
    #[error(
        "the moments were made without a scatter per class, which {score} needs; make them with it"
    )]
    NoClassScatter { score: &'static str },
    #[error("pca is 0, but at least one principal component is needed")]
    NoComponents,
}

fn check_classes(score: &'static str, found: usize) -> Result<(), ScoreError> {
    if found < 2 {
        Err(ScoreError::FewClasses { score, found })
    } else {
        Ok(())
    }
}
