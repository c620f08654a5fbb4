//! `transfer_bound`: one bound between two tasks.

use std::time::Instant;

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use serde::Deserialize;

use crate::bound;
use crate::bound::{Bound, BoundError, Settings, SharedSource};
use crate::parallelism::Parallelism;
use crate::plugin::bound_record;
use crate::plugin::bound_record::{Between, BoundRow};
use crate::plugin::inputs::{pair_columns, PairColumnNames};
use crate::plugin::options::Options;
use crate::plugin::own_rows::OwnRows;
use crate::plugin::record;
use crate::plugin::remedy;
use crate::plugin::task::Task;
use crate::plugin::transport_error::transport_error;
use crate::scores::TargetLabels;
use crate::transport::Side;

#[derive(Deserialize)]
struct Arguments {
    #[serde(flatten)]
    options: Options,
    columns: PairColumnNames,
}

fn output_type(inputs: &[Field], kwargs: Arguments) -> PolarsResult<Field> {
    record::output_field(inputs, record::dtype(&bound_record::columns(&kwargs.options)))
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn transfer_bound(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let (source, target) = pair_columns(inputs, &kwargs.columns, TargetLabels::Read)?;
    let options = &kwargs.options;
    let source = Task::read_selected(&source)?;
    let target = options.read_target(&target, &target.selected_rows()?)?;
    let (bound, own) = RAYON.install(|| {
        let shared = options.shared_sources(&source)?;
        let bound = bound_between(&source, &shared, &target, options, Parallelism::Pool)?;
        PolarsResult::Ok((bound, OwnRows::of(&source, &target, options, Parallelism::Pool)?))
    })?;
    let between = Between { timed: &bound, options, own };
    let row = BoundRow::new(between, ("", &source), ("", &target))?;
    record::series(inputs[0].name(), &bound_record::columns(options), &[row])
}

/// A bound, and how long it took.
pub struct TimedBound {
    pub bound: Bound,
    /// Wall time of all its seeds.
    pub seconds: f64,
}

/// Check what two tasks and the options must agree on, then compute the bound of each seed, and
/// return the lowest. `shared` holds the source's rows for each seed.
pub fn bound_between<'t>(
    source: &'t Task,
    shared: &[SharedSource<'t>],
    target: &'t Task,
    options: &Options,
    parallelism: Parallelism,
) -> PolarsResult<TimedBound> {
    let start = Instant::now();
    options.check_learnable(source, target)?;
    source.embeddings.check_same_width(&target.embeddings)?;
    let first = options.settings(source, target, parallelism)?;
    let rows = target.labelled_rows()?;
    let bounds = (first.seed..).zip(shared).map(|(seed, shared)| {
        bound::transfer_bound_from(shared, &rows, &Settings { seed, ..first.clone() })
            .map_err(|error| in_names(&error, source, target))
    });
    let bounds = bounds.collect::<PolarsResult<Vec<Bound>>>()?;
    let lowest = bounds.into_iter().min_by(|a, b| a.bound.total_cmp(&b.bound));
    let bound = lowest.ok_or_else(|| polars_err!(ComputeError: "`seeds` must be at least 1"))?;
    Ok(TimedBound { bound, seconds: start.elapsed().as_secs_f64() })
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
