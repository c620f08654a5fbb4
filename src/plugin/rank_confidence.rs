//! `rank_confidence`: how sure the rank of each model is, given the rows that it was evaluated on.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::plugin::inputs::{field, single};
use crate::plugin::record;
use crate::plugin::record::Column;
use crate::ranking;
use crate::ranking::{Evaluated, RankConfidence, Resampling};

#[derive(Deserialize)]
struct Arguments {
    resamples: usize,
    k: usize,
    confidence: f64,
    seed: u64,
}

fn columns() -> [Column<RankConfidence>; 4] {
    [
        Column::f64("p_best", |found| found.p_best.into()),
        Column::f64("p_top_k", |found| found.p_top_k.into()),
        Column::new("rank_low", DataType::UInt32, |found| found.rank_low.into()),
        Column::new("rank_high", DataType::UInt32, |found| found.rank_high.into()),
    ]
}

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, record::dtype(&columns()))
}

/// The input has a row for each model: `hits`, which of its evaluation rows it classified right,
/// and `rows`, a number that models share that were evaluated on the same rows.
#[polars_expr(output_type_func = output_type)]
fn rank_confidence(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let input = single(inputs)?;
    let (hits, rows) = (field(input, "hits")?, field(input, "rows")?);
    let hits = hits.list()?.amortized_iter();
    let mut models = Vec::with_capacity(input.len());
    for (hits, rows) in hits.zip(rows.u32()?.iter()) {
        let (Some(hits), Some(rows)) = (hits, rows) else {
            polars_bail!(ComputeError: "a model without evaluation rows has no rank");
        };
        let hits = hits.as_ref().bool()?.iter().map(|hit| hit == Some(true)).collect();
        models.push(Evaluated { hits, rows });
    }
    let Arguments { resamples, k, confidence, seed } = kwargs;
    let settings = Resampling { resamples, k, confidence, seed };
    let found = ranking::rank_confidence(&models, &settings)
        .map_err(|error| polars_err!(ComputeError: "{error}"))?;
    record::series(input.name(), &columns(), &found)
}
