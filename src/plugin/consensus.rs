//! `consensus`: the mean place of each row among several scores.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::plugin::column_name::ColumnName;
use crate::plugin::inputs::single;
use crate::plugin::ranked_column::{check_numeric, ranked};
use crate::plugin::record;
use crate::ranking;

#[derive(Deserialize)]
struct Arguments {
    /// The caller's names of the fields of the input, for messages.
    columns: Vec<String>,
}

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, DataType::Float64)
}

/// A row with a null in any score is left out of all, as in the statistics, and has no consensus.
#[polars_expr(output_type_func = output_type)]
fn consensus(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let input = single(inputs)?;
    let scores = input.struct_()?.fields_as_series();
    let names = kwargs.columns.into_iter();
    let names = names.map(|name| ColumnName { what: "score", name, of: "consensus".into() });
    let names: Vec<ColumnName> = names.collect();
    let mut complete = BooleanChunked::full(input.name().clone(), true, input.len());
    for (score, name) in scores.iter().zip(&names) {
        check_numeric(score, name)?;
        complete = &complete & &score.is_not_null();
    }
    let read = |(score, name): (&Series, &ColumnName)| ranked(&score.filter(&complete)?, name);
    let ranked = scores.iter().zip(&names).map(read).collect::<PolarsResult<Vec<_>>>()?;
    let values =
        ranking::consensus(&ranked).map_err(|error| polars_err!(ComputeError: "{error}"))?;
    let mut values = values.into_iter();
    let column: Float64Chunked = complete
        .iter()
        .map(|complete| complete.and_then(|c| if c { values.next() } else { None }))
        .collect();
    Ok(column.with_name(input.name().clone()).into_series())
}
