//! Taking apart the struct columns that Python packs an expression's inputs into.

use polars::prelude::*;
use serde::Deserialize;

use super::task::{Task, TaskColumns};

/// The caller's column names of two tasks, for messages.
#[derive(Deserialize)]
pub struct PairColumnNames {
    source_embedding: String,
    source_label: String,
    target_embedding: String,
    target_label: String,
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
    let (source, target, source_prefix, target_prefix) = match inputs {
        [both] => (both, both, "source_", "target_"),
        [source, target] => (source, target, "", ""),
        _ => polars_bail!(ComputeError: "expected one or two inputs, got {}", inputs.len()),
    };
    let source = TaskColumns {
        task: "the source task".to_string(),
        embedding_name: names.source_embedding.clone(),
        label_name: names.source_label.clone(),
        embedding: field(source, "embedding")?,
        label: field(source, "label")?,
        selection: optional_field(source, &format!("{source_prefix}where"))?,
        fit: optional_field(source, &format!("{source_prefix}fit"))?,
    };
    let target = TaskColumns {
        task: "the target task".to_string(),
        embedding_name: names.target_embedding.clone(),
        label_name: names.target_label.clone(),
        embedding: field(target, "embedding")?,
        label: field(target, "label")?,
        selection: optional_field(target, &format!("{target_prefix}where"))?,
        fit: optional_field(target, &format!("{target_prefix}fit"))?,
    };
    Ok((
        Task::read(&source, &source.selected_rows()?)?,
        Task::read(&target, &target.selected_rows()?)?,
    ))
}
