//! Taking apart the struct columns that Python packs an expression's inputs into.

use polars::prelude::*;
use serde::Deserialize;

use crate::plugin::task::{Task, TaskColumns};
use crate::scores::TargetLabels;

/// The caller's column names of two tasks, for messages.
#[derive(Deserialize)]
pub struct PairColumnNames {
    source_embedding: String,
    source_label: String,
    target_embedding: String,
    target_label: String,
    target_own_label: Option<String>,
}

/// The only input of an expression.
pub fn single(inputs: &[Series]) -> PolarsResult<&Series> {
    match inputs {
        [input] => Ok(input),
        _ => polars_bail!(ComputeError: "expected one input, got {}", inputs.len()),
    }
}

/// A field that must be there.
pub fn field(input: &Series, name: &str) -> PolarsResult<Series> {
    input.struct_()?.field_by_name(name)
}

/// A field that may be missing.
pub fn optional_field(input: &Series, name: &str) -> PolarsResult<Option<Series>> {
    let fields = input.struct_()?.fields_as_series();
    Ok(fields.into_iter().find(|field| field.name() == name))
}

/// The source and the target: from a struct each, or both from one whose fields `where` and `fit`
/// have the task in front. One struct is what Polars runs in parallel over groups.
pub fn read_pair(inputs: &[Series], names: &PairColumnNames) -> PolarsResult<(Task, Task)> {
    read_sides(inputs, names, TargetLabels::Read)
}

/// As [`read_pair`]. Target labels that are ignored need not be there, and may be anything where
/// they are.
pub fn read_sides(
    inputs: &[Series],
    names: &PairColumnNames,
    target_labels: TargetLabels,
) -> PolarsResult<(Task, Task)> {
    let (source, target) = pair_columns(inputs, names, target_labels)?;
    Ok((Task::read_selected(&source)?, Task::read_selected(&target)?))
}

/// The columns of the source and of the target, from the same inputs as [`read_pair`] takes.
pub fn pair_columns(
    inputs: &[Series],
    names: &PairColumnNames,
    target_labels: TargetLabels,
) -> PolarsResult<(TaskColumns, TaskColumns)> {
    let (source, target, source_prefix, target_prefix) = match inputs {
        [both] => (both, both, "source_", "target_"),
        [source, target] => (source, target, "", ""),
        _ => polars_bail!(ComputeError: "expected one or two inputs, got {}", inputs.len()),
    };
    let columns = |input: &Series, task: &str, prefix: &str, called: (&str, &str), labels| {
        PolarsResult::Ok(TaskColumns {
            task: task.to_string(),
            vectors: "embedding",
            embedding_name: called.0.to_string(),
            label_name: called.1.to_string(),
            embedding: field(input, "embedding")?,
            label: match labels {
                TargetLabels::Read => Some(field(input, "label")?),
                TargetLabels::Ignored => None,
            },
            own_label: optional_field(input, "own_label")?.zip(names.target_own_label.clone()),
            selection: optional_field(input, &format!("{prefix}where"))?,
            fit: optional_field(input, &format!("{prefix}fit"))?,
        })
    };
    let source_names = (names.source_embedding.as_str(), names.source_label.as_str());
    let target_names = (names.target_embedding.as_str(), names.target_label.as_str());
    Ok((
        columns(source, "the source task", source_prefix, source_names, TargetLabels::Read)?,
        columns(target, "the target task", target_prefix, target_names, target_labels)?,
    ))
}
