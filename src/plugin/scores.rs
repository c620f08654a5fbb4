//! `score`, which every expression of one score is, and `scores`, a struct of several with what
//! they share computed once.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use crate::parallelism::Parallelism;
use crate::plugin::record;
use crate::plugin::remedy;
use crate::plugin::score_kind::{Reads, ScoreKind};
use crate::plugin::score_rows::{LabelPairs, LabelledVectors, ScoreColumns, ScoreInput, Source};
use crate::rows::{ClassSpectrum, ClassedTable, Moments};
use crate::scores::logme::Stopping;
use crate::scores::{
    etran, gbc, h_score, knn, knn_accuracy, knn_accuracy_split, leep, linear_probe, logme, nce,
    ncti, nleep, pactran, parc, sfda, shrinkage_h_score, transrate, ScoreError,
};

/// Prefix of the class names that pseudo-labels have.
const PSEUDO: &str = "pseudo:";

#[derive(Deserialize)]
struct Arguments {
    score: ScoreKind,
    columns: ScoreColumns,
}

#[derive(Deserialize)]
struct ManyArguments {
    scores: Vec<ScoreKind>,
    columns: ScoreColumns,
}

/// A score's number, or its parts in the order of [`ScoreKind::parts`].
type Value = Vec<f64>;

fn output_type(inputs: &[Field], kwargs: Arguments) -> PolarsResult<Field> {
    record::output_field_of(inputs, |field| kwargs.columns.of(field), kwargs.score.dtype())
}

fn many_output_type(inputs: &[Field], kwargs: ManyArguments) -> PolarsResult<Field> {
    let mut fields: Vec<Field> =
        kwargs.scores.iter().map(|score| Field::new(score.name().into(), score.dtype())).collect();
    fields.extend(facts().map(|(name, dtype)| Field::new(name.into(), dtype)));
    let dtype = DataType::Struct(fields);
    record::output_field_of(inputs, |field| kwargs.columns.of(field), dtype)
}

/// What a struct of scores says about the rows.
fn facts() -> [(&'static str, DataType); 3] {
    [("n", DataType::UInt32), ("classes", DataType::UInt32), ("labels", DataType::String)]
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn score(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let name = inputs.first().map_or(PlSmallStr::EMPTY, |input| input.name().clone());
    let kind = kwargs.score;
    let input = ScoreInput::new(inputs, &kwargs.columns, kind.name())?;
    if let ScoreKind::Logme { converge } = kind {
        if let Some((rows, targets)) = input.targets()? {
            let value = logme::regression(rows.table()?, &rows.rows, &targets, stopping(converge));
            let value = finished(value, converge).map_err(|error| wrong(&input, &error))?;
            return Ok(Series::new(name, [value]));
        }
    }
    let kinds = [kind];
    let rows = Rows::read(&input, &kinds)?;
    let value = rows.value(&kinds[0], &input)?;
    series(name, &kinds[0], &value)
}

#[polars_expr(output_type_func_with_kwargs = many_output_type)]
fn scores(inputs: &[Series], kwargs: ManyArguments) -> PolarsResult<Series> {
    let name = inputs.first().map_or(PlSmallStr::EMPTY, |input| input.name().clone());
    let input = ScoreInput::new(inputs, &kwargs.columns, "scores")?;
    let rows = Rows::read(&input, &kwargs.scores)?;
    let mut columns = Vec::new();
    for kind in &kwargs.scores {
        columns.push(series(kind.name().into(), kind, &rows.value(kind, &input)?)?);
    }
    let (n, classes, labels) = rows.facts();
    let facts = facts().map(|(name, _)| PlSmallStr::from(name));
    let [n_name, classes_name, labels_name] = facts;
    columns.push(Series::new(n_name, [n as u32]));
    columns.push(Series::new(classes_name, [classes as u32]));
    columns.push(Series::new(labels_name, [labels]));
    Ok(StructChunked::from_series(name, 1, columns.iter())?.into_series())
}

/// What the scores asked for are computed from.
struct Rows {
    embeddings: Option<Source>,
    spectrum: Option<ClassSpectrum>,
    probabilities: Option<LabelledVectors>,
    label_pairs: Option<LabelPairs>,
}

impl Rows {
    fn read(input: &ScoreInput<'_>, kinds: &[ScoreKind]) -> PolarsResult<Self> {
        let wanted = |what: Reads| kinds.iter().any(|kind| kind.reads() == what);
        let of_rows = kinds.iter().find(|k| k.reads() == Reads::Embedding && !k.is_spectral());
        let of_rows = of_rows.map(ScoreKind::name);
        let embeddings = wanted(Reads::Embedding).then(|| input.embeddings(of_rows)).transpose()?;
        let spectrum = match &embeddings {
            // One by itself may need less than the decomposition.
            Some(source) if kinds.iter().filter(|kind| kind.is_spectral()).count() > 1 => {
                Some(spectrum(source, kinds, input)?)
            }
            _ => None,
        };
        Ok(Self {
            embeddings,
            spectrum,
            probabilities: wanted(Reads::Probabilities)
                .then(|| input.probabilities())
                .transpose()?,
            label_pairs: wanted(Reads::SourceLabel).then(|| input.label_pairs()).transpose()?,
        })
    }

    /// Rows, classes, and where the labels are from.
    fn facts(&self) -> (usize, usize, &'static str) {
        let of =
            |rows: &LabelledVectors| (rows.count(), rows.classes(), origin(&rows.task.classes));
        match (&self.embeddings, &self.probabilities, &self.label_pairs) {
            (Some(Source::Moments(named)), _, _) => {
                let moments = &named.moments;
                (moments.count() as usize, moments.classes(), origin(&named.classes))
            }
            (Some(Source::Rows(rows)), _, _) | (None, Some(rows), _) => of(rows),
            (None, None, Some(LabelPairs { target, .. })) => {
                (target.of_row.len(), target.names.len(), origin(&target.names))
            }
            (None, None, None) => (0, 0, origin(&[])),
        }
    }

    fn value(&self, kind: &ScoreKind, input: &ScoreInput<'_>) -> PolarsResult<Value> {
        let value = match kind.reads() {
            Reads::Embedding if kind.is_spectral() => self.spectral(kind)?,
            Reads::Embedding => self.of_embeddings(kind, input)?,
            Reads::Probabilities => self.of_probabilities(kind)?,
            Reads::SourceLabel => self
                .label_pairs
                .as_ref()
                .map(|pairs| Ok(vec![nce(&pairs.source.of_row, &pairs.target.of_row)?])),
        };
        match value {
            Some(value) => value.map_err(|error| wrong(input, &error)),
            None => {
                polars_bail!(ComputeError: "{} has no rows to compute {} \
                    from", input.described(), kind.name())
            }
        }
    }

    fn spectral(&self, kind: &ScoreKind) -> PolarsResult<Option<Result<Value, ScoreError>>> {
        let shared = self.spectrum.as_ref();
        let value = match &self.embeddings {
            Some(Source::Rows(rows)) => spectral_of_rows(kind, rows.scored()?, shared),
            Some(Source::Moments(moments)) => spectral_of_moments(kind, &moments.moments, shared),
            None => return Ok(None),
        };
        Ok(value.map(|value| value.map(|v| vec![v])))
    }

    fn of_embeddings(
        &self,
        kind: &ScoreKind,
        input: &ScoreInput<'_>,
    ) -> PolarsResult<Option<Result<Value, ScoreError>>> {
        let Some(Source::Rows(rows)) = &self.embeddings else {
            return Ok(None);
        };
        let all = rows.scored()?;
        let value = match *kind {
            ScoreKind::KnnAccuracy { k, metric, ties } if input.has_split()? => {
                rows.task.check_learnable(kind.name())?;
                let (fit, test) = rows.split()?;
                knn_accuracy_split(
                    fit,
                    test,
                    knn::Settings { k, metric: metric.into(), ties: ties.into() },
                )
                .map(|v| vec![v])
            }
            ScoreKind::KnnAccuracy { k, metric, ties } => {
                knn_accuracy(all, knn::Settings { k, metric: metric.into(), ties: ties.into() })
                    .map(|v| vec![v])
            }
            ScoreKind::LinearProbe { l2, tolerance, seed } => {
                rows.task.check_learnable(kind.name())?;
                let (fit, test) = rows.split()?;
                let settings = linear_probe::Settings { l2, tolerance, seed };
                RAYON
                    .install(|| linear_probe::linear_probe(fit, test, settings, Parallelism::Pool))
                    .map(|probe| vec![probe.loss, probe.accuracy, probe.train_loss, probe.l2])
            }
            ScoreKind::Nleep { components, energy, covariance, seed } => {
                let covariance = covariance.into();
                let defaults = nleep::Settings::default();
                let settings = nleep::Settings { components, energy, covariance, seed, ..defaults };
                nleep::nleep(all, &settings).and_then(|found| {
                    if found.converged {
                        Ok(vec![found.value])
                    } else {
                        Err(ScoreError::Iterations {
                            score: "N-LEEP",
                            iterations: found.iterations,
                        })
                    }
                })
            }
            ScoreKind::Parc { axes, max_rows, seed } => {
                parc(all, parc::Settings { axes, max_rows, seed }).map(|v| vec![v])
            }
            ScoreKind::Sfda {} => sfda::sfda(all).map(|v| vec![v]),
            ScoreKind::Etran {} => etran::parts(all).map(|p| vec![p.energy, p.lda]),
            ScoreKind::Ncti {} => ncti::parts(all).map(|p| vec![p.seli, p.ncc, p.variability]),
            ScoreKind::PactranGaussian { strength, variance } => {
                let prior = pactran::GaussianPrior { strength, variance };
                pactran::gaussian(all, prior).map(|v| vec![v])
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn of_probabilities(
        &self,
        kind: &ScoreKind,
    ) -> PolarsResult<Option<Result<Value, ScoreError>>> {
        let Some(rows) = &self.probabilities else {
            return Ok(None);
        };
        let rows = rows.scored()?;
        let value = match *kind {
            ScoreKind::Leep {} => leep(rows),
            ScoreKind::PactranDirichlet { alpha } => pactran::dirichlet(rows, alpha),
            ScoreKind::PactranGamma { alpha, beta } => pactran::gamma(rows, alpha, beta),
            _ => return Ok(None),
        };
        Ok(Some(value.map(|v| vec![v])))
    }
}

type Number = Option<Result<f64, ScoreError>>;

/// A score of rows, with a decomposition if several share one.
fn spectral_of_rows(
    kind: &ScoreKind,
    rows: ClassedTable<'_>,
    shared: Option<&ClassSpectrum>,
) -> Number {
    Some(match (kind, shared) {
        (ScoreKind::Transrate { eps }, Some(shared)) => {
            transrate::from_spectrum(rows, shared, *eps)
        }
        (ScoreKind::Transrate { eps }, None) => transrate::from_rows(rows, *eps),
        (ScoreKind::Gbc { covariance, pca }, Some(shared)) => {
            gbc::from_spectrum(rows, shared, (*covariance).into(), *pca)
        }
        (ScoreKind::Gbc { covariance, pca }, None) => {
            gbc::from_rows(rows, (*covariance).into(), *pca)
        }
        (ScoreKind::HScore {}, Some(shared)) if !shared.is_resolved() => h_score::from_rows(rows),
        (_, Some(shared)) => return of_spectrum(kind, shared),
        (ScoreKind::Logme { converge }, None) => {
            finished(logme::from_rows(rows, stopping(*converge)), *converge)
        }
        (ScoreKind::HScore {}, None) => h_score::from_rows(rows),
        (ScoreKind::ShrinkageHScore {}, None) => shrinkage_h_score::from_rows(rows),
        _ => return None,
    })
}

/// A score of moments, with a decomposition if several share one.
fn spectral_of_moments(
    kind: &ScoreKind,
    moments: &Moments,
    shared: Option<&ClassSpectrum>,
) -> Number {
    Some(match (kind, shared) {
        (ScoreKind::Transrate { eps }, _) => transrate::from_moments(moments, *eps),
        (ScoreKind::Gbc { covariance, pca }, _) => {
            gbc::from_moments(moments, (*covariance).into(), *pca)
        }
        (ScoreKind::HScore {}, Some(shared)) if !shared.is_resolved() => {
            h_score::from_moments(moments)
        }
        (_, Some(shared)) => return of_spectrum(kind, shared),
        (ScoreKind::Logme { converge }, None) => {
            finished(logme::from_moments(moments, stopping(*converge)), *converge)
        }
        (ScoreKind::HScore {}, None) => h_score::from_moments(moments),
        (ScoreKind::ShrinkageHScore {}, None) => shrinkage_h_score::from_moments(moments),
        _ => return None,
    })
}

fn of_spectrum(kind: &ScoreKind, spectrum: &ClassSpectrum) -> Number {
    Some(match kind {
        ScoreKind::Logme { converge } => {
            finished(logme::from_spectrum(spectrum, stopping(*converge)), *converge)
        }
        ScoreKind::HScore {} => h_score::from_spectrum(spectrum),
        ScoreKind::ShrinkageHScore {} => shrinkage_h_score::from_spectrum(spectrum),
        _ => return None,
    })
}

/// The decomposition, with as many axes as the score that needs most.
fn spectrum(
    source: &Source,
    kinds: &[ScoreKind],
    input: &ScoreInput<'_>,
) -> PolarsResult<ClassSpectrum> {
    let axes = |kind: &ScoreKind| match kind {
        ScoreKind::Gbc { pca, .. } => *pca,
        _ => 0,
    };
    let axes = kinds.iter().map(axes).max().unwrap_or(0);
    let spectrum = match source {
        Source::Moments(moments) => ClassSpectrum::of_moments(&moments.moments, axes),
        Source::Rows(rows) => ClassSpectrum::of(rows.scored()?, axes),
    };
    spectrum.map_err(|error| polars_err!(ComputeError: "{}: {error}", input.described()))
}

/// Where labels with these class names are from.
fn origin(classes: &[String]) -> &'static str {
    let pseudo = !classes.is_empty() && classes.iter().all(|class| class.starts_with(PSEUDO));
    if pseudo {
        "pseudo"
    } else {
        "given"
    }
}

fn stopping(converge: bool) -> Stopping {
    if converge {
        Stopping::CONVERGED
    } else {
        Stopping::PUBLISHED
    }
}

/// Stopping at the published tolerance is the definition; a maximum that was asked for must be
/// reached.
fn finished(found: Result<logme::LogMe, ScoreError>, converge: bool) -> Result<f64, ScoreError> {
    let found = found?;
    if converge && !found.converged {
        return Err(ScoreError::Iterations { score: "LogME", iterations: found.iterations });
    }
    Ok(found.value)
}

fn series(name: PlSmallStr, kind: &ScoreKind, value: &Value) -> PolarsResult<Series> {
    let number = |name: PlSmallStr, value: &f64| Series::new(name, [*value]);
    match (kind.parts(), value.as_slice()) {
        (Some(parts), values) => {
            let fields: Vec<Series> =
                parts.iter().zip(values).map(|(part, v)| number((*part).into(), v)).collect();
            Ok(StructChunked::from_series(name, 1, fields.iter())?.into_series())
        }
        (None, [value]) => Ok(number(name, value)),
        (None, values) => {
            polars_bail!(ComputeError: "{} gave {} numbers", kind.name(), values.len())
        }
    }
}

fn wrong(input: &ScoreInput<'_>, error: &ScoreError) -> PolarsError {
    polars_err!(ComputeError: "{}: {error}{}", input.described(), remedy::of_score(error))
}
