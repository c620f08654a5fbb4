//! `ot_nce`, `otce`, `otdd`: one number on how close two labelled tasks are.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::plugin::inputs::{read_pair, PairColumnNames};
use crate::plugin::record;
use crate::plugin::record::CallerNames;
use crate::plugin::task::Task;
use crate::plugin::transport_error::transport_error;
use crate::rows::ClassedTable;
use crate::scores::otce;
use crate::scores::otce::OtceCoefficients;
use crate::scores::otdd;
use crate::scores::otdd::InnerDistance;
use crate::scores::{RowLimit, ScoreError};

#[derive(Deserialize)]
struct Arguments {
    max_rows: Option<usize>,
    seed: u64,
    columns: PairColumnNames,
}

#[derive(Deserialize)]
struct OtceArguments {
    wasserstein: f64,
    conditional_entropy: f64,
    intercept: f64,
    max_rows: Option<usize>,
    seed: u64,
    columns: PairColumnNames,
}

#[derive(Deserialize)]
struct OtddArguments {
    gaussian: bool,
    p: f64,
    max_rows: Option<usize>,
    seed: u64,
    columns: PairColumnNames,
}

fn output_type(inputs: &[Field], names: CallerNames) -> PolarsResult<Field> {
    record::output_field_of(inputs, |field| names.of(field), DataType::Float64)
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn ot_nce(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let limit = RowLimit { rows: kwargs.max_rows, seed: kwargs.seed };
    between(inputs, &kwargs.columns, |source, target| {
        Ok(otce::ot_nce(source, target, limit)?.ot_nce)
    })
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn otce(inputs: &[Series], kwargs: OtceArguments) -> PolarsResult<Series> {
    let coefficients = OtceCoefficients {
        wasserstein: kwargs.wasserstein,
        conditional_entropy: kwargs.conditional_entropy,
        intercept: kwargs.intercept,
    };
    let limit = RowLimit { rows: kwargs.max_rows, seed: kwargs.seed };
    between(inputs, &kwargs.columns, |source, target| {
        let terms = otce::ot_nce(source, target, limit)?;
        Ok(otce::otce(&terms, &coefficients))
    })
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn otdd(inputs: &[Series], kwargs: OtddArguments) -> PolarsResult<Series> {
    let inner = if kwargs.gaussian { InnerDistance::Gaussian } else { InnerDistance::Exact };
    let limit = RowLimit { rows: kwargs.max_rows, seed: kwargs.seed };
    let settings = otdd::Settings { inner, power: kwargs.p, limit };
    between(inputs, &kwargs.columns, |source, target| otdd::otdd(source, target, settings))
}

/// Nothing is learned here, so with a split only the evaluation rows count.
fn between(
    inputs: &[Series],
    names: &PairColumnNames,
    score: impl Fn(ClassedTable<'_>, ClassedTable<'_>) -> Result<f64, ScoreError>,
) -> PolarsResult<Series> {
    let (source, target) = read_pair(inputs, names)?;
    source.embeddings.check_same_width(&target.embeddings)?;
    source.embeddings.check_magnitude()?;
    target.embeddings.check_magnitude()?;
    let (source_classes, target_classes) = (classes(&source), classes(&target));
    let value = score(
        ClassedTable { table: source.embeddings.table()?, classes: &source_classes },
        ClassedTable { table: target.embeddings.table()?, classes: &target_classes },
    );
    let sides = || format!("{} and {}", source.name, target.name);
    let value = value.map_err(|error| match error {
        ScoreError::Transport(error) => transport_error(&error, &sides()),
        error => polars_err!(ComputeError: "{}: {error}", sides()),
    })?;
    polars_ensure!(
        value.is_finite(),
        ComputeError:
        "{}: the coefficients times the terms are beyond the range of a float; \
         scale the coefficients",
        sides()
    );
    Ok(Series::new(inputs[0].name().clone(), [value]))
}

fn classes(task: &Task) -> Vec<Vec<u32>> {
    task.evaluation.iter().filter(|rows| !rows.is_empty()).cloned().collect()
}
