//! Struct columns from rows: names, dtypes and values stand in one list, so that the dtype that an
//! expression declares is the one that it returns.

use std::collections::BTreeMap;

use polars::prelude::*;
use serde::Deserialize;

/// One field of a struct, and how a row fills it.
pub struct Column<R> {
    name: &'static str,
    dtype: DataType,
    value: fn(&R) -> AnyValue<'static>,
}

impl<R> Column<R> {
    pub fn new(name: &'static str, dtype: DataType, value: fn(&R) -> AnyValue<'static>) -> Self {
        Self { name, dtype, value }
    }

    pub fn f64(name: &'static str, value: fn(&R) -> AnyValue<'static>) -> Self {
        Self::new(name, DataType::Float64, value)
    }
}

pub fn dtype<R>(columns: &[Column<R>]) -> DataType {
    let field = |column: &Column<R>| Field::new(column.name.into(), column.dtype.clone());
    DataType::Struct(columns.iter().map(field).collect())
}

pub fn list_of<R>(columns: &[Column<R>]) -> DataType {
    DataType::List(Box::new(dtype(columns)))
}

/// One struct per row.
pub fn series<R>(name: &PlSmallStr, columns: &[Column<R>], rows: &[R]) -> PolarsResult<Series> {
    let fields = columns.iter().map(|column| {
        let values: Vec<AnyValue> = rows.iter().map(column.value).collect();
        Series::from_any_values_and_dtype(column.name.into(), &values, &column.dtype, true)
    });
    let fields = fields.collect::<PolarsResult<Vec<Series>>>()?;
    let records = StructChunked::from_series(name.clone(), rows.len(), fields.iter())?;
    Ok(records.into_series())
}

/// The caller's names of columns, wherever the arguments of an expression have them.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct CallerNames {
    embedding: Option<String>,
    logits: Option<String>,
    columns: BTreeMap<String, String>,
}

impl CallerNames {
    /// The caller's name of a field of the struct that Python packs columns into.
    pub fn of(&self, field: &str) -> Option<&str> {
        let found = match field {
            "embedding" => self.embedding.as_ref().or_else(|| self.columns.get("source_embedding")),
            "logits" => self.logits.as_ref(),
            _ => None,
        };
        found.map(String::as_str)
    }
}

/// The field that an expression returns, named as Polars names it: after the first input.
pub fn output_field(inputs: &[Field], dtype: DataType) -> PolarsResult<Field> {
    output_field_of(inputs, |_| None, dtype)
}

/// The field that an expression returns. `name` gives the caller's name of a field of the struct
/// that Python packs columns into, where it is known, for messages.
///
/// Inputs with vectors of width 0 are refused here, by their dtype: Polars cannot hand over such a
/// column.
pub fn output_field_of<'a>(
    inputs: &'a [Field],
    name: impl Fn(&'a str) -> Option<&'a str> + Copy,
    dtype: DataType,
) -> PolarsResult<Field> {
    let first =
        inputs.first().ok_or_else(|| polars_err!(ComputeError: "expected at least one input"))?;
    inputs.iter().try_for_each(|input| check_width(input, name))?;
    Ok(Field::new(first.name().clone(), dtype))
}

fn check_width<'a>(
    field: &'a Field,
    name: impl Fn(&'a str) -> Option<&'a str> + Copy,
) -> PolarsResult<()> {
    match field.dtype() {
        DataType::Struct(fields) => fields.iter().try_for_each(|field| check_width(field, name)),
        dtype if has_no_width(dtype) => {
            polars_bail!(
                ComputeError:
                "{} column {:?} has dtype {dtype}: its vectors have no values (width 0); give a \
                 column of vectors of at least one value",
                field.name(),
                name(field.name()).unwrap_or(field.name())
            )
        }
        _ => Ok(()),
    }
}

fn has_no_width(dtype: &DataType) -> bool {
    match dtype {
        DataType::Array(inner, width) => *width == 0 || has_no_width(inner),
        DataType::List(inner) => has_no_width(inner),
        _ => false,
    }
}

/// The value of a field of strings.
pub fn text(value: &str) -> AnyValue<'static> {
    AnyValue::StringOwned(value.into())
}
