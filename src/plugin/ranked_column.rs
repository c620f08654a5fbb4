//! Reading a column of numbers by which models are ranked.

use polars::prelude::*;

use crate::plugin::column_name::ColumnName;
use crate::ranking::RankedNumbers;

/// Check that a column holds numbers.
pub fn check_numeric(column: &Series, name: &ColumnName) -> PolarsResult<()> {
    let dtype = column.dtype();
    polars_ensure!(
        dtype.is_primitive_numeric() || dtype.is_decimal() || dtype.is_null(),
        ComputeError: "{name} has dtype {dtype}, but it must be numeric"
    );
    Ok(())
}

/// A column of numbers without nulls, its integers and decimals as they are.
pub fn ranked(column: &Series, name: &ColumnName) -> PolarsResult<RankedNumbers> {
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
