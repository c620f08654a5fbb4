//! Struct columns from rows: names, dtypes and values stand in one list, so that the dtype that an
//! expression declares is the one that it returns.

use polars::prelude::*;

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

/// What an expression returns: named as Polars names it, after the first input.
pub fn output_field(inputs: &[Field], dtype: DataType) -> PolarsResult<Field> {
    let first =
        inputs.first().ok_or_else(|| polars_err!(ComputeError: "expected at least one input"))?;
    Ok(Field::new(first.name().clone(), dtype))
}

/// A string value.
pub fn text(value: &str) -> AnyValue<'static> {
    AnyValue::StringOwned(value.into())
}
