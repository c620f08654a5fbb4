//! Reading one task: its embedding, label, selection and split columns as rows by class.

use std::collections::BTreeMap;
use std::sync::Arc;

use polars::prelude::*;

use crate::bound::matching::Truth;
use crate::bound::LabelledRows;
use crate::estimators::k_means::pseudo_labels_of_split;
use crate::plugin::class_names::{listed, pseudo_name, ClassNames};
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
    /// The task's own labels with their name, where those of `label` stand in for them.
    pub own_label: Option<(Series, String)>,
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

    fn split(&self, rows: &[u32]) -> PolarsResult<Option<Vec<bool>>> {
        self.fit.as_ref().map(|fit| split(fit, rows, &self.task)).transpose()
    }

    fn embeddings(&self, rows: &[u32]) -> PolarsResult<Embeddings> {
        let column = self.column(self.vectors, &self.embedding_name);
        Embeddings::read(&self.embedding, rows, &column)
    }

    /// The rows for which `where` is true, ascending.
    pub fn selected_rows(&self) -> PolarsResult<Vec<u32>> {
        let all = self.embedding.len();
        polars_ensure!(all > 0, ComputeError: "{} has no rows: the input is empty", self.task);
        let Some(selection) = &self.selection else {
            return Ok((0..all as u32).collect());
        };
        let rows = selected(selection, &self.task)?;
        polars_ensure!(
            !rows.is_empty(),
            ComputeError:
            "{} has no rows: its `where` is true for none of the {all} rows of the input",
            self.task
        );
        Ok(rows)
    }
}

/// The rows for which a column `where` of `task` is true, ascending.
pub fn selected(selection: &Series, task: &str) -> PolarsResult<Vec<u32>> {
    let selection = boolean("where", selection, task)?;
    let mut rows = Vec::with_capacity(selection.sum().unwrap_or(0) as usize);
    rows.extend(
        (0..)
            .zip(selection.iter())
            .filter_map(|(row, selected)| (selected == Some(true)).then_some(row)),
    );
    Ok(rows)
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
    /// The true labels of the rows, where those of the task stand in for them.
    pub truth: Option<Arc<Truth>>,
}

impl Task {
    /// Read the rows of `columns` that `rows` lists in ascending order; there must be at least one.
    pub fn read(columns: &TaskColumns, rows: &[u32]) -> PolarsResult<Self> {
        let label_column = columns.column("label", &columns.label_name);
        let split = columns.split(rows)?;
        let classes = match &columns.label {
            Some(label) => ClassNames::read(label, rows, &label_column)?,
            None => ClassNames::unlabelled(rows.len()),
        };
        let embeddings = columns.embeddings(rows)?;
        embeddings.check_finite(|faults| in_classes(faults, &classes))?;
        Ok(Self::of_classes(columns, embeddings, classes, split.as_deref()))
    }

    /// Read the rows for which `where` is true.
    pub fn read_selected(columns: &TaskColumns) -> PolarsResult<Self> {
        Self::read(columns, &columns.selected_rows()?)
    }

    /// Read rows as [`Task::read`] does, with clusters in place of labels, which are not read. The
    /// clusters are those of the rows to learn from; a row to evaluate on is of the nearest one, so
    /// that labels do not depend on the rows that they are evaluated with.
    pub fn clustered(
        columns: &TaskColumns,
        rows: &[u32],
        clusters: usize,
        seed: u64,
    ) -> PolarsResult<Self> {
        let split = columns.split(rows)?;
        let embeddings = columns.embeddings(rows)?;
        embeddings.check_finite(|_| String::new())?;
        embeddings.check_magnitude()?;
        let is_fit = |at: &usize| split.as_ref().is_none_or(|split| split[*at]);
        let (fit, others): (Vec<usize>, Vec<usize>) = (0..embeddings.rows.len()).partition(is_fit);
        let row_numbers =
            |places: &[usize]| places.iter().map(|&at| embeddings.rows[at]).collect::<Vec<_>>();
        let labels = pseudo_labels_of_split(
            embeddings.table()?,
            (&row_numbers(&fit), &row_numbers(&others)),
            clusters,
            seed,
        );
        let (of_fit, of_others) = labels.map_err(
            |error| polars_err!(ComputeError: "the fit rows of {}: {error}", columns.task),
        )?;
        let mut of_row = vec![0; embeddings.rows.len()];
        for (at, label) in fit.into_iter().zip(of_fit).chain(others.into_iter().zip(of_others)) {
            of_row[at] = label;
        }
        let names = (0..clusters).map(pseudo_name).collect();
        let classes = ClassNames { names, of_row };
        Ok(Self::of_classes(columns, embeddings, classes, split.as_deref()))
    }

    fn of_classes(
        columns: &TaskColumns,
        embeddings: Embeddings,
        classes: ClassNames,
        split: Option<&[bool]>,
    ) -> Self {
        let mut fit = vec![Vec::new(); classes.names.len().max(1)];
        let mut evaluation = fit.clone();
        for (i, (&row, &class)) in embeddings.rows.iter().zip(&classes.of_row).enumerate() {
            let is_fit = split.map(|split| split[i]);
            if is_fit != Some(false) {
                fit[class as usize].push(row);
            }
            if is_fit != Some(true) {
                evaluation[class as usize].push(row);
            }
        }
        Self {
            name: columns.task.clone(),
            classes: classes.names,
            embeddings,
            label_column: columns.column("label", &columns.label_name),
            fit,
            evaluation,
            truth: None,
        }
    }

    /// The task with the true labels of its rows, from the same columns and rows that it was read
    /// from.
    pub fn with_truth(self, columns: &TaskColumns, rows: &[u32]) -> PolarsResult<Self> {
        let own = columns.own_label.as_ref().map(|(labels, name)| (labels, name));
        let given = columns.label.as_ref().map(|labels| (labels, &columns.label_name));
        let Some((labels, name)) = own.or(given) else {
            return Ok(self);
        };
        let classes = ClassNames::read(labels, rows, &columns.column("label", name))?;
        let most = self.embeddings.rows.iter().max().map_or(0, |row| *row as usize + 1);
        let mut class_of = vec![u32::MAX; most];
        for (&row, &class) in self.embeddings.rows.iter().zip(&classes.of_row) {
            class_of[row as usize] = class;
        }
        let truth = Truth { class_of, classes: classes.names.len() };
        Ok(Self { truth: Some(Arc::new(truth)), ..self })
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
        self.check_classes(what)?;
        self.check_fit_classes()
    }

    /// Check that there are two classes or more.
    pub fn check_classes(&self, what: &str) -> PolarsResult<()> {
        polars_ensure!(
            self.classes.len() >= 2,
            ComputeError:
            "{} has only the class {}, but {what} needs at least two classes",
            self.label_column,
            listed(&self.classes)
        );
        Ok(())
    }

    /// Check that every class with rows to evaluate on has rows to learn from.
    pub fn check_fit_classes(&self) -> PolarsResult<()> {
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
