//! `score`, which every expression of one score is, and `scores`, a struct of several with what
//! they share computed once.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use crate::parallelism::Parallelism;
use crate::plugin::record;
use crate::plugin::remedy;
use crate::plugin::score_rows::{LabelPairs, LabelledVectors, ScoreColumns, ScoreInput, Source};
use crate::rows::ClassSpectrum;
use crate::scores::{Method, Score, ScoreError};

/// Prefix of the class names that pseudo-labels have.
const PSEUDO: &str = "pseudo:";

#[derive(Deserialize)]
struct Arguments {
    score: Score,
    columns: ScoreColumns,
}

#[derive(Deserialize)]
struct ManyArguments {
    scores: Vec<Score>,
    columns: ScoreColumns,
}

fn output_type(inputs: &[Field], kwargs: Arguments) -> PolarsResult<Field> {
    record::output_field_of(inputs, |field| kwargs.columns.of(field), dtype(&kwargs.score))
}

fn many_output_type(inputs: &[Field], kwargs: ManyArguments) -> PolarsResult<Field> {
    let field = |score: &Score| Field::new(score.name().into(), dtype(score));
    let mut fields: Vec<Field> = kwargs.scores.iter().map(field).collect();
    fields.extend(facts().map(|(name, dtype)| Field::new(name.into(), dtype)));
    let dtype = DataType::Struct(fields);
    record::output_field_of(inputs, |field| kwargs.columns.of(field), dtype)
}

/// A float, or a struct of floats for a score of several numbers.
fn dtype(score: &Score) -> DataType {
    let number = |name: &&str| Field::new((*name).into(), DataType::Float64);
    match score.method().parts() {
        [] => DataType::Float64,
        parts => DataType::Struct(parts.iter().map(number).collect()),
    }
}

/// What a struct of scores says about the rows.
fn facts() -> [(&'static str, DataType); 3] {
    [("n", DataType::UInt32), ("classes", DataType::UInt32), ("labels", DataType::String)]
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn score(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let name = inputs.first().map_or(PlSmallStr::EMPTY, |input| input.name().clone());
    let score = kwargs.score;
    let input = ScoreInput::new(inputs, &kwargs.columns, score.name())?;
    if let Score::Logme(settings) = &score {
        if let Some((rows, targets)) = input.targets()? {
            let value = settings.of_targets(rows.table()?, &rows.rows, &targets);
            return Ok(Series::new(name, [value.map_err(|error| wrong(&input, &error))?]));
        }
    }
    let scores = [score];
    let rows = Rows::read(&input, &scores)?;
    series(name, &scores[0], &rows.values(&scores[0], &input)?)
}

#[polars_expr(output_type_func_with_kwargs = many_output_type)]
fn scores(inputs: &[Series], kwargs: ManyArguments) -> PolarsResult<Series> {
    let name = inputs.first().map_or(PlSmallStr::EMPTY, |input| input.name().clone());
    let input = ScoreInput::new(inputs, &kwargs.columns, "scores")?;
    let rows = Rows::read(&input, &kwargs.scores)?;
    let mut columns = Vec::new();
    for score in &kwargs.scores {
        columns.push(series(score.name().into(), score, &rows.values(score, &input)?)?);
    }
    let (n, classes, labels) = rows.facts();
    let facts = facts().map(|(name, _)| PlSmallStr::from(name));
    let [n_name, classes_name, labels_name] = facts;
    columns.push(Series::new(n_name, [n as u32]));
    columns.push(Series::new(classes_name, [classes as u32]));
    columns.push(Series::new(labels_name, [labels]));
    Ok(StructChunked::from_series(name, 1, columns.iter())?.into_series())
}

/// What the scores asked for are computed from; only what one of them needs is read.
struct Rows {
    embeddings: Option<Source>,
    spectrum: Option<ClassSpectrum>,
    probabilities: Option<LabelledVectors>,
    label_pairs: Option<LabelPairs>,
}

impl Rows {
    fn read(input: &ScoreInput<'_>, scores: &[Score]) -> PolarsResult<Self> {
        let any = |of: fn(&Method<'_>) -> bool| scores.iter().any(|score| of(&score.method()));
        let of_rows = scores
            .iter()
            .find(|score| matches!(score.method(), Method::Rows(_) | Method::Learned(_)))
            .map(Score::name);
        let spectral = any(|method| matches!(method, Method::Spectral(_)));
        let embeddings = (spectral || of_rows.is_some()).then(|| input.embeddings(of_rows));
        let probabilities = any(|method| matches!(method, Method::Probabilities(_)));
        let label_pairs = any(|method| matches!(method, Method::LabelPairs(_)));
        let embeddings = embeddings.transpose()?;
        let spectrum = embeddings.as_ref().map(|source| shared_spectrum(source, scores, input));
        Ok(Self {
            spectrum: spectrum.transpose()?.flatten(),
            embeddings,
            probabilities: probabilities.then(|| input.probabilities()).transpose()?,
            label_pairs: label_pairs.then(|| input.label_pairs()).transpose()?,
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

    /// The numbers of a score.
    fn values(&self, score: &Score, input: &ScoreInput<'_>) -> PolarsResult<Vec<f64>> {
        let Self { embeddings, probabilities, label_pairs, .. } = self;
        let shared = self.spectrum.as_ref();
        let value = match (score.method(), embeddings) {
            (Method::Spectral(method), Some(Source::Rows(rows))) => {
                method.of_rows(rows.scored()?, shared).map(one)
            }
            (Method::Spectral(method), Some(Source::Moments(named))) => {
                method.of_moments(&named.moments, shared).map(one)
            }
            (Method::Rows(method), Some(Source::Rows(rows))) => method.of_rows(rows.scored()?),
            (Method::Learned(method), Some(Source::Rows(rows))) => {
                rows.task.check_learnable(score.name())?;
                let (fit, evaluation) = rows.split()?;
                let evaluation = input.has_split()?.then_some(evaluation);
                RAYON.install(|| method.of_split(fit, evaluation, Parallelism::Pool))
            }
            (Method::Probabilities(method), _) => match probabilities {
                Some(rows) => method.of_probabilities(rows.scored()?).map(one),
                None => return Err(unread(score, input)),
            },
            (Method::LabelPairs(method), _) => match label_pairs {
                Some(pairs) => {
                    method.of_labels(&pairs.source.of_row, &pairs.target.of_row).map(one)
                }
                None => return Err(unread(score, input)),
            },
            _ => return Err(unread(score, input)),
        };
        value.map_err(|error| wrong(input, &error))
    }
}

fn one(value: f64) -> Vec<f64> {
    vec![value]
}

/// The decomposition that several scores share, with as many axes as the one that needs most. A
/// score by itself may need less than the decomposition.
fn shared_spectrum(
    source: &Source,
    scores: &[Score],
    input: &ScoreInput<'_>,
) -> PolarsResult<Option<ClassSpectrum>> {
    let spectral = scores.iter().filter_map(|score| match score.method() {
        Method::Spectral(score) => Some(score.axes()),
        _ => None,
    });
    let axes: Vec<usize> = spectral.collect();
    if axes.len() < 2 {
        return Ok(None);
    }
    let most = axes.into_iter().max().unwrap_or(0);
    let spectrum = match source {
        Source::Moments(moments) => ClassSpectrum::of_moments(&moments.moments, most),
        Source::Rows(rows) => ClassSpectrum::of(rows.scored()?, most),
    };
    match spectrum {
        Ok(spectrum) => Ok(Some(spectrum)),
        Err(error) => polars_bail!(ComputeError: "{}: {error}", input.described()),
    }
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

fn series(name: PlSmallStr, score: &Score, values: &[f64]) -> PolarsResult<Series> {
    let number = |name: PlSmallStr, value: f64| Series::new(name, [value]);
    match (score.method().parts(), values) {
        ([], [value]) => Ok(number(name, *value)),
        (parts, values) if parts.len() == values.len() => {
            let fields = parts.iter().zip(values).map(|(part, v)| number((*part).into(), *v));
            let fields: Vec<Series> = fields.collect();
            Ok(StructChunked::from_series(name, 1, fields.iter())?.into_series())
        }
        (parts, values) => polars_bail!(
            ComputeError:
            "{} gave {} numbers for its {} parts; this is a defect, please report it",
            score.name(),
            values.len(),
            parts.len().max(1)
        ),
    }
}

fn wrong(input: &ScoreInput<'_>, error: &ScoreError) -> PolarsError {
    polars_err!(ComputeError: "{}: {error}{}", input.described(), remedy::of_score(error))
}

fn unread(score: &Score, input: &ScoreInput<'_>) -> PolarsError {
    polars_err!(
        ComputeError:
        "{}: what {} is computed from was not read; this is a defect, please report it",
        input.described(),
        score.name()
    )
}
