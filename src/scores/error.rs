//! Why a score has no value: what several scores share. What only one of them can meet is an enum
//! of its own beside that score.

use thiserror::Error;

use crate::estimators::discriminant::DiscriminantError;
use crate::estimators::gaussian_mixture::MixtureError;
use crate::estimators::nearest_neighbours::NeighbourError;
use crate::linalg::error::OptimizeError;
use crate::scores::distributions::ProbabilityError;
use crate::scores::logme::TargetError;
use crate::scores::parc::PairError;
use crate::transport::sliced::SlicedError;
use crate::transport::TransportError;

/// Why a score has no value.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ScoreError {
    #[error("the labels have {found} class(es), but {score} needs at least two")]
    FewClasses { score: &'static str, found: usize },
    #[error("the source labels have {found} class(es), but {score} needs at least two")]
    FewSourceClasses { score: &'static str, found: usize },
    #[error("there are {found} rows, but {score} needs at least {needed}")]
    FewRows { score: &'static str, found: usize, needed: usize },
    #[error(
        "the features are constant, so {score} is not defined: there is nothing to tell \
        classes apart by"
    )]
    ConstantFeatures { score: &'static str },
    #[error(
        "the decomposition that {score} needs did not converge; this is a defect, please \
        report it with the input"
    )]
    Decomposition { score: &'static str },
    #[error(
        "the squares of the features are beyond the range of a float, so {score} has no \
        value; scale the features"
    )]
    Range { score: &'static str },
    #[error(
        "the higher moments of the features are beyond the range of a float, so {score} has no \
         value; scale the features down"
    )]
    MomentRange { score: &'static str },
    #[error("the moments were made without a scatter per class, which {score} needs")]
    NoClassScatter { score: &'static str },
    #[error(
        "the scatters of the moments are those of no rows: a direction has a negative sum of \
         squares"
    )]
    NoScatter,
    #[error("the rows are compared along no principal axis, but at least one is needed")]
    NoAxes,
    #[error(
        "there are {source_labels} source labels but {labels} target labels; both must be of \
        the same rows"
    )]
    Lengths { source_labels: usize, labels: usize },
    #[error("the share of variance to keep must be above 0 and at most 1; it is {found}")]
    Energy { found: f64 },
    #[error(transparent)]
    Targets(#[from] TargetError),
    #[error(transparent)]
    Probabilities(#[from] ProbabilityError),
    #[error(transparent)]
    Pairs(#[from] PairError),
    #[error(transparent)]
    Mixture(#[from] MixtureError),
    #[error(transparent)]
    Neighbours(#[from] NeighbourError),
    #[error(
        "the source rows have {source_width} features and the target rows {target_width}, but \
        {score} compares them in one space: embed both with the same model"
    )]
    Width { score: &'static str, source_width: usize, target_width: usize },
    #[error(
        "OTDD with Gaussian inner distances is defined for p = 2, but p is {p}; use exact \
        inner distances for other powers"
    )]
    GaussianPower { p: f64 },
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Sliced(#[from] SlicedError),
    #[error("{score} tells classes apart by the covariance within them: {reason}")]
    Discriminant { score: &'static str, reason: DiscriminantError },
    #[error("{score} did not converge: {reason}")]
    Optimize { score: &'static str, reason: OptimizeError },
    #[error(
        "{score} did not converge in {iterations} iterations: the last still gained \
        {change:e} nats a row; this is a defect, please report it with the input"
    )]
    NotConverged { score: &'static str, iterations: usize, change: f64 },
    #[error(
        "{score} had not converged after {iterations} iterations; scale the features down, or \
        look for classes of repeated rows"
    )]
    Iterations { score: &'static str, iterations: usize },
    #[error(
        "the evaluation rows have {found} classes, but the fit rows {expected}: number the \
        classes of both alike"
    )]
    EvaluationClasses { found: usize, expected: usize },
    #[error(
        "the coefficients times the terms are beyond the range of a float; scale the coefficients"
    )]
    CoefficientRange,
    #[error("{name} is {value}, but must be finite and above 0")]
    NotPositive { name: &'static str, value: f64 },
    #[error(
        "{name} is {value:e}, but must lie between {least:e} and {most:e} for {score} to keep \
         its digits"
    )]
    OutOfRange { score: &'static str, name: &'static str, value: f64, least: f64, most: f64 },
}
