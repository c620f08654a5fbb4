//! `transfer_bound`: one bound between two tasks.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use crate::bound;
use crate::bound::{Bound, BoundError, SharedSource};
use crate::parallelism::Parallelism;
use crate::plugin::bound_record;
use crate::plugin::bound_record::BoundRow;
use crate::plugin::inputs::{read_pair, PairColumnNames};
use crate::plugin::options::Options;
use crate::plugin::record;
use crate::plugin::remedy;
use crate::plugin::task::Task;
use crate::plugin::transport_error::transport_error;
use crate::transport::Side;

#[derive(Deserialize)]
struct Arguments {
    #[serde(flatten)]
    options: Options,
    columns: PairColumnNames,
}

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, record::dtype(&bound_record::columns()))
}

#[polars_expr(output_type_func = output_type)]
fn transfer_bound(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let (source, target) = read_pair(inputs, &kwargs.columns)?;
    let bound = RAYON.install(|| {
        let shared = SharedSource::new(source.labelled_rows()?);
        bound_between(&source, &shared, &target, &kwargs.options, Parallelism::Pool)
    })?;
    let row = BoundRow::new(&bound, ("", &source), ("", &target))?;
    record::series(inputs[0].name(), &bound_record::columns(), &[row])
}

/// Check what two tasks and the options must agree on, then compute.
/// `shared` holds the source's rows.
pub fn bound_between<'t>(
    source: &'t Task,
    shared: &SharedSource<'t>,
    target: &'t Task,
    options: &Options,
    parallelism: Parallelism,
) -> PolarsResult<Bound> {
    source.check_learnable("a bound")?;
    target.check_learnable("a bound")?;
    source.embeddings.check_same_width(&target.embeddings)?;
    let settings = options.settings(source, target, parallelism)?;
    bound::transfer_bound_from(shared, &target.labelled_rows()?, &settings)
        .map_err(|error| in_names(&error, source, target))
}

/// The error with the tasks' and classes' names in place of numbers.
fn in_names(error: &BoundError, source: &Task, target: &Task) -> PolarsError {
    let between = format!("{} and {}", source.name, target.name);
    match error {
        BoundError::EmptyClass { side, class, found, missing } => {
            let task = match side {
                Side::Source => source,
                Side::Target => target,
            };
            polars_err!(
                ComputeError:
                "class {:?} of {} has {found} but no {missing}",
                class_name(task, *class),
                task.name
            )
        }
        BoundError::Transport(error) => transport_error(error, &between),
        error => {
            let remedy = remedy::of_bound(error);
            polars_err!(ComputeError: "{between}: {error}{remedy}")
        }
    }
}

fn class_name(task: &Task, class: u32) -> &str {
    task.classes.get(class as usize).map_or("?", String::as_str)
}
