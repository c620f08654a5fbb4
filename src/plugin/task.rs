//! Reading one task: its embedding, label, selection and split columns as rows by class.

use std::collections::BTreeMap;

use polars::prelude::*;

use crate::bound::LabelledRows;
use crate::plugin::class_names::{listed, ClassNames};
use crate::plugin::column_name::ColumnName;
use crate::plugin::embedding::Embeddings;

/// How many of the classes that are at fault a message lists.
const CLASSES_SHOWN: usize = 5;

/// The columns of one task, and how messages call it and them.
pub struct TaskColumns {
    /// How messages call the task: "the source task", `task "mnist"`.
    pub task: String,
    /// What the vectors are: "embedding", "probabilities".
    pub vectors: &'static str,
    pub embedding_name: String,
    pub label_name: String,
    pub embedding: Series,
    /// The class of each row; without this column rows are one group without a name.
    pub label: Option<Series>,
    /// True for the rows that belong to the task; without this column all rows do.
    pub selection: Option<Series>,
    /// True for rows to learn from, false for rows to evaluate on; without this column every row
    /// serves for both.
    pub fit: Option<Series>,
}

impl TaskColumns {
    fn column(&self, what: &'static str, name: &str) -> ColumnName {
        ColumnName { what, name: name.to_string(), of: self.task.clone() }
    }

    /// The rows for which `where` is true, ascending.
    pub fn selected_rows(&self) -> PolarsResult<Vec<u32>> {
        let all = self.embedding.len();
        polars_ensure!(all > 0, ComputeError: "{} has no rows: the input is empty", self.task);
        let Some(selection) = &self.selection else {
            return Ok((0..all as u32).collect());
        };
        let selection = boolean("where", selection, &self.task)?;
        let mut rows = Vec::with_capacity(selection.sum().unwrap_or(0) as usize);
        rows.extend(
            (0..)
                .zip(selection.iter())
                .filter_map(|(row, selected)| (selected == Some(true)).then_some(row)),
        );
        polars_ensure!(
            !rows.is_empty(),
            ComputeError:
            "{} has no rows: its `where` is true for none of the {all} rows of the input",
            self.task
        );
        Ok(rows)
    }
}

fn boolean<'a>(argument: &str, values: &'a Series, task: &str) -> PolarsResult<&'a BooleanChunked> {
    polars_ensure!(
        values.dtype() == &DataType::Boolean,
        ComputeError:
        "`{argument}` of {task} has dtype {}, but it must be Boolean",
        values.dtype()
    );
    values.bool()
}

/// Whether each of `rows` is to be learned from, as the column `fit` of `task` says.
pub fn split(fit: &Series, rows: &[u32], task: &str) -> PolarsResult<Vec<bool>> {
    let fit = boolean("fit", fit, task)?.take(rows)?;
    let nulls = fit.null_count();
    let n = rows.len();
    polars_ensure!(
        nulls == 0,
        ComputeError:
        "`fit` of {task} is null in {nulls} of {n} rows; it must say true or false for each"
    );
    let fit: Vec<bool> = fit.iter().map(|is_fit| is_fit == Some(true)).collect();
    polars_ensure!(
        fit.contains(&true),
        ComputeError: "{task} has no rows to learn from: its `fit` is false for all {n} rows"
    );
    polars_ensure!(
        fit.contains(&false),
        ComputeError: "{task} has no rows to evaluate on: its `fit` is true for all {n} rows"
    );
    Ok(fit)
}

/// A task whose columns have been read and checked.
pub struct Task {
    /// How messages call the task: "the source task", `task "mnist"`.
    pub name: String,
    /// Names of its classes, in order; none where it has no labels.
    pub classes: Vec<String>,
    pub embeddings: Embeddings,
    label_column: ColumnName,
    /// Rows of the embedding table to learn from, for each class, or all where it has no labels.
    pub fit: Vec<Vec<u32>>,
    /// Rows of the embedding table to evaluate on, likewise.
    pub evaluation: Vec<Vec<u32>>,
}

impl Task {
    /// Read the rows of `columns` that `rows` lists in ascending order; there must be at least one.
    pub fn read(columns: &TaskColumns, rows: &[u32]) -> PolarsResult<Self> {
        let embedding_column = columns.column(columns.vectors, &columns.embedding_name);
        let label_column = columns.column("label", &columns.label_name);
        let split = columns.fit.as_ref().map(|fit| split(fit, rows, &columns.task)).transpose()?;
        let classes = match &columns.label {
            Some(label) => ClassNames::read(label, rows, &label_column)?,
            None => ClassNames::unlabelled(rows.len()),
        };
        let embeddings = Embeddings::read(&columns.embedding, rows, &embedding_column)?;
        embeddings.check_finite(|faults| in_classes(faults, &classes))?;

        let mut fit = vec![Vec::new(); classes.names.len().max(1)];
        let mut evaluation = fit.clone();
        for (i, (&row, &class)) in embeddings.rows.iter().zip(&classes.of_row).enumerate() {
            let is_fit = split.as_ref().map(|split| split[i]);
            if is_fit != Some(false) {
                fit[class as usize].push(row);
            }
            if is_fit != Some(true) {
                evaluation[class as usize].push(row);
            }
        }
        Ok(Self {
            name: columns.task.clone(),
            classes: classes.names,
            embeddings,
            label_column,
            fit,
            evaluation,
        })
    }

    /// The rows by class, as the mathematics takes them.
    pub fn labelled_rows(&self) -> PolarsResult<LabelledRows<'_>> {
        Ok(LabelledRows {
            table: self.embeddings.table()?,
            fit: self.fit.clone(),
            evaluation: self.evaluation.clone(),
        })
    }

    /// Check that there are two classes or more, and that every class with rows to evaluate on has
    /// rows to learn from. `what` names what is learned in messages: "a bound".
    pub fn check_learnable(&self, what: &str) -> PolarsResult<()> {
        polars_ensure!(
            self.classes.len() >= 2,
            ComputeError:
            "{} has only the class {}, but {what} needs at least two classes",
            self.label_column,
            listed(&self.classes)
        );
        let rows = self.fit.iter().zip(&self.evaluation);
        let unlearned: Vec<&String> = rows
            .zip(&self.classes)
            .filter_map(|((fit, evaluation), class)| {
                (fit.is_empty() && !evaluation.is_empty()).then_some(class)
            })
            .collect();
        polars_ensure!(
            unlearned.is_empty(),
            ComputeError:
            "{} has {} class(es) in its evaluation rows that its `fit` rows lack: {}{}; \
             split each class, or leave these out",
            self.label_column,
            unlearned.len(),
            listed(unlearned.iter().copied().take(CLASSES_SHOWN)),
            and_more(unlearned.len())
        );
        Ok(())
    }
}

/// How many of the faults, `(row, count)`, are in which class; nothing of rows without labels.
fn in_classes(faults: &[(usize, usize)], classes: &ClassNames) -> String {
    if classes.names.is_empty() {
        return String::new();
    }
    let mut by_class = BTreeMap::new();
    for (row, count) in faults {
        *by_class.entry(classes.of_row[*row]).or_insert(0) += count;
    }
    let shown: Vec<String> = by_class
        .iter()
        .take(CLASSES_SHOWN)
        .map(|(class, count)| format!("class {:?}: {count}", classes.names[*class as usize]))
        .collect();
    format!(" ({}{})", shown.join(", "), and_more(by_class.len()))
}

fn and_more(count: usize) -> String {
    match count.saturating_sub(CLASSES_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    }
}
