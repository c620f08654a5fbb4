//! `etran_of_pool` and `ncti_of_pool`: scores of each model of a pool, from the parts of all.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;

use crate::plugin::inputs::single;
use crate::plugin::record;
use crate::scores::{etran, ncti};

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, DataType::Float64)
}

#[polars_expr(output_type_func = output_type)]
fn etran_of_pool(inputs: &[Series]) -> PolarsResult<Series> {
    let [energy, lda] = parts(inputs, "etran", ["energy", "lda"])?;
    let pool: Vec<etran::Parts> =
        energy.into_iter().zip(lda).map(|(energy, lda)| etran::Parts { energy, lda }).collect();
    Ok(Series::new(inputs[0].name().clone(), etran::combine(&pool)))
}

#[polars_expr(output_type_func = output_type)]
fn ncti_of_pool(inputs: &[Series]) -> PolarsResult<Series> {
    let [seli, ncc, variability] = parts(inputs, "ncti", ["seli", "ncc", "variability"])?;
    let pool: Vec<ncti::Parts> = seli
        .into_iter()
        .zip(ncc)
        .zip(variability)
        .map(|((seli, ncc), variability)| ncti::Parts { seli, ncc, variability })
        .collect();
    Ok(Series::new(inputs[0].name().clone(), ncti::combine(&pool)))
}

/// The fields of a struct column, without nulls or NaN.
fn parts<const N: usize>(
    inputs: &[Series],
    score: &str,
    names: [&str; N],
) -> PolarsResult<[Vec<f64>; N]> {
    let input = single(inputs)?;
    let mut columns = [const { Vec::new() }; N];
    for (name, values) in names.iter().zip(&mut columns) {
        let column = match input.dtype() {
            DataType::Struct(_) => input.struct_()?.field_by_name(name).ok(),
            _ => None,
        };
        let Some(column) = column else {
            polars_bail!(
                ComputeError:
                "column {:?} has dtype {}, but it must be a struct with {names:?}, as {score}() \
                 gives",
                input.name(),
                input.dtype()
            );
        };
        let column = column.cast(&DataType::Float64)?;
        *values = column.f64()?.iter().flatten().filter(|v| v.is_finite()).collect();
        let bad = input.len() - values.len();
        polars_ensure!(
            bad == 0,
            ComputeError:
            "`{name}` of column {:?} is null, NaN or infinite in {bad} of {} rows; leave these \
             models out of the pool",
            input.name(),
            input.len()
        );
    }
    Ok(columns)
}
