//! `pseudo_labels`: the k-means cluster of each row, as a label that says what it is.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::estimators::k_means;
use crate::plugin::class_names::PSEUDO;
use crate::plugin::inputs::single;
use crate::plugin::points::Points;
use crate::plugin::record;
use crate::plugin::record::CallerNames;

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
    let points = Points::read(input, "pseudo_labels", &kwargs.embedding)?.embeddings;
    points.check_magnitude()?;
    let clusters =
        k_means::pseudo_labels(points.table()?, &points.rows, kwargs.clusters, kwargs.seed);
    let clusters =
        clusters.map_err(|error| polars_err!(ComputeError: "{}: {error}", points.name))?;
    let names = clusters.iter().map(|cluster| format!("{PSEUDO}{cluster}"));
    Ok(StringChunked::from_iter_values(input.name().clone(), names).into_series())
}
