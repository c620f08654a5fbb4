//! `pseudo_labels`: the k-means cluster of each row, as a label that says what it is. Where the
//! input has a field `where`, the clusters are those of the rows for which it is true, and other
//! rows have none.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::estimators::k_means;
use crate::plugin::class_names::pseudo_name;
use crate::plugin::inputs::{optional_field, single};
use crate::plugin::points::Points;
use crate::plugin::record;
use crate::plugin::record::CallerNames;
use crate::plugin::task;

#[derive(Deserialize)]
struct Arguments {
    clusters: usize,
    seed: u64,
    embedding: String,
}

fn output_type(inputs: &[Field], names: CallerNames) -> PolarsResult<Field> {
    record::output_field_of(inputs, |field| names.of(field), DataType::String)
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn pseudo_labels(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let input = single(inputs)?;
    let selected = optional_field(input, "where")?;
    let selected = selected.as_ref().map(|rows| task::selected(rows, "the task")).transpose()?;
    if selected.as_ref().is_some_and(Vec::is_empty) {
        // Whoever takes the labels says that there are no rows.
        return Ok(Series::full_null(input.name().clone(), input.len(), &DataType::String));
    }
    let points = match &selected {
        Some(rows) => input.take_slice(rows)?,
        None => input.clone(),
    };
    let points = Points::read(&points, "pseudo_labels", &kwargs.embedding)?.embeddings;
    points.check_magnitude()?;
    let clusters =
        k_means::pseudo_labels(points.table()?, &points.rows, kwargs.clusters, kwargs.seed);
    let clusters =
        clusters.map_err(|error| polars_err!(ComputeError: "{}: {error}", points.name))?;
    let mut names = vec![None; input.len()];
    let all = (0..input.len() as u32).collect();
    for (row, cluster) in selected.unwrap_or(all).into_iter().zip(clusters) {
        names[row as usize] = Some(pseudo_name(cluster));
    }
    Ok(StringChunked::from_iter_options(input.name().clone(), names.into_iter()).into_series())
}
