//! `wasserstein`: the exact distance between two embedding columns.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use super::column_name::ColumnName;
use super::embedding::Embeddings;
use super::inputs::{field, optional_field};
use super::record;
use super::transport_error::transport_error;
use crate::transport::wasserstein as transport;

#[derive(Deserialize)]
struct Arguments {
    p: f64,
    columns: Columns,
}

#[derive(Deserialize)]
struct Columns {
    x: String,
    y: String,
}

/// One side: points, and their masses if they are not uniform.
struct Side {
    points: Embeddings,
    mass: Option<Vec<f64>>,
}

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, DataType::Float64)
}

#[polars_expr(output_type_func = output_type)]
fn wasserstein(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let [x, y] = inputs else {
        polars_bail!(ComputeError: "expected two inputs, got {}", inputs.len());
    };
    check_power(kwargs.p)?;
    let x = Side::read(x, "x", &kwargs.columns.x)?;
    let y = Side::read(y, "y", &kwargs.columns.y)?;
    let distance = distance(&x, &y, kwargs.p)?;
    Ok(Series::new(inputs[0].name().clone(), [distance]))
}

fn distance(x: &Side, y: &Side, p: f64) -> PolarsResult<f64> {
    x.points.check_same_width(&y.points)?;
    transport::wasserstein(
        x.points.matrix(&x.points.rows)?.view(),
        y.points.matrix(&y.points.rows)?.view(),
        x.mass.as_deref(),
        y.mass.as_deref(),
        p,
    )
    .map_err(|error| transport_error(&error, &format!("{} and {}", x.points.name, y.points.name)))
}

pub fn check_power(p: f64) -> PolarsResult<()> {
    polars_ensure!(
        p.is_finite() && p >= 1.0,
        ComputeError: "p must be a finite number of at least 1, but is {p}"
    );
    Ok(())
}

impl Side {
    fn read(input: &Series, side: &str, name: &str) -> PolarsResult<Self> {
        let column = ColumnName { what: "embedding", name: name.to_string(), of: side.to_string() };
        polars_ensure!(!input.is_empty(), ComputeError: "{column} has no rows: the input is empty");
        let rows: Vec<u32> = (0..input.len() as u32).collect();
        let points = Embeddings::read(&field(input, "embedding")?, &rows, &column)?;
        points.check_finite(|_| String::new())?;
        let weight = optional_field(input, "weight")?;
        Ok(Self { points, mass: weight.map(|weight| masses(&weight, side)).transpose()? })
    }
}

fn masses(weight: &Series, side: &str) -> PolarsResult<Vec<f64>> {
    let n = weight.len();
    polars_ensure!(
        weight.dtype().is_primitive_numeric(),
        ComputeError: "`{side}_weight` has dtype {}, but it must be numeric", weight.dtype()
    );
    let nulls = weight.null_count();
    polars_ensure!(
        nulls == 0,
        ComputeError: "`{side}_weight` is null in {nulls} of {n} rows; fill them, or leave them out with a filter"
    );
    let weight = weight.cast(&DataType::Float64)?;
    let masses: Vec<f64> = weight.f64()?.iter().flatten().collect();
    let bad = masses.iter().filter(|w| !w.is_finite() || **w < 0.0).count();
    polars_ensure!(
        bad == 0,
        ComputeError: "`{side}_weight` is negative, NaN or infinite in {bad} of {n} rows"
    );
    polars_ensure!(
        masses.iter().any(|w| *w > 0.0),
        ComputeError: "`{side}_weight` is zero in all {n} rows, so there is nothing to transport"
    );
    Ok(masses)
}
