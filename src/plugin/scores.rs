//! `score`, which every expression of one score is, `scores`, a struct of several with what they
//! share computed once, and `hits`, which rows a score that is an accuracy classifies right.

use std::cell::OnceCell;

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use crate::parallelism::Parallelism;
use crate::plugin::class_names::Labels;
use crate::plugin::record;
use crate::plugin::remedy;
use crate::plugin::score_rows::{LabelPairs, LabelledVectors, ScoreColumns, ScoreInput, Source};
use crate::rows::{ClassSpectrum, ClassedTable};
use crate::scores::{Method, Score, ScoreError};

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
    fields.extend(Facts::fields().map(|(name, dtype)| Field::new(name.into(), dtype)));
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
    series(name, &score, &Rows::new(input, &[score]).values(&score)?)
}

#[polars_expr(output_type_func_with_kwargs = many_output_type)]
fn scores(inputs: &[Series], kwargs: ManyArguments) -> PolarsResult<Series> {
    let name = inputs.first().map_or(PlSmallStr::EMPTY, |input| input.name().clone());
    let input = ScoreInput::new(inputs, &kwargs.columns, "scores")?;
    let rows = Rows::new(input, &kwargs.scores);
    let mut columns = Vec::new();
    for score in &kwargs.scores {
        columns.push(series(score.name().into(), score, &rows.values(score)?)?);
    }
    columns.extend(rows.facts().series());
    Ok(StructChunked::from_series(name, 1, columns.iter())?.into_series())
}

fn hits_type(inputs: &[Field], kwargs: Arguments) -> PolarsResult<Field> {
    record::output_field_of(inputs, |field| kwargs.columns.of(field), DataType::Boolean)
}

#[polars_expr(output_type_func_with_kwargs = hits_type)]
fn hits(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let score = kwargs.score;
    let input = ScoreInput::new(inputs, &kwargs.columns, score.name())?;
    let rows = Rows::new(input, &[score]);
    let mut column = vec![None; inputs[0].len()];
    for (row, right) in rows.hits(&score)? {
        column[row as usize] = Some(right);
    }
    Ok(Series::new(inputs[0].name().clone(), column))
}

/// What scores are computed from. Each part is read once, when the first score asks for it.
struct Rows<'a> {
    input: ScoreInput<'a>,
    /// The number of principal axes of the decomposition that several scores share; `None` where no
    /// two scores need one, because a score by itself may need less.
    shared_axes: Option<usize>,
    spectrum: OnceCell<ClassSpectrum>,
    embeddings: OnceCell<Source>,
    probabilities: OnceCell<LabelledVectors>,
    label_pairs: OnceCell<LabelPairs>,
}

/// The value of a cell, which `read` fills where it is empty.
fn read_once<T>(cell: &OnceCell<T>, read: impl FnOnce() -> PolarsResult<T>) -> PolarsResult<&T> {
    match cell.get() {
        Some(value) => Ok(value),
        None => {
            let value = read()?;
            Ok(cell.get_or_init(|| value))
        }
    }
}

impl<'a> Rows<'a> {
    fn new(input: ScoreInput<'a>, scores: &[Score]) -> Self {
        let axes = scores.iter().filter_map(|score| match score.method() {
            Method::Spectral(method) => Some(method.axes()),
            _ => None,
        });
        let axes: Vec<usize> = axes.collect();
        Self {
            input,
            shared_axes: if axes.len() > 1 { axes.into_iter().max() } else { None },
            spectrum: OnceCell::new(),
            embeddings: OnceCell::new(),
            probabilities: OnceCell::new(),
            label_pairs: OnceCell::new(),
        }
    }

    /// The numbers of a score.
    fn values(&self, score: &Score) -> PolarsResult<Vec<f64>> {
        let one = |value: f64| vec![value];
        let values = match score.method() {
            Method::Spectral(method) => {
                let shared = self.spectrum()?;
                match self.embeddings()? {
                    Source::Rows(rows) => method.of_rows(rows.scored()?, shared).map(one),
                    Source::Moments(named) => method.of_moments(&named.moments, shared).map(one),
                }
            }
            Method::Rows(method) => method.of_rows(self.vectors(score)?.scored()?),
            Method::Learned(method) => {
                let (fit, evaluation) = self.split(score)?;
                RAYON.install(|| method.of_split(fit, evaluation, Parallelism::Pool))
            }
            Method::Probabilities(method) => {
                method.of_probabilities(self.probabilities()?.scored()?).map(one)
            }
            Method::Predictions(method) => {
                let rows = self.probabilities()?.scored()?;
                method.of_predictions(rows.table, &rows.classes.concat()).map(one)
            }
            Method::LabelPairs(method) => {
                let pairs = read_once(&self.label_pairs, || self.input.label_pairs())?;
                method.of_labels(&pairs.source.of_row, &pairs.target.of_row).map(one)
            }
        };
        values.map_err(|error| wrong(&self.input, &error))
    }

    /// Which rows a score that learns classifies right, by their numbers.
    fn hits(&self, score: &Score) -> PolarsResult<Vec<(u32, bool)>> {
        let Method::Learned(method) = score.method() else {
            polars_bail!(ComputeError: "{} classifies no rows", score.name());
        };
        let (fit, evaluation) = self.split(score)?;
        let hits = RAYON.install(|| method.hits(fit, evaluation, Parallelism::Pool));
        hits.map_err(|error| wrong(&self.input, &error))
    }

    /// The rows that a score learns from and, with a split, those that it is evaluated on.
    fn split(&self, score: &Score) -> PolarsResult<(ClassedTable<'_>, Option<ClassedTable<'_>>)> {
        let rows = self.vectors(score)?;
        rows.task.check_learnable(score.name())?;
        let (fit, evaluation) = rows.split()?;
        Ok((fit, self.input.has_split()?.then_some(evaluation)))
    }

    fn embeddings(&self) -> PolarsResult<&Source> {
        read_once(&self.embeddings, || self.input.embeddings())
    }

    fn probabilities(&self) -> PolarsResult<&LabelledVectors> {
        read_once(&self.probabilities, || self.input.probabilities())
    }

    /// The embeddings themselves, where `score` needs more than their moments.
    fn vectors(&self, score: &Score) -> PolarsResult<&LabelledVectors> {
        // Whatever else is wrong with moments, they are not enough.
        if !self.input.holds_moments()? {
            if let Source::Rows(rows) = self.embeddings()? {
                return Ok(rows);
            }
        }
        Err(self.input.needs_embeddings(score.name()))
    }

    fn spectrum(&self) -> PolarsResult<Option<&ClassSpectrum>> {
        let Some(axes) = self.shared_axes else {
            return Ok(None);
        };
        let spectrum = read_once(&self.spectrum, || {
            let spectrum = match self.embeddings()? {
                Source::Moments(named) => ClassSpectrum::of_moments(&named.moments, axes),
                Source::Rows(rows) => ClassSpectrum::of(rows.scored()?, axes),
            };
            spectrum
                .map_err(|error| polars_err!(ComputeError: "{}: {error}", self.input.described()))
        });
        spectrum.map(Some)
    }

    /// What is known of the rows.
    fn facts(&self) -> Facts {
        match (self.embeddings.get(), self.probabilities.get(), self.label_pairs.get()) {
            (Some(Source::Moments(named)), _, _) => {
                let moments = &named.moments;
                Facts::of(moments.count() as usize, Some(moments.classes()), &named.classes)
            }
            (Some(Source::Rows(rows)), _, _) | (None, Some(rows), _) => {
                Facts::of(rows.count(), rows.classes(), &rows.task.classes)
            }
            (None, None, Some(LabelPairs { target, .. })) => {
                Facts::of(target.of_row.len(), Some(target.names.len()), &target.names)
            }
            (None, None, None) => Facts::of(0, None, &[]),
        }
    }
}

/// What a struct of scores says about the rows.
struct Facts {
    n: usize,
    /// How many classes they have, where labels were read.
    classes: Option<usize>,
    /// Where these labels are from.
    labels: Option<Labels>,
}

impl Facts {
    fn of(n: usize, classes: Option<usize>, names: &[String]) -> Self {
        Self { n, classes, labels: classes.map(|_| Labels::of(names)) }
    }

    /// Names and dtypes of the fields.
    fn fields() -> [(&'static str, DataType); 3] {
        [("n", DataType::UInt32), ("classes", DataType::UInt32), ("labels", DataType::String)]
    }

    fn series(&self) -> [Series; 3] {
        let [n, classes, labels] = Self::fields().map(|(name, _)| PlSmallStr::from(name));
        [
            Series::new(n, [self.n as u32]),
            Series::new(classes, [self.classes.map(|count| count as u32)]),
            Series::new(labels, [self.labels.map(Labels::name)]),
        ]
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
