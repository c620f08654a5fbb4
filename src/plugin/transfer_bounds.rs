//! `transfer_bounds`: a bound for every ordered pair of the tasks in one column.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use pyo3_polars::export::polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde::Deserialize;

use crate::parallelism::Parallelism;
use crate::plugin::bound_record;
use crate::plugin::bound_record::{Between, BoundRow};
use crate::plugin::class_names::{listed, ClassNames};
use crate::plugin::column_name::ColumnName;
use crate::plugin::inputs::{field, optional_field, single};
use crate::plugin::options::Options;
use crate::plugin::own_rows::OwnRows;
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
    target_label: Option<String>,
}

fn output_type(inputs: &[Field], kwargs: Arguments) -> PolarsResult<Field> {
    let columns = bound_record::pair_columns(&kwargs.options);
    record::output_field(inputs, record::list_of(&columns))
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn transfer_bounds(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let input = single(inputs)?;
    let names = task_names(input, &kwargs)?;
    let pairs = pairs(&names.names, &kwargs)?;
    let options = &kwargs.options;
    let tasks = Tasks::read(input, &names, &pairs, &kwargs)?;

    // Collected in order and only then looked at, so that neither the result nor the error depends
    // on which thread is first.
    let found: Vec<PolarsResult<_>> = RAYON.install(|| {
        let shared = tasks
            .sources
            .par_iter()
            .map(|(s, task)| Ok((*s, options.shared_sources(task)?)))
            .collect::<PolarsResult<BTreeMap<_, _>>>()?;
        // Pairs wait for what they share of a source, so none may do another's work meanwhile.
        let parallelism =
            if pairs.len() == 1 { Parallelism::Pool } else { Parallelism::Sequential };
        let bound = |(s, t): &(usize, usize)| {
            let (source, target) = (&tasks.sources[s], tasks.target(*t));
            bound_between(source, &shared[s], target, options, parallelism)
        };
        PolarsResult::Ok(pairs.par_iter().map(bound).collect())
    })?;
    let bounds = found.into_iter().collect::<PolarsResult<Vec<_>>>()?;
    let own = RAYON.install(|| own_rows(&tasks, &pairs, options))?;

    let rows = pairs.iter().zip(&bounds).map(|((s, t), bound)| {
        let (source, target) = (&tasks.sources[s], tasks.target(*t));
        let between = Between { timed: bound, options, own: own[t] };
        BoundRow::new(between, (&names.names[*s], source), (&names.names[*t], target))
    });
    let rows = rows.collect::<PolarsResult<Vec<_>>>()?;
    let records = record::series(input.name(), &bound_record::pair_columns(options), &rows)?;
    Ok(records.implode()?.into_series())
}

/// What stands beside the bounds of each target, whatever their source.
fn own_rows(
    tasks: &Tasks,
    pairs: &[(usize, usize)],
    options: &Options,
) -> PolarsResult<BTreeMap<usize, OwnRows>> {
    let last: BTreeMap<usize, usize> = pairs.iter().map(|(s, t)| (*t, *s)).collect();
    let own = last.par_iter().map(|(t, s)| {
        let (source, target) = (&tasks.sources[s], tasks.target(*t));
        Ok((*t, OwnRows::of(source, target, options, Parallelism::Sequential)?))
    });
    own.collect()
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

/// The tasks that stand in a pair, as sources and, where they have other labels then, as targets.
/// Other tasks may hold anything.
struct Tasks {
    sources: BTreeMap<usize, Task>,
    /// `None` where the labels of a target are those that it has as a source: then `sources` holds
    /// the targets as well.
    targets: Option<BTreeMap<usize, Task>>,
}

impl Tasks {
    fn read(
        input: &Series,
        names: &ClassNames,
        pairs: &[(usize, usize)],
        kwargs: &Arguments,
    ) -> PolarsResult<Self> {
        let (mut sources, mut targets) = (BTreeSet::new(), BTreeSet::new());
        for (s, t) in pairs {
            sources.insert(*s);
            targets.insert(*t);
        }
        let target_label = optional_field(input, "target_label")?;
        if target_label.is_none() && kwargs.options.target_clusters.is_none() {
            sources.extend(&targets);
            let label = (field(input, "label")?, kwargs.columns.label.clone());
            let tasks = read_tasks(input, names, &sources, label, kwargs, Task::read)?;
            return Ok(Self { sources: tasks, targets: None });
        }
        let own = (field(input, "label")?, kwargs.columns.label.clone());
        let sources = read_tasks(input, names, &sources, own.clone(), kwargs, Task::read)?;
        let label = target_label.zip(kwargs.columns.target_label.clone()).unwrap_or(own);
        let as_target =
            |columns: &TaskColumns, rows: &[u32]| kwargs.options.read_target(columns, rows);
        let targets = read_tasks(input, names, &targets, label, kwargs, as_target)?;
        Ok(Self { sources, targets: Some(targets) })
    }

    fn target(&self, number: usize) -> &Task {
        &self.targets.as_ref().unwrap_or(&self.sources)[&number]
    }
}

/// Read each of the tasks with its labels in a column, given with its name for messages.
fn read_tasks(
    input: &Series,
    names: &ClassNames,
    numbers: &BTreeSet<usize>,
    (label, label_name): (Series, String),
    kwargs: &Arguments,
    read: impl Fn(&TaskColumns, &[u32]) -> PolarsResult<Task>,
) -> PolarsResult<BTreeMap<usize, Task>> {
    let mut rows: BTreeMap<usize, Vec<u32>> = numbers.iter().map(|task| (*task, vec![])).collect();
    for (row, task) in (0..).zip(&names.of_row) {
        if let Some(rows) = rows.get_mut(&(*task as usize)) {
            rows.push(row);
        }
    }
    let mut task_columns = TaskColumns {
        task: String::new(),
        vectors: "embedding",
        embedding_name: kwargs.columns.embedding.clone(),
        label_name,
        embedding: field(input, "embedding")?,
        label: Some(label),
        own_label: Some((field(input, "label")?, kwargs.columns.label.clone())),
        selection: None,
        fit: optional_field(input, "fit")?,
    };
    let mut tasks = BTreeMap::new();
    for (task, rows) in rows {
        task_columns.task = format!("task {:?}", names.names[task]);
        tasks.insert(task, read(&task_columns, &rows)?);
    }
    Ok(tasks)
}
