//! Reading a score column and a truth column as pairs.

use polars::prelude::*;
use serde::Deserialize;

use crate::plugin::column_name::ColumnName;
use crate::plugin::inputs::{field, single};
use crate::ranking::{Pairs, RankedNumbers};

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
    /// Read both from the struct that Python packs them into. As in Polars' own `corr`, a row with
    /// a null on either side is left out; `of` names the expression.
    pub fn read(inputs: &[Series], names: &PairNames, of: &str) -> PolarsResult<Self> {
        let input = single(inputs)?;
        let name = |what, name: &str| ColumnName { what, name: name.into(), of: of.into() };
        let score_name = name("score", &names.score);
        let truth_name = name("truth", &names.truth);
        let (score, truth) = (field(input, "score")?, field(input, "truth")?);
        check_dtype(&score, &score_name)?;
        check_dtype(&truth, &truth_name)?;
        let both = &score.is_not_null() & &truth.is_not_null();
        let score = side(&score.filter(&both)?, &score_name)?;
        let truth = side(&truth.filter(&both)?, &truth_name)?;
        let pairs = Pairs::of_sides(&score, &truth)
            .map_err(|error| polars_err!(ComputeError: "{score_name}, {truth_name}: {error}"))?;
        Ok(Self { nulls: input.len() - pairs.len(), pairs })
    }

    /// Two floats may be further apart than the largest one; a regret is such a difference.
    pub fn check_differences(&self, names: &PairNames) -> PolarsResult<()> {
        polars_ensure!(
            self.pairs.truth().range().is_finite(),
            ComputeError:
            "truth column {:?} has values whose difference is beyond the range of a float; \
             scale it",
            names.truth
        );
        Ok(())
    }
}

fn check_dtype(column: &Series, name: &ColumnName) -> PolarsResult<()> {
    let dtype = column.dtype();
    polars_ensure!(
        dtype.is_primitive_numeric() || dtype.is_decimal() || dtype.is_null(),
        ComputeError: "{name} has dtype {dtype}, but it must be numeric"
    );
    Ok(())
}

/// A column without nulls, its integers and decimals as they are.
fn side(column: &Series, name: &ColumnName) -> PolarsResult<RankedNumbers> {
    let integers = |column: Series| -> PolarsResult<Vec<i128>> {
        Ok(column.strict_cast(&DataType::Int128)?.i128()?.iter().flatten().collect())
    };
    Ok(match column.dtype() {
        DataType::UInt128 => {
            // Half the range lower: in the same order at the same distances, within the range of
            // `i128`.
            let lower = |v: u128| (v ^ (1 << 127)).cast_signed();
            RankedNumbers::of_integers(column.u128()?.iter().flatten().map(lower).collect(), 1.0)
        }
        DataType::Decimal(_, places) => {
            let numerators = integers(column.to_physical_repr().into_owned())?;
            RankedNumbers::of_integers(numerators, 10_f64.powi(*places as i32))
        }
        dtype if dtype.is_integer() => RankedNumbers::of_integers(integers(column.clone())?, 1.0),
        _ => {
            let column = column.cast(&DataType::Float64)?;
            let values: Vec<f64> = column.f64()?.iter().flatten().collect();
            check_finite(&values, name)?;
            RankedNumbers::of_floats(&values)
        }
    })
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
