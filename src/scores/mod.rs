//! The published transferability scores, one file each, named as the field names them. Every one of
//! them is oriented so that higher is better; where a paper's is a loss it is negated, and says so.
//! What several share (moments, decompositions, clusterings) lives in `features`; bounds and exact
//! transport live in `bound` and `transport`.

pub mod knn;
pub mod leep;
pub mod nce;
pub mod nleep;
pub mod parc;

use thiserror::Error;

use crate::features::gaussian_mixture::MixtureError;
use crate::features::nearest_neighbours::NeighbourError;

pub use knn::{knn_accuracy, knn_accuracy_split};
pub use leep::leep;
pub use nce::nce;
pub use nleep::nleep;
pub use parc::parc;
pub mod otce;
pub mod otdd;
mod transported_rows;


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
    #[error("row {row} gives source class {column} the probability {value}; pass probabilities (a softmax of logits), which are not negative")]
    NegativeProbability { row: u32, column: usize, value: f64 },
    #[error("row {row}'s probabilities sum to {sum}, not to 1; pass the probabilities of all source classes (a softmax of logits)")]
    NotADistribution { row: u32, sum: f64 },
    #[error("there are {source_labels} source labels but {labels} target labels; both must be of the same rows")]
    Lengths { source_labels: usize, labels: usize },
    #[error("the share of variance to keep must be above 0 and at most 1; it is {found}")]
    Energy { found: f64 },
    #[error("none of the {classes} classes has two rows, so {score} has no pair within a class; give it more rows")]
    NoPairs { score: &'static str, classes: usize },
    #[error("row {row} is the same in all coordinates, so {score} cannot correlate it with others; drop it, or keep two or more coordinates")]
    ConstantRow { score: &'static str, row: u32 },
    #[error(transparent)]
    Mixture(#[from] MixtureError),
    #[error(transparent)]
    Neighbours(#[from] NeighbourError),
    #[error("the source rows have {source_width} features and the target rows {target_width}, but {score} compares them in one space: embed both with the same model")]
    Width { score: &'static str, source_width: usize, target_width: usize },
    #[error("OTDD with Gaussian inner distances is defined for p = 2, but p is {p}; use exact inner distances for other powers")]
    GaussianPower { p: f64 },
    #[error(transparent)]
    Transport(#[from] TransportError),
}
