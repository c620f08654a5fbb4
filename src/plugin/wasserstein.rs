//! `wasserstein`, `wasserstein_interval`, `sliced_wasserstein`, `sinkhorn_divergence`,
//! `gaussian_wasserstein`: how far two embedding columns are apart.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use crate::parallelism::Parallelism;
use crate::plugin::moments::{is_moments, NamedMoments};
use crate::plugin::points::Points;
use crate::plugin::record::{self, Column};
use crate::plugin::transport_error::{sinkhorn_error, sliced_error, transport_error};
use crate::rows::moments::ClassScatters;
use crate::rows::{ClassedTable, Moments};
use crate::transport;
use crate::transport::gaussian::Gaussian;
use crate::transport::interval::Interval;
use crate::transport::{interval, sinkhorn, sliced, Weights};

#[derive(Deserialize)]
struct Arguments {
    p: f64,
    columns: Columns,
}

#[derive(Deserialize)]
struct IntervalArguments {
    p: f64,
    tolerance: f64,
    columns: Columns,
}

#[derive(Deserialize)]
struct SlicedArguments {
    p: f64,
    projections: usize,
    seed: u64,
    columns: Columns,
}

#[derive(Deserialize)]
struct SinkhornArguments {
    p: f64,
    epsilon: Option<f64>,
    tolerance: f64,
    max_iterations: usize,
    columns: Columns,
}

#[derive(Deserialize)]
struct GaussianArguments {
    columns: Columns,
}

#[derive(Deserialize)]
struct Columns {
    x: String,
    y: String,
}

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, DataType::Float64)
}

fn interval_columns() -> Vec<Column<Interval>> {
    vec![
        Column::f64("distance", |i| i.distance.into()),
        Column::f64("lower", |i| i.lower.into()),
        Column::f64("upper", |i| i.upper.into()),
        Column::f64("gap", |i| i.gap().into()),
        Column::new("exact", DataType::Boolean, |i| i.exact.into()),
    ]
}

fn interval_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, record::dtype(&interval_columns()))
}

#[polars_expr(output_type_func = output_type)]
fn wasserstein(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let distance = between(inputs, &kwargs.columns, transport_error, |x, y| {
        let (a, b) = (x.rows()?, y.rows()?);
        let distance =
            || transport::wasserstein::wasserstein(a, b, masses(x, y), kwargs.p, Parallelism::Pool);
        Ok(RAYON.install(distance))
    })?;
    Ok(one_number(inputs, distance))
}

#[polars_expr(output_type_func = interval_type)]
fn wasserstein_interval(inputs: &[Series], kwargs: IntervalArguments) -> PolarsResult<Series> {
    let settings = interval::Settings::new(kwargs.p, kwargs.tolerance);
    let found = between(inputs, &kwargs.columns, transport_error, |x, y| {
        let (a, b) = (x.rows()?, y.rows()?);
        let found = || interval::interval(a, b, masses(x, y), settings, Parallelism::Pool);
        Ok(RAYON.install(found))
    })?;
    record::series(inputs[0].name(), &interval_columns(), &[found])
}

#[polars_expr(output_type_func = output_type)]
fn sliced_wasserstein(inputs: &[Series], kwargs: SlicedArguments) -> PolarsResult<Series> {
    let settings =
        sliced::Settings { power: kwargs.p, projections: kwargs.projections, seed: kwargs.seed };
    let distance = between(inputs, &kwargs.columns, sliced_error, |x, y| {
        let (a, b) = (x.matrix()?, y.matrix()?);
        let found = sliced::sliced_wasserstein(x.weighted(&a), y.weighted(&b), &settings);
        Ok(found.map(|found| found.distance))
    })?;
    Ok(one_number(inputs, distance))
}

#[polars_expr(output_type_func = output_type)]
fn sinkhorn_divergence(inputs: &[Series], kwargs: SinkhornArguments) -> PolarsResult<Series> {
    let settings = sinkhorn::Settings {
        power: kwargs.p,
        epsilon: kwargs.epsilon,
        tolerance: kwargs.tolerance,
        max_iterations: kwargs.max_iterations,
    };
    let divergence = between(inputs, &kwargs.columns, sinkhorn_error, |x, y| {
        let (a, b) = (x.matrix()?, y.matrix()?);
        let found = sinkhorn::sinkhorn_divergence(x.weighted(&a), y.weighted(&b), &settings);
        Ok(found.map(|found| found.divergence))
    })?;
    Ok(one_number(inputs, divergence))
}

/// A side may also be moments, which stand for all their rows.
#[polars_expr(output_type_func = output_type)]
fn gaussian_wasserstein(inputs: &[Series], kwargs: GaussianArguments) -> PolarsResult<Series> {
    let [x, y] = inputs else {
        polars_bail!(ComputeError: "expected two inputs, got {}", inputs.len());
    };
    let (left, right) = (&kwargs.columns.x, &kwargs.columns.y);
    let distance = gaussian(x, "x", left)?.distance(&gaussian(y, "y", right)?);
    let distance = distance.map_err(|error| {
        polars_err!(ComputeError: "gaussian_wasserstein of {left:?} and {right:?}: {error}")
    })?;
    Ok(one_number(inputs, distance))
}

fn gaussian(input: &Series, side: &str, name: &str) -> PolarsResult<Gaussian> {
    let column = super::inputs::field(input, "embedding")?;
    let moments = if is_moments(column.dtype()) {
        NamedMoments::merged(&column, name)?.moments
    } else {
        let points = Points::read(input, side, name)?;
        points.embeddings.check_magnitude()?;
        let classes = [points.embeddings.rows.clone()];
        let rows = ClassedTable { table: points.embeddings.table()?, classes: &classes };
        Moments::of(rows, ClassScatters::Pooled)
    };
    Gaussian::of_moments(&moments)
        .map_err(|error| polars_err!(ComputeError: "`{side}`, column {name:?}: {error}"))
}

fn masses<'a>(x: &'a Points, y: &'a Points) -> Weights<'a> {
    Weights { source: x.mass.as_deref(), target: y.mass.as_deref() }
}

fn one_number(inputs: &[Series], number: f64) -> Series {
    Series::new(inputs[0].name().clone(), [number])
}

/// Read both sides and compute what is between them by `distance`; `worded` says its errors in the
/// words of the caller, given which sides the distance is between.
fn between<T, E>(
    inputs: &[Series],
    names: &Columns,
    worded: impl Fn(&E, &str) -> PolarsError,
    distance: impl Fn(&Points, &Points) -> PolarsResult<Result<T, E>>,
) -> PolarsResult<T> {
    let [x, y] = inputs else {
        polars_bail!(ComputeError: "expected two inputs, got {}", inputs.len());
    };
    let x = Points::read(x, "x", &names.x)?;
    let y = Points::read(y, "y", &names.y)?;
    x.embeddings.check_same_width(&y.embeddings)?;
    let sides = || format!("{} and {}", x.embeddings.name, y.embeddings.name);
    distance(&x, &y)?.map_err(|error| worded(&error, &sides()))
}
