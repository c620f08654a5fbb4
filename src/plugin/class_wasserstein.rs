//! `class_wasserstein`: the exact distance between the rows of two tasks, class by class.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::parallelism::Parallelism;
use crate::plugin::class_names::listed;
use crate::plugin::inputs::{read_pair, PairColumnNames};
use crate::plugin::record;
use crate::plugin::record::{text, Column};
use crate::plugin::task::Task;
use crate::plugin::transport_error::transport_error;
use crate::transport::costs::point_rows::PointRows;
use crate::transport::wasserstein as transport;
use crate::transport::Weights;

#[derive(Deserialize)]
struct Arguments {
    p: f64,
    columns: PairColumnNames,
}

struct Row {
    distance: f64,
    by_class: Series,
}

struct ClassRow<'a> {
    class: &'a str,
    weight: f64,
    distance: f64,
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::f64("distance", |r| r.distance.into()),
        Column::new("by_class", record::list_of(&class_columns()), |r| {
            AnyValue::List(r.by_class.clone())
        }),
    ]
}

fn class_columns<'a>() -> Vec<Column<ClassRow<'a>>> {
    vec![
        Column::new("class", DataType::String, |r| text(r.class)),
        Column::f64("weight", |r| r.weight.into()),
        Column::f64("distance", |r| r.distance.into()),
    ]
}

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, record::dtype(&columns()))
}

/// With a split, the rows to learn from count, as in every score of two tasks.
#[polars_expr(output_type_func = output_type)]
fn class_wasserstein(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let (source, target) = read_pair(inputs, &kwargs.columns)?;
    source.embeddings.check_same_width(&target.embeddings)?;
    let n: usize = target.fit.iter().map(Vec::len).sum();
    let classes = target.classes.iter().zip(&target.fit);
    let rows = classes.filter(|(_, rows)| !rows.is_empty()).map(|(class, rows)| {
        Ok(ClassRow {
            class,
            weight: rows.len() as f64 / n as f64,
            distance: class_distance(&source, &target, class, rows, kwargs.p)?,
        })
    });
    let rows = rows.collect::<PolarsResult<Vec<_>>>()?;
    let row = Row {
        distance: rows.iter().map(|row| row.weight * row.distance).sum(),
        by_class: record::series(&PlSmallStr::EMPTY, &class_columns(), &rows)?,
    };
    record::series(inputs[0].name(), &columns(), &[row])
}

fn class_distance(
    source: &Task,
    target: &Task,
    class: &String,
    target_rows: &[u32],
    p: f64,
) -> PolarsResult<f64> {
    let same = source.classes.iter().position(|c| c == class);
    let source_rows = same.map_or(&[][..], |c| &source.fit[c]);
    polars_ensure!(
        !source_rows.is_empty(),
        ComputeError:
        "{} has no rows of class {class:?}, which {} has; its classes are {}",
        source.name,
        target.name,
        listed(&source.classes)
    );
    transport::wasserstein(
        PointRows::of_table(source.embeddings.table()?, source_rows),
        PointRows::of_table(target.embeddings.table()?, target_rows),
        Weights::UNIFORM,
        p,
        Parallelism::Sequential,
    )
    .map_err(|error| {
        let between = format!("class {class:?} of {} and of {}", source.name, target.name);
        transport_error(&error, &between)
    })
}
