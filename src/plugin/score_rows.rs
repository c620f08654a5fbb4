//! Reading what scores are computed from: labelled rows of embeddings, of source probabilities or
//! of source labels, or moments that stand in place of embeddings.

use polars::prelude::*;
use serde::Deserialize;

use crate::linalg::Matrix;
use crate::plugin::class_names::{listed, ClassNames};
use crate::plugin::column_name::ColumnName;
use crate::plugin::embedding::Embeddings;
use crate::plugin::inputs::{field, optional_field, single};
use crate::plugin::moments::{is_moments, NamedMoments};
use crate::plugin::task::{split, Task, TaskColumns};
use crate::rows::ClassedTable;
use crate::scores::Score;

/// The caller's column names, for messages.
#[derive(Deserialize)]
pub struct ScoreColumns {
    embedding: String,
    label: String,
    probabilities: String,
    source_label: String,
}

impl ScoreColumns {
    /// The caller's name of a field of the input struct.
    pub fn of(&self, field: &str) -> Option<&str> {
        match field {
            "embedding" => Some(&self.embedding),
            "label" => Some(&self.label),
            "probabilities" => Some(&self.probabilities),
            "source_label" => Some(&self.source_label),
            _ => None,
        }
    }
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
    Moments(NamedMoments),
}

/// The two labels of the rows that are scored.
pub struct LabelPairs {
    pub source: ClassNames,
    pub target: ClassNames,
}

impl<'a> ScoreInput<'a> {
    pub fn new(inputs: &'a [Series], names: &'a ScoreColumns, of: &'a str) -> PolarsResult<Self> {
        let input = single(inputs)?;
        Ok(Self { input, names, of })
    }

    pub fn has_split(&self) -> PolarsResult<bool> {
        Ok(optional_field(self.input, "fit")?.is_some())
    }

    /// The columns that a message about a score names.
    pub fn described(&self) -> String {
        let names = self.names;
        let all = [&names.embedding, &names.probabilities, &names.source_label, &names.label];
        // Python gives the columns that there are not an empty name.
        format!("{} of {}", self.of, listed(all.into_iter().filter(|name| !name.is_empty())))
    }

    /// Whether moments stand in the place of embeddings.
    pub fn holds_moments(&self) -> PolarsResult<bool> {
        Ok(is_moments(field(self.input, "embedding")?.dtype()))
    }

    /// Read the embeddings, or moments in their place.
    pub fn embeddings(&self) -> PolarsResult<Source> {
        let column = field(self.input, "embedding")?;
        let name = &self.names.embedding;
        let labelled = optional_field(self.input, "label")?.is_some();
        if self.holds_moments()? {
            polars_ensure!(
                !labelled,
                ComputeError:
                "column {name:?} of {} holds moments, which have their labels inside; leave \
                 `label` out",
                self.of
            );
            return Ok(Source::Moments(NamedMoments::merged(&column, name)?));
        }
        polars_ensure!(
            labelled,
            ComputeError:
            "column {name:?} of {} holds {}, which needs a `label`; only moments, as moments() \
             makes them, \
             go without",
            self.of,
            column.dtype()
        );
        let rows = self.vectors("embedding", name)?;
        rows.task.embeddings.check_magnitude()?;
        Ok(Source::Rows(rows))
    }

    /// The error that says that `score` cannot do with moments, which the embedding column holds.
    pub fn needs_embeddings(&self, score: &str) -> PolarsError {
        polars_err!(
            ComputeError:
            "{score} needs the embeddings themselves, but column {:?} of {} holds moments; {} and \
             gaussian_wasserstein take moments",
            self.names.embedding,
            self.of,
            Score::of_moments().join(", ")
        )
    }

    /// Read the probabilities, and the labels where they are among the columns: Python passes them
    /// where a score needs them.
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
            label: optional_field(self.input, "label")?,
            own_label: None,
            selection: None,
            fit: optional_field(self.input, "fit")?,
        };
        let task = Task::read(&columns, &columns.selected_rows()?)?;
        let classes = task.fit.iter().filter(|rows| !rows.is_empty()).cloned().collect();
        Ok(LabelledVectors { task, classes })
    }

    pub fn label_pairs(&self) -> PolarsResult<LabelPairs> {
        let rows = self.scored_rows()?;
        let read = |what: &'static str, name: &str| {
            ClassNames::read(&field(self.input, what)?, &rows, &self.column(what, name))
        };
        Ok(LabelPairs {
            source: read("source_label", &self.names.source_label)?,
            target: read("label", &self.names.label)?,
        })
    }

    fn column(&self, what: &'static str, name: &str) -> ColumnName {
        ColumnName { what, name: name.to_string(), of: self.of.to_string() }
    }

    /// Rows with real-valued targets, if that is what the label column holds: floats, or a vector
    /// of numbers a row.
    pub fn targets(&self) -> PolarsResult<Option<(Embeddings, Matrix)>> {
        let Some(label) = optional_field(self.input, "label")? else {
            return Ok(None);
        };
        let name = self.column("target", &self.names.label);
        let floats = DataType::List(Box::new(DataType::Float64));
        let targets = match label.dtype() {
            dtype if dtype.is_float() => {
                let width_one = DataType::Array(Box::new(DataType::Float64), 1);
                label
                    .cast(&DataType::Float64)?
                    .reshape_array(&[ReshapeDimension::Infer, ReshapeDimension::new(1)])?
                    .cast(&width_one)?
            }
            DataType::Array(inner, _) | DataType::List(inner) => {
                polars_ensure!(
                    inner.is_numeric() || inner.is_bool(),
                    ComputeError:
                    "{name} has dtype {}, but several targets a row must be Array or List of \
                     numbers; cast it",
                    label.dtype()
                );
                label.cast(&floats)?
            }
            _ => return Ok(None),
        };
        let rows = self.scored_rows()?;
        let read = |column: &Series, name: &ColumnName| {
            let values = Embeddings::read(column, &rows, name)?;
            values.check_finite(|_| String::new())?;
            values.check_magnitude()?;
            Ok::<_, PolarsError>(values)
        };
        let column = field(self.input, "embedding")?;
        let embeddings = read(&column, &self.column("embedding", &self.names.embedding))?;
        let targets = read(&targets, &name)?;
        let targets = targets.matrix(&targets.rows)?;
        Ok(Some((embeddings, targets)))
    }

    /// The rows that are scored: with a split those to fit on.
    fn scored_rows(&self) -> PolarsResult<Vec<u32>> {
        let n = self.input.len();
        polars_ensure!(n > 0, ComputeError: "{} has no rows: the input is empty", self.of);
        let all: Vec<u32> = (0..n as u32).collect();
        let Some(fit) = optional_field(self.input, "fit")? else {
            return Ok(all);
        };
        let fit = split(&fit, &all, self.of)?;
        Ok(all.into_iter().zip(fit).filter_map(|(row, fit)| fit.then_some(row)).collect())
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

    /// Number of classes that have any, where there are labels.
    pub fn classes(&self) -> Option<usize> {
        (!self.task.classes.is_empty()).then_some(self.classes.len())
    }

    /// All classes' rows to fit on and to evaluate on, numbered alike.
    pub fn split(&self) -> PolarsResult<(ClassedTable<'_>, ClassedTable<'_>)> {
        let table = self.task.embeddings.table()?;
        let rows = |classes| ClassedTable { table, classes };
        Ok((rows(&self.task.fit), rows(&self.task.evaluation)))
    }
}
