//! `moments` and `merge_moments`, and reading moments that stand in place of rows.
//!
//! Moments are a struct of plain lists, so that they can be stored in Parquet: class names, counts,
//! class means one after the other, and scatters as the rows of their lower triangle.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::linalg::Matrix;
use crate::plugin::inputs::{field, single};
use crate::plugin::record;
use crate::plugin::record::CallerNames;
use crate::plugin::remedy;
use crate::plugin::task::{Task, TaskColumns};
use crate::rows::moments::{numbered_on, ClassScatters};
use crate::rows::{ClassedTable, Moments};

#[derive(Deserialize)]
struct Arguments {
    per_class: bool,
    embedding: String,
    label: String,
}

#[derive(Deserialize)]
struct MergeArguments {
    moments: String,
}

/// Moments with the names of their classes.
pub struct NamedMoments {
    pub classes: Vec<String>,
    pub moments: Moments,
}

fn fields() -> Vec<Field> {
    let list = |inner: DataType| DataType::List(Box::new(inner));
    [
        ("classes", list(DataType::String)),
        ("counts", list(DataType::UInt64)),
        ("means", list(DataType::Float64)),
        ("within", list(DataType::Float64)),
        ("class_within", list(DataType::Float64)),
        ("cubic", list(DataType::Float64)),
        ("quartic", DataType::Float64),
    ]
    .map(|(name, dtype)| Field::new(name.into(), dtype))
    .into()
}

/// Whether a column holds moments: a struct with their fields.
pub fn is_moments(dtype: &DataType) -> bool {
    let DataType::Struct(found) = dtype else {
        return false;
    };
    fields().iter().all(|wanted| found.iter().any(|field| field.name() == wanted.name()))
}

fn output_type(inputs: &[Field], names: CallerNames) -> PolarsResult<Field> {
    record::output_field_of(inputs, |field| names.of(field), DataType::Struct(fields()))
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn moments(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let input = single(inputs)?;
    let columns = TaskColumns {
        task: "moments".to_string(),
        vectors: "embedding",
        embedding_name: kwargs.embedding,
        label_name: kwargs.label,
        embedding: field(input, "embedding")?,
        label: Some(field(input, "label")?),
        own_label: None,
        selection: None,
        fit: None,
    };
    let task = Task::read(&columns, &columns.selected_rows()?)?;
    task.embeddings.check_magnitude()?;
    let rows = ClassedTable { table: task.embeddings.table()?, classes: &task.evaluation };
    check_memory(rows.table.width(), if kwargs.per_class { task.classes.len() } else { 0 })
        .map_err(|reason| polars_err!(ComputeError: "{}: {reason}", task.embeddings.name))?;
    let moments = Moments::of(rows, ClassScatters::kept_if(kwargs.per_class));
    NamedMoments { classes: task.classes, moments }.series(input.name())
}

/// Bytes that the squares of moments may take while they are made.
const MEMORY: usize = 2 << 30;

/// Moments hold a square of the width while rows are added up, half of one for the scatter within
/// all classes, half of one for each class that keeps its own, and write those halves once more.
fn check_memory(width: usize, classes_kept: usize) -> Result<(), String> {
    let squares = 2 + classes_kept;
    let bytes =
        |width: usize| squares.saturating_mul(width).saturating_mul(width * size_of::<f64>());
    if bytes(width) <= MEMORY {
        return Ok(());
    }
    let most = (MEMORY / size_of::<f64>() / squares).isqrt();
    let without = if classes_kept > 0 { ", or moments without `per_class`" } else { "" };
    Err(format!(
        "moments of {width} features take {:.0} GB, which is more than is held in memory; at most \
         {most} features fit, \
         so keep the leading ones with arr.head, or project them on fewer{without}",
        bytes(width) as f64 * 1e-9
    ))
}

#[polars_expr(output_type_func_with_kwargs = output_type)]
fn merge_moments(inputs: &[Series], kwargs: MergeArguments) -> PolarsResult<Series> {
    let input = single(inputs)?;
    NamedMoments::merged(&field(input, "embedding")?, &kwargs.moments)?.series(input.name())
}

impl NamedMoments {
    /// All rows of a column of moments, merged.
    pub fn merged(column: &Series, name: &str) -> PolarsResult<Self> {
        polars_ensure!(
            is_moments(column.dtype()),
            ComputeError:
            "moments column {name:?} has dtype {}, but it must be what moments() makes",
            column.dtype()
        );
        let n = column.len();
        polars_ensure!(n > 0, ComputeError: "moments column {name:?} has no rows: the input is \
            empty");
        let nulls = column.null_count();
        polars_ensure!(
            nulls == 0,
            ComputeError:
            "moments column {name:?} is null in {nulls} of {n} rows; leave them out with a filter"
        );
        let mut merged = Self::read(column, 0, name)?;
        for row in 1..n {
            merged.absorb(Self::read(column, row, name)?).map_err(|error| {
                wrong(name, &format_args!("{error}{}", remedy::of_moments(&error)))
            })?;
        }
        Ok(merged)
    }

    fn read(column: &Series, row: usize, name: &str) -> PolarsResult<Self> {
        let stored = StoredMoments { column, row, name };
        let classes: Vec<String> = stored
            .list("classes", DataType::String)?
            .str()?
            .iter()
            .flatten()
            .map(String::from)
            .collect();
        let counts: Vec<u64> =
            stored.list("counts", DataType::UInt64)?.u64()?.iter().flatten().collect();
        let means = stored.numbers("means")?;
        let within = stored.numbers("within")?;
        let class_within = stored.optional_numbers("class_within")?;
        let cubic = stored.numbers("cubic")?;
        let quartic = stored.number("quartic")?;

        let width = cubic.len();
        polars_ensure!(
            width > 0 && classes.len() == counts.len() && means.len() == counts.len() * width,
            ComputeError:
            "moments column {name:?} has {} classes, {} counts and {} means of width {width}, \
             which do not \
             fit together; make it with moments()",
            classes.len(), counts.len(), means.len()
        );
        if let Some(class) = (1..classes.len()).find(|i| classes[..*i].contains(&classes[*i])) {
            return Err(wrong(
                name,
                &format_args!("the field `classes` has {:?} more than once", classes[class]),
            ));
        }
        let triangle = width * (width + 1) / 2;
        let means = Matrix::from_fn(counts.len(), width, |i, k| means[i * width + k]);
        let class_within =
            class_within.map(|all| all.chunks(triangle).map(<[f64]>::to_vec).collect());
        let moments = Moments::from_parts(counts, means, within, class_within, cubic, quartic)
            .map_err(|error| wrong(name, &error))?;
        Ok(Self { classes, moments })
    }

    fn absorb(&mut self, other: Self) -> Result<(), crate::rows::moments::MomentsError> {
        let mut classes = self.classes.clone();
        let into = numbered_on(&mut classes, other.classes);
        self.moments = self.moments.merge(&other.moments, &into)?;
        self.classes = classes;
        Ok(())
    }

    /// A column of moments, null where there are none.
    pub fn column(name: &PlSmallStr, all: &[Option<Self>]) -> PolarsResult<Series> {
        let dtype = DataType::Struct(fields());
        let mut column = Series::full_null(name.clone(), 0, &dtype);
        for moments in all {
            let one = match moments {
                Some(moments) => moments.series(name)?,
                None => Series::full_null(name.clone(), 1, &dtype),
            };
            column.append(&one)?;
        }
        Ok(column)
    }

    fn series(&self, name: &PlSmallStr) -> PolarsResult<Series> {
        let moments = &self.moments;
        let numbers = |values: &[f64]| Some(Series::new(PlSmallStr::EMPTY, values));
        let class_within = moments
            .class_within()
            .map(|all| all.iter().flat_map(|s| s.packed()).copied().collect::<Vec<f64>>());
        let lists = [
            Some(Series::new(PlSmallStr::EMPTY, self.classes.as_slice())),
            Some(Series::new(PlSmallStr::EMPTY, moments.counts())),
            numbers(moments.means().values()),
            numbers(moments.within().packed()),
            class_within.as_deref().and_then(numbers),
            numbers(moments.cubic()),
        ];
        let mut columns = Vec::new();
        let mut fields = fields().into_iter();
        for (list, field) in lists.into_iter().zip(fields.by_ref()) {
            columns.push(match list {
                Some(list) => Series::new(field.name, [list]),
                None => Series::full_null(field.name, 1, &field.dtype),
            });
        }
        columns.extend(fields.map(|field| Series::new(field.name, [moments.quartic()])));
        Ok(StructChunked::from_series(name.clone(), 1, columns.iter())?.into_series())
    }
}

/// One value of a column of moments, whose fields may have been stored as other types than those
/// that `moments` gives them: engines and files make fixed-size lists, or other integers, of these.
struct StoredMoments<'a> {
    column: &'a Series,
    row: usize,
    /// The caller's name of the column.
    name: &'a str,
}

impl StoredMoments<'_> {
    fn field(&self, of: &str, dtype: &DataType) -> PolarsResult<Series> {
        let values = self.column.struct_()?.field_by_name(of)?;
        let found = values.dtype().clone();
        values.strict_cast(dtype).map_err(|_| {
            wrong(
                self.name,
                &format_args!("the field `{of}` of dtype {found} does not fit {dtype}"),
            )
        })
    }

    fn optional_list(&self, of: &str, inner: DataType) -> PolarsResult<Option<Series>> {
        let lists = self.field(of, &DataType::List(Box::new(inner)))?;
        Ok(lists.list()?.get_as_series(self.row))
    }

    fn list(&self, of: &str, inner: DataType) -> PolarsResult<Series> {
        self.optional_list(of, inner)?.ok_or_else(|| self.null(of))
    }

    fn optional_numbers(&self, of: &str) -> PolarsResult<Option<Vec<f64>>> {
        let Some(values) = self.optional_list(of, DataType::Float64)? else {
            return Ok(None);
        };
        let found: Vec<f64> = values.f64()?.iter().flatten().collect();
        polars_ensure!(
            found.len() == values.len(),
            ComputeError: "moments column {:?} has nulls inside its lists", self.name
        );
        Ok(Some(found))
    }

    fn numbers(&self, of: &str) -> PolarsResult<Vec<f64>> {
        self.optional_numbers(of)?.ok_or_else(|| self.null(of))
    }

    fn number(&self, of: &str) -> PolarsResult<f64> {
        let values = self.field(of, &DataType::Float64)?;
        values.f64()?.get(self.row).ok_or_else(|| self.null(of))
    }

    fn null(&self, of: &str) -> PolarsError {
        wrong(self.name, &format_args!("the field `{of}` is null"))
    }
}

fn wrong(name: &str, error: &dyn std::fmt::Display) -> PolarsError {
    polars_err!(ComputeError: "moments column {name:?}: {error}")
}
