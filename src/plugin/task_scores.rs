//! `task_score`: one number on how close two tasks are, of which the target may have no labels.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use crate::parallelism::Parallelism;
use crate::plugin::inputs::{read_sides, PairColumnNames};
use crate::plugin::record;
use crate::plugin::record::CallerNames;
use crate::plugin::remedy;
use crate::plugin::task::Task;
use crate::plugin::transport_error::{sliced_error, transport_error};
use crate::rows::ClassedTable;
use crate::scores::{ScoreError, TaskPairScore};

#[derive(Deserialize)]
struct Arguments {
    score: TaskPairScore,
    columns: PairColumnNames,
}

fn output_type(inputs: &[Field], names: CallerNames) -> PolarsResult<Field> {
    record::output_field_of(inputs, |field| names.of(field), DataType::Float64)
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn task_score(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let (source, target) = read_sides(inputs, &kwargs.columns, kwargs.score.target_labels())?;
    source.embeddings.check_same_width(&target.embeddings)?;
    source.embeddings.check_magnitude()?;
    target.embeddings.check_magnitude()?;
    let (source_classes, target_classes) = (classes(&source), classes(&target));
    let rows = (
        ClassedTable { table: source.embeddings.table()?, classes: &source_classes },
        ClassedTable { table: target.embeddings.table()?, classes: &target_classes },
    );
    let value = RAYON.install(|| kwargs.score.between(rows.0, rows.1, Parallelism::Pool));
    let sides = || format!("{} and {}", source.name, target.name);
    let value = value.map_err(|error| match error {
        ScoreError::Transport(error) => transport_error(&error, &sides()),
        ScoreError::Sliced(error) => sliced_error(&error, &sides()),
        error => polars_err!(ComputeError: "{}: {error}{}", sides(), remedy::of_score(&error)),
    })?;
    Ok(Series::new(inputs[0].name().clone(), [value]))
}

/// The rows to learn from, by class, as in every other score.
fn classes(task: &Task) -> Vec<Vec<u32>> {
    task.fit.iter().filter(|rows| !rows.is_empty()).cloned().collect()
}
