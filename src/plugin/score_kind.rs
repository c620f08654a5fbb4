//! Which score to compute, with its settings, as Python sends it.

use polars::prelude::*;
use serde::Deserialize;

use crate::estimators::{gaussian_mixture, nearest_neighbours};
use crate::scores::{gbc, knn};

#[derive(Deserialize)]
#[serde(tag = "score", rename_all = "snake_case")]
pub enum ScoreKind {
    Logme { converge: bool },
    HScore {},
    ShrinkageHScore {},
    Transrate { eps: f64 },
    Gbc { covariance: Covariance, pca: usize },
    Leep {},
    Nce {},
    Nleep { components: Option<usize>, energy: f64, covariance: MixtureCovariance, seed: u64 },
    KnnAccuracy { k: usize, metric: Metric, ties: Ties },
    LinearProbe { l2: Option<f64>, tolerance: f64, seed: u64 },
    Parc { axes: Option<usize>, max_rows: usize, seed: u64 },
    Sfda {},
    Etran {},
    Ncti {},
    PactranDirichlet { alpha: f64 },
    PactranGamma { alpha: f64, beta: f64 },
    PactranGaussian { strength: f64, variance: f64 },
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Covariance {
    Spherical,
    Diagonal,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum MixtureCovariance {
    Full,
    Diagonal,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Euclidean,
    Cosine,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    First,
    Nearest,
}

/// Which column beside the label a score reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    Embedding,
    Probabilities,
    SourceLabel,
}

impl ScoreKind {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logme { .. } => "logme",
            Self::HScore {} => "h_score",
            Self::ShrinkageHScore {} => "shrinkage_h_score",
            Self::Transrate { .. } => "transrate",
            Self::Gbc { .. } => "gbc",
            Self::Leep {} => "leep",
            Self::Nce {} => "nce",
            Self::Nleep { .. } => "nleep",
            Self::KnnAccuracy { .. } => "knn_accuracy",
            Self::LinearProbe { .. } => "linear_probe",
            Self::Parc { .. } => "parc",
            Self::Sfda {} => "sfda",
            Self::Etran {} => "etran",
            Self::Ncti {} => "ncti",
            Self::PactranDirichlet { .. } => "pactran_dirichlet",
            Self::PactranGamma { .. } => "pactran_gamma",
            Self::PactranGaussian { .. } => "pactran_gaussian",
        }
    }

    pub fn reads(&self) -> Reads {
        match self {
            Self::Leep {} | Self::PactranDirichlet { .. } | Self::PactranGamma { .. } => {
                Reads::Probabilities
            }
            Self::Nce {} => Reads::SourceLabel,
            _ => Reads::Embedding,
        }
    }

    /// Whether the score comes from the one decomposition that several share.
    pub fn is_spectral(&self) -> bool {
        matches!(
            self,
            Self::Logme { .. }
                | Self::HScore {}
                | Self::ShrinkageHScore {}
                | Self::Transrate { .. }
                | Self::Gbc { .. }
        )
    }

    /// Names of the parts of a score that is more than one number.
    pub fn parts(&self) -> Option<&'static [&'static str]> {
        match self {
            Self::LinearProbe { .. } => Some(&["loss", "accuracy", "train_loss", "l2"]),
            Self::Etran {} => Some(&["energy", "lda"]),
            Self::Ncti {} => Some(&["seli", "ncc", "variability"]),
            _ => None,
        }
    }

    pub fn dtype(&self) -> DataType {
        let number = |name: &&str| Field::new((*name).into(), DataType::Float64);
        match self.parts() {
            Some(parts) => DataType::Struct(parts.iter().map(number).collect()),
            None => DataType::Float64,
        }
    }
}

impl From<Covariance> for gbc::Covariance {
    fn from(covariance: Covariance) -> Self {
        match covariance {
            Covariance::Spherical => Self::Spherical,
            Covariance::Diagonal => Self::Diagonal,
        }
    }
}

impl From<MixtureCovariance> for gaussian_mixture::Covariance {
    fn from(covariance: MixtureCovariance) -> Self {
        match covariance {
            MixtureCovariance::Full => Self::Full,
            MixtureCovariance::Diagonal => Self::Diagonal,
        }
    }
}

impl From<Ties> for knn::Ties {
    fn from(ties: Ties) -> Self {
        match ties {
            Ties::First => Self::First,
            Ties::Nearest => Self::Nearest,
        }
    }
}

impl From<Metric> for nearest_neighbours::Metric {
    fn from(metric: Metric) -> Self {
        match metric {
            Metric::Euclidean => Self::Euclidean,
            Metric::Cosine => Self::Cosine,
        }
    }
}
