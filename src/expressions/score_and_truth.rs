//! Reading a score column and a truth column as pairs.

use polars::prelude::*;
use serde::Deserialize;

use super::column_name::ColumnName;
use super::inputs::field;
use crate::ranking::Pairs;

/// The caller's column names, for messages.
#[derive(Deserialize)]
pub struct PairNames {
    score: String,
    truth: String,
}

/// The rows that have both, and how many have not.
pub struct ScoreAndTruth {
    pub pairs: Pairs,
    pub nulls: usize,
}

impl ScoreAndTruth {
    /// From the struct that Python packs both into. As in Polars' own `corr`, a row with a null on
    /// either side is left out; `of` names the expression.
    pub fn read(inputs: &[Series], names: &PairNames, of: &str) -> PolarsResult<Self> {
        let [input] = inputs else {
            polars_bail!(ComputeError: "expected one input, got {}", inputs.len());
        };
        let name = |what, name: &str| ColumnName { what, name: name.into(), of: of.into() };
        let score_name = name("score", &names.score);
        let truth_name = name("truth", &names.truth);
        let score = numbers(&field(input, "score")?, &score_name)?;
        let truth = numbers(&field(input, "truth")?, &truth_name)?;
        let (score, truth): (Vec<f64>, Vec<f64>) =
            score.iter().zip(truth.iter()).filter_map(|(s, t)| s.zip(t)).unzip();
        check_finite(&score, &score_name)?;
        check_finite(&truth, &truth_name)?;
        let pairs = Pairs::new(&score, &truth)
            .map_err(|error| polars_err!(ComputeError: "{score_name}, {truth_name}: {error}"))?;
        Ok(Self { nulls: input.len() - pairs.len(), pairs })
    }
}

fn numbers(column: &Series, name: &ColumnName) -> PolarsResult<Float64Chunked> {
    let dtype = column.dtype();
    polars_ensure!(
        dtype.is_primitive_numeric() || dtype.is_decimal() || dtype.is_null(),
        ComputeError: "{name} has dtype {dtype}, but it must be numeric"
    );
    Ok(column.cast(&DataType::Float64)?.f64()?.clone())
}

fn check_finite(values: &[f64], name: &ColumnName) -> PolarsResult<()> {
    let count = values.iter().filter(|value| !value.is_finite()).count();
    polars_ensure!(
        count == 0,
        ComputeError:
        "{name} has {count} NaN or infinite value(s) in {} rows; \
         make them null, which leaves these models out, or repair them",
        values.len()
    );
    Ok(())
}
