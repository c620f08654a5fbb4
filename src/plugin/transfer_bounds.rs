//! `transfer_bounds`: a bound for every ordered pair of the tasks in one column.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde::Deserialize;

use crate::bound::SharedSource;
use crate::parallelism::Parallelism;
use crate::plugin::bound_record;
use crate::plugin::bound_record::BoundRow;
use crate::plugin::class_names::{listed, ClassNames};
use crate::plugin::column_name::ColumnName;
use crate::plugin::inputs::{field, optional_field, single};
use crate::plugin::options::Options;
use crate::plugin::record;
use crate::plugin::task::{Task, TaskColumns};
use crate::plugin::transfer_bound::bound_between;

#[derive(Deserialize)]
struct Arguments {
    #[serde(flatten)]
    options: Options,
    columns: Columns,
    sources: Option<Vec<String>>,
    targets: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Columns {
    embedding: String,
    label: String,
    task: String,
}

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, record::list_of(&bound_record::pair_columns()))
}

#[polars_expr(output_type_func = output_type)]
fn transfer_bounds(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let input = single(inputs)?;
    let names = task_names(input, &kwargs)?;
    let pairs = pairs(&names.names, &kwargs)?;
    let tasks = read_tasks(input, &names, &pairs, &kwargs.columns)?;

    // Collected in order and only then looked at, so that neither the result nor the error depends
    // on which thread is first.
    let bounds: Vec<PolarsResult<_>> = RAYON.install(|| {
        let sources: BTreeSet<usize> = pairs.iter().map(|(s, _)| *s).collect();
        let sources: Vec<usize> = sources.into_iter().collect();
        let shared = sources
            .par_iter()
            .map(|s| Ok((*s, SharedSource::new(tasks[s].labelled_rows()?))))
            .collect::<PolarsResult<BTreeMap<_, _>>>()?;
        // Pairs wait for what they share of a source, so none may do another's work meanwhile.
        let parallelism =
            if pairs.len() == 1 { Parallelism::Pool } else { Parallelism::Sequential };
        let bound = |(s, t): &(usize, usize)| {
            bound_between(&tasks[s], &shared[s], &tasks[t], &kwargs.options, parallelism)
        };
        PolarsResult::Ok(pairs.par_iter().map(bound).collect())
    })?;
    let bounds = bounds.into_iter().collect::<PolarsResult<Vec<_>>>()?;

    let rows = pairs.iter().zip(&bounds).map(|((s, t), bound)| {
        BoundRow::new(bound, (&names.names[*s], &tasks[s]), (&names.names[*t], &tasks[t]))
    });
    let rows = rows.collect::<PolarsResult<Vec<_>>>()?;
    let records = record::series(input.name(), &bound_record::pair_columns(), &rows)?;
    Ok(records.implode()?.into_series())
}

/// The task of every row.
fn task_names(input: &Series, kwargs: &Arguments) -> PolarsResult<ClassNames> {
    polars_ensure!(!input.is_empty(), ComputeError: "there are no rows: the input is empty");
    let rows: Vec<u32> = (0..input.len() as u32).collect();
    let name =
        ColumnName { what: "task", name: kwargs.columns.task.clone(), of: "the input".to_string() };
    ClassNames::read(&field(input, "task")?, &rows, &name)
}

/// The pairs asked for, sorted: all of sources x targets but a task with itself.
fn pairs(tasks: &[String], kwargs: &Arguments) -> PolarsResult<Vec<(usize, usize)>> {
    let sources = chosen("sources", &kwargs.sources, tasks, &kwargs.columns.task)?;
    let targets = chosen("targets", &kwargs.targets, tasks, &kwargs.columns.task)?;
    let pairs: Vec<_> = sources
        .iter()
        .flat_map(|s| targets.iter().map(move |t| (*s, *t)))
        .filter(|(s, t)| s != t)
        .collect();
    polars_ensure!(
        !pairs.is_empty(),
        ComputeError:
        "there is no pair of a source and another target task; task column {:?} has {}",
        kwargs.columns.task,
        listed(tasks)
    );
    Ok(pairs)
}

/// Numbers of the named tasks, ascending; all without names.
fn chosen(
    argument: &str,
    names: &Option<Vec<String>>,
    tasks: &[String],
    column: &str,
) -> PolarsResult<Vec<usize>> {
    let Some(names) = names else {
        return Ok((0..tasks.len()).collect());
    };
    if let Some(unknown) = names.iter().find(|name| !tasks.contains(name)) {
        polars_bail!(
            ComputeError:
            "`{argument}` names task {unknown:?}, which task column {column:?} does not have; it \
             has {}",
            listed(tasks)
        );
    }
    Ok((0..tasks.len()).filter(|task| names.contains(&tasks[*task])).collect())
}

/// The tasks that stand in a pair. Others may hold anything.
fn read_tasks(
    input: &Series,
    names: &ClassNames,
    pairs: &[(usize, usize)],
    columns: &Columns,
) -> PolarsResult<BTreeMap<usize, Task>> {
    let mut rows: BTreeMap<usize, Vec<u32>> =
        pairs.iter().flat_map(|(s, t)| [(*s, vec![]), (*t, vec![])]).collect();
    for (row, task) in (0..).zip(&names.of_row) {
        if let Some(rows) = rows.get_mut(&(*task as usize)) {
            rows.push(row);
        }
    }
    let mut task_columns = TaskColumns {
        task: String::new(),
        vectors: "embedding",
        embedding_name: columns.embedding.clone(),
        label_name: columns.label.clone(),
        embedding: field(input, "embedding")?,
        label: Some(field(input, "label")?),
        selection: None,
        fit: optional_field(input, "fit")?,
    };
    let mut tasks = BTreeMap::new();
    for (task, rows) in rows {
        task_columns.task = format!("task {:?}", names.names[task]);
        tasks.insert(task, Task::read(&task_columns, &rows)?);
    }
    Ok(tasks)
}
