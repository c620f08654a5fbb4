//! The published transferability scores, one file each, named as the field names them, and the
//! registry that lists them. Every one of them is oriented so that higher is better: where a paper
//! has a loss, the score is its negative, and its file says so. What several share lives on the
//! floors below: moments and decompositions in `rows`, clusterings and discriminants in
//! `estimators`, exact transport in `transport`. Bounds live in `bound`.

mod distributions;
mod error;
pub mod etran;
pub mod gbc;
pub mod h_score;
pub mod knn;
pub mod leep;
pub mod linear_probe;
pub mod logme;
pub mod nce;
pub mod ncti;
pub mod nleep;
pub mod nuclear_norm;
pub mod otce;
pub mod otdd;
pub mod pactran;
pub mod parc;
pub mod prediction_entropy;
pub mod s_otdd;
pub mod sfda;
pub mod shrinkage_h_score;
pub mod tetot;
mod transported_rows;
pub mod transrate;

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::parallelism::Parallelism;
use crate::rows::class_scatter::RowReader;
use crate::rows::{ClassSpectrum, ClassedTable, Moments, Table};

pub use distributions::ProbabilityError;
pub use error::ScoreError;
pub use knn::{knn_accuracy, knn_accuracy_split, Ties};
pub use leep::leep;
pub use nce::nce;
pub use nleep::nleep;
pub use parc::parc;
pub use transported_rows::RowLimit;

/// A score that a decomposition of labelled embeddings gives. Several such scores share one.
pub trait SpectralScore {
    /// Number of principal axes that the decomposition must have.
    fn axes(&self) -> usize {
        0
    }

    /// The score of rows; `shared` is their decomposition where it is there already.
    ///
    /// # Errors
    /// Those of the score.
    fn of_rows(
        &self,
        rows: ClassedTable<'_>,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError>;

    /// The score of moments; `shared` is their decomposition where it is there already.
    ///
    /// # Errors
    /// Those of the score, and moments that lack what the score needs.
    fn of_moments(
        &self,
        moments: &Moments,
        shared: Option<&ClassSpectrum>,
    ) -> Result<f64, ScoreError>;
}

/// A score that needs the labelled embeddings themselves.
pub trait RowScore {
    /// What a score of several numbers calls them, in order; empty for a score of one number.
    fn parts(&self) -> &'static [&'static str] {
        &[]
    }

    /// The numbers of the score.
    ///
    /// # Errors
    /// Those of the score.
    fn of_rows(&self, rows: ClassedTable<'_>) -> Result<Vec<f64>, ScoreError>;
}

/// A score that learns from labelled embeddings and is evaluated on others, or on the same.
pub trait LearnedScore: Sync {
    /// What a score of several numbers calls them, in order; empty for a score of one number.
    fn parts(&self) -> &'static [&'static str] {
        &[]
    }

    /// The numbers of the score; without a split there are no rows for evaluation.
    ///
    /// # Errors
    /// Those of the score.
    fn of_split(
        &self,
        fit: ClassedTable<'_>,
        evaluation: Option<ClassedTable<'_>>,
        parallelism: Parallelism,
    ) -> Result<Vec<f64>, ScoreError>;

    /// Which rows are classified right, by their numbers, ascending: those for evaluation or,
    /// without a split, all. The share of right ones is the accuracy of the score.
    ///
    /// # Errors
    /// Those of the score.
    fn hits(
        &self,
        fit: ClassedTable<'_>,
        evaluation: Option<ClassedTable<'_>>,
        parallelism: Parallelism,
    ) -> Result<Vec<(u32, bool)>, ScoreError>;
}

/// A score of the source model's class probabilities on labelled target rows.
pub trait ProbabilityScore {
    /// # Errors
    /// Those of the score.
    fn of_probabilities(&self, probabilities: ClassedTable<'_>) -> Result<f64, ScoreError>;
}

/// A score of the source model's class probabilities on target rows whose labels it does not read.
pub trait PredictionScore {
    /// # Errors
    /// Those of the score.
    fn of_predictions(&self, table: Table<'_>, rows: &[u32]) -> Result<f64, ScoreError>;
}

/// A score of the source classes that a model predicts on labelled target rows.
pub trait LabelPairScore {
    /// # Errors
    /// Those of the score.
    fn of_labels(&self, source_label: &[u32], label: &[u32]) -> Result<f64, ScoreError>;
}

/// A score by what it is computed from.
pub enum Method<'a> {
    Spectral(&'a dyn SpectralScore),
    Rows(&'a dyn RowScore),
    Learned(&'a dyn LearnedScore),
    Probabilities(&'a dyn ProbabilityScore),
    Predictions(&'a dyn PredictionScore),
    LabelPairs(&'a dyn LabelPairScore),
}

impl Method<'_> {
    /// What a score of several numbers calls them, in order; empty for a score of one number.
    #[must_use]
    pub fn parts(&self) -> &'static [&'static str] {
        match self {
            Self::Rows(score) => score.parts(),
            Self::Learned(score) => score.parts(),
            Self::Spectral(_)
            | Self::Probabilities(_)
            | Self::Predictions(_)
            | Self::LabelPairs(_) => &[],
        }
    }
}

/// Makes [`Score`] from one line for each score: what it is computed from, its variant with its
/// settings, and its name.
macro_rules! registry {
    ($($method:ident $variant:ident($settings:ty) = $name:literal;)*) => {
        /// A score of one labelled table, with its settings.
        #[derive(Debug, Clone, Copy, Deserialize)]
        #[serde(tag = "score")]
        pub enum Score {
            $(#[serde(rename = $name)] $variant($settings),)*
        }

        impl Score {
            /// The name that the score is asked for by.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// The names of the scores for which moments are enough.
            #[must_use]
            pub fn of_moments() -> Vec<&'static str> {
                let all = [$((stringify!($method), $name)),*];
                let spectral = all.into_iter().filter(|(method, _)| *method == "Spectral");
                spectral.map(|(_, name)| name).collect()
            }

            /// How the score is computed.
            #[must_use]
            pub fn method(&self) -> Method<'_> {
                match self {
                    $(Self::$variant(settings) => Method::$method(settings),)*
                }
            }
        }
    };
}

registry! {
    Spectral Logme(logme::Settings) = "logme";
    Spectral HScore(h_score::Settings) = "h_score";
    Spectral ShrinkageHScore(shrinkage_h_score::Settings) = "shrinkage_h_score";
    Spectral Transrate(transrate::Settings) = "transrate";
    Spectral Gbc(gbc::Settings) = "gbc";
    Probabilities Leep(leep::Settings) = "leep";
    LabelPairs Nce(nce::Settings) = "nce";
    Rows Nleep(nleep::Settings) = "nleep";
    Learned KnnAccuracy(knn::Settings) = "knn_accuracy";
    Learned LinearProbe(linear_probe::Settings) = "linear_probe";
    Rows Parc(parc::Settings) = "parc";
    Rows Sfda(sfda::Settings) = "sfda";
    Rows Etran(etran::Settings) = "etran";
    Rows Ncti(ncti::Settings) = "ncti";
    Probabilities PactranDirichlet(pactran::DirichletPrior) = "pactran_dirichlet";
    Probabilities PactranGamma(pactran::GammaPrior) = "pactran_gamma";
    Rows PactranGaussian(pactran::GaussianPrior) = "pactran_gaussian";
    Predictions NuclearNorm(nuclear_norm::Settings) = "nuclear_norm";
    Predictions PredictionEntropy(prediction_entropy::Settings) = "prediction_entropy";
}

/// A score of two labelled tables, a source and a target, with its settings.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(tag = "score", rename_all = "snake_case")]
pub enum TaskPairScore {
    OtNce(RowLimit),
    Otce(otce::OtceSettings),
    Otdd(otdd::Settings),
    SOtdd(s_otdd::Settings),
    Tetot(tetot::Settings),
}

/// Whether a score of two tasks reads the labels of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetLabels {
    Read,
    Ignored,
}

impl TaskPairScore {
    /// Whether the classes of the target change the score.
    #[must_use]
    pub fn target_labels(&self) -> TargetLabels {
        match self {
            Self::OtNce(_) | Self::Otce(_) | Self::Otdd(_) | Self::SOtdd(_) => TargetLabels::Read,
            Self::Tetot(_) => TargetLabels::Ignored,
        }
    }

    /// The score of a source and a target.
    ///
    /// # Errors
    /// Those of the score.
    pub fn between(
        &self,
        source: ClassedTable<'_>,
        target: ClassedTable<'_>,
        parallelism: Parallelism,
    ) -> Result<f64, ScoreError> {
        match self {
            Self::OtNce(limit) => Ok(otce::ot_nce(source, target, *limit)?.ot_nce),
            Self::Otce(settings) => {
                let terms = otce::ot_nce(source, target, settings.limit)?;
                otce::otce(&terms, &settings.coefficients)
            }
            Self::Otdd(settings) => otdd::otdd(source, target, *settings),
            Self::SOtdd(settings) => s_otdd::s_otdd(source, target, *settings, parallelism),
            Self::Tetot(settings) => tetot::tetot(source, target, *settings, parallelism),
        }
    }
}

fn check_classes(score: &'static str, found: usize) -> Result<(), ScoreError> {
    if found < 2 {
        Err(ScoreError::FewClasses { score, found })
    } else {
        Ok(())
    }
}

fn check_positive(name: &'static str, value: f64) -> Result<(), ScoreError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(ScoreError::NotPositive { name, value })
    }
}

/// Whether a positive parameter leaves what is computed with it within the range and the digits of
/// floats.
fn check_within(
    score: &'static str,
    name: &'static str,
    value: f64,
    range: &RangeInclusive<f64>,
) -> Result<(), ScoreError> {
    check_positive(name, value)?;
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (*range.start(), *range.end());
    Err(ScoreError::OutOfRange { score, name, value, least, most })
}

/// Call `then` with the rows of `rows` as discriminant analysis reads them.
fn with_reader<T>(rows: ClassedTable<'_>, then: impl FnOnce(RowReader<'_>) -> T) -> T {
    let counts: Vec<usize> = rows.classes.iter().map(Vec::len).collect();
    let read = |class: usize, i: usize, out: &mut [f64]| {
        rows.table.copy_row(rows.classes[class][i] as usize, out);
    };
    then(RowReader { counts: &counts, width: rows.table.width(), read: &read })
}

/// The values scaled to `[0, 1]` over a pool; all 0 where they are equal, since they then tell no
/// member of the pool from another.
fn min_max(values: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let range = values.clone().fold(f64::NEG_INFINITY, f64::max) - least;
    values.map(|v| if range > 0.0 { (v - least) / range } else { 0.0 }).collect()
}
