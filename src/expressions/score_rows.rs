//! Reading what scores are computed from: labelled rows of embeddings, of source probabilities or of
//! source labels, or moments that stand in place of embeddings.

use polars::prelude::*;
use serde::Deserialize;

use super::class_names::ClassNames;
use super::column_name::ColumnName;
use super::embedding::Embeddings;
use super::inputs::{field, optional_field};
use super::moments::{is_moments, merged_moments};
use super::task::{Task, TaskColumns};
use crate::features::{ClassedTable, Moments};
use crate::matrix::Matrix;

/// The caller's column names, for messages.
#[derive(Deserialize)]
pub struct ScoreColumns {
    embedding: String,
    label: String,
    probabilities: String,
    source_label: String,
}

/// The input struct of a score, and how messages call it.
pub struct ScoreInput<'a> {
    input: &'a Series,
    names: &'a ScoreColumns,
    /// The expression, as messages call it.
    of: &'a str,
}

/// Labelled rows to score, and those that a probe is evaluated on.
pub struct LabelledVectors {
    pub task: Task,
    /// Rows that are scored, of each class that has any.
    classes: Vec<Vec<u32>>,
}

/// What stands in the embedding column.
pub enum Source {
    Rows(LabelledVectors),
    Moments(Moments),
}

impl<'a> ScoreInput<'a> {
    pub fn new(inputs: &'a [Series], names: &'a ScoreColumns, of: &'a str) -> PolarsResult<Self> {
        let [input] = inputs else {
            polars_bail!(ComputeError: "expected one input, got {}", inputs.len());
        };
        Ok(Self { input, names, of })
    }

    pub fn has_split(&self) -> PolarsResult<bool> {
        Ok(optional_field(self.input, "fit")?.is_some())
    }

    /// The columns that a message about a score names.
    pub fn described(&self) -> String {
        format!("{} of {:?} and {:?}", self.of, self.names.embedding, self.names.label)
    }

    pub fn embeddings(&self) -> PolarsResult<Source> {
        let column = field(self.input, "embedding")?;
        let name = &self.names.embedding;
        let labelled = optional_field(self.input, "label")?.is_some();
        if is_moments(column.dtype()) {
            polars_ensure!(
                !labelled,
                ComputeError:
                "column {name:?} of {} holds moments, which have their labels inside; leave `label` out",
                self.of
            );
            return Ok(Source::Moments(merged_moments(&column, name)?));
        }
        polars_ensure!(
            labelled,
            ComputeError:
            "column {name:?} of {} holds {}, which needs a `label`; only moments, as moments() makes them, \
             go without",
            self.of,
            column.dtype()
        );
        Ok(Source::Rows(self.vectors("embedding", name)?))
    }

    pub fn probabilities(&self) -> PolarsResult<LabelledVectors> {
        self.vectors("probabilities", &self.names.probabilities)
    }

    fn vectors(&self, what: &'static str, name: &str) -> PolarsResult<LabelledVectors> {
        let columns = TaskColumns {
            task: self.of.to_string(),
            vectors: what,
            embedding_name: name.to_string(),
            label_name: self.names.label.clone(),
            embedding: field(self.input, what)?,
            label: field(self.input, "label")?,
            selection: None,
            fit: optional_field(self.input, "fit")?,
        };
        let task = Task::read(&columns, &columns.selected_rows()?)?;
        let classes = task.fit.iter().filter(|rows| !rows.is_empty()).cloned().collect();
        Ok(LabelledVectors { task, classes })
    }

    /// Source labels and labels of the rows that are scored, as numbers.
    pub fn label_pairs(&self) -> PolarsResult<(Vec<u32>, Vec<u32>)> {
        let rows = self.scored_rows()?;
        let read = |what: &'static str, name: &str| {
            let name = ColumnName { what, name: name.to_string(), of: self.of.to_string() };
            Ok::<_, PolarsError>(ClassNames::read(&field(self.input, what)?, &rows, &name)?.of_row)
        };
        Ok((read("source_label", &self.names.source_label)?, read("label", &self.names.label)?))
    }

    /// Rows with real-valued targets, if that is what the label column holds: floats, or a vector of
    /// numbers a row.
    pub fn targets(&self) -> PolarsResult<Option<(Embeddings, Matrix)>> {
        let Some(label) = optional_field(self.input, "label")? else {
            return Ok(None);
        };
        let floats = DataType::List(Box::new(DataType::Float64));
        let targets = match label.dtype() {
            DataType::Float32 | DataType::Float64 => {
                let width_one = DataType::Array(Box::new(DataType::Float64), 1);
                label
                    .cast(&DataType::Float64)?
                    .reshape_array(&[ReshapeDimension::Infer, ReshapeDimension::new(1)])?
                    .cast(&width_one)?
            }
            DataType::Array(..) => label.cast(&floats)?,
            DataType::List(_) => label.cast(&floats)?,
            _ => return Ok(None),
        };
        let rows = self.scored_rows()?;
        let name = |what: &'static str, name: &str| ColumnName {
            what,
            name: name.to_string(),
            of: self.of.to_string(),
        };
        let read = |column: &Series, name: &ColumnName| {
            let values = Embeddings::read(column, &rows, name)?;
            values.check_finite(|_| String::new())?;
            Ok::<_, PolarsError>(values)
        };
        let column = field(self.input, "embedding")?;
        let embeddings = read(&column, &name("embedding", &self.names.embedding))?;
        let targets = read(&targets, &name("target", &self.names.label))?;
        let targets = targets.matrix(&targets.rows)?;
        Ok(Some((embeddings, targets)))
    }

    /// The rows that are scored: with a split those to fit on.
    fn scored_rows(&self) -> PolarsResult<Vec<u32>> {
        let n = self.input.len();
        polars_ensure!(n > 0, ComputeError: "{} has no rows: the input is empty", self.of);
        let all = 0..n as u32;
        let Some(fit) = optional_field(self.input, "fit")? else {
            return Ok(all.collect());
        };
        polars_ensure!(
            fit.dtype() == &DataType::Boolean,
            ComputeError: "`fit` of {} has dtype {}, but it must be Boolean", self.of, fit.dtype()
        );
        let nulls = fit.null_count();
        polars_ensure!(
            nulls == 0,
            ComputeError:
            "`fit` of {} is null in {nulls} of {n} rows; it must say true or false for each", self.of
        );
        let rows = all.zip(fit.bool()?.iter());
        Ok(rows.filter_map(|(row, fit)| (fit == Some(true)).then_some(row)).collect())
    }
}

impl LabelledVectors {
    /// The rows that are scored: all, or with a split those to fit on.
    pub fn scored(&self) -> PolarsResult<ClassedTable<'_>> {
        Ok(ClassedTable { table: self.task.embeddings.table()?, classes: &self.classes })
    }

    /// Number of rows that are scored.
    pub fn count(&self) -> usize {
        self.classes.iter().map(Vec::len).sum()
    }

    /// Number of classes that have any.
    pub fn classes(&self) -> usize {
        self.classes.len()
    }

    /// All classes' rows to fit on and to evaluate on, numbered alike.
    pub fn split(&self) -> PolarsResult<(ClassedTable<'_>, ClassedTable<'_>)> {
        let table = self.task.embeddings.table()?;
        let rows = |classes| ClassedTable { table, classes };
        Ok((rows(&self.task.fit), rows(&self.task.evaluation)))
    }
}
