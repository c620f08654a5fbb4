//! `selection_quality`: every rank statistic as a struct, with bootstrap intervals when asked for.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::plugin::record;
use crate::plugin::score_and_truth::{PairNames, ScoreAndTruth};
use crate::ranking;
use crate::ranking::bootstrap::{intervals, Settings};
use crate::ranking::STATISTICS;

#[derive(Deserialize)]
struct Arguments {
    columns: PairNames,
    k: usize,
    /// Number of resamples; 0 for no intervals.
    bootstrap: usize,
    confidence: f64,
    seed: u64,
}

/// The dtype of the result. Which fields it has depends on whether intervals are asked for, so
/// [`record`], whose fields are fixed, does not serve here.
fn fields(with_intervals: bool) -> Vec<Field> {
    let mut names: Vec<String> = STATISTICS.map(String::from).into();
    if with_intervals {
        names.extend(STATISTICS.iter().flat_map(|s| [format!("{s}_low"), format!("{s}_high")]));
    }
    let mut fields: Vec<Field> =
        names.into_iter().map(|name| Field::new(name.into(), DataType::Float64)).collect();
    fields.extend(["n", "n_null"].map(|name| Field::new(name.into(), DataType::UInt32)));
    fields
}

fn output_type(inputs: &[Field], kwargs: Arguments) -> PolarsResult<Field> {
    record::output_field(inputs, DataType::Struct(fields(kwargs.bootstrap > 0)))
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn selection_quality(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let rows = ScoreAndTruth::read(inputs, &kwargs.columns, "selection_quality")?;
    rows.check_differences(&kwargs.columns)?;
    let statistics = |pairs: &ranking::Pairs| ranking::selection_quality(pairs, kwargs.k);
    let mut values: Vec<AnyValue> = statistics(&rows.pairs).map(AnyValue::from).into();
    if kwargs.bootstrap > 0 {
        let settings = Settings {
            resamples: kwargs.bootstrap,
            confidence: kwargs.confidence,
            seed: kwargs.seed,
        };
        let intervals = intervals(&rows.pairs, statistics, &settings)
            .map_err(|error| polars_err!(ComputeError: "{error}"))?;
        values.extend(intervals.iter().flat_map(|interval| {
            [interval.map(|i| i.low).into(), interval.map(|i| i.high).into()]
        }));
    }
    values.extend([rows.pairs.len(), rows.nulls].map(|count| AnyValue::from(count as u32)));
    let columns = fields(kwargs.bootstrap > 0).into_iter().zip(values).map(|(field, value)| {
        Series::from_any_values_and_dtype(field.name, &[value], &field.dtype, true)
    });
    let columns = columns.collect::<PolarsResult<Vec<Series>>>()?;
    Ok(StructChunked::from_series(inputs[0].name().clone(), 1, columns.iter())?.into_series())
}
