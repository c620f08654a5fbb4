//! The columns of some consecutive rows: names as numbers of distinct values, vectors as one slice.

use std::collections::HashMap;
use std::hash::Hash;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float16Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
    Int8Type, UInt16Type, UInt32Type, UInt64Type, UInt8Type,
};
use arrow_array::{Array, ArrayRef, Float32Array, Float64Array, PrimitiveArray};
use arrow_schema::DataType;

use crate::storage::value::{Nulls, Value};

/// What a column of keys or labels must be.
pub const NAMES: &str = "its values are to be names: make it text, integers or booleans";
/// What a column of vectors must be.
pub const VECTORS: &str = "it must be a list of Float16, Float32 or Float64, one vector per row";

/// Some consecutive rows of a row group.
#[derive(Debug, Clone)]
pub struct Batch {
    /// How many rows of the file come before these.
    pub first_row: u64,
    pub rows: usize,
    pub keys: Vec<Coded>,
    pub label: Coded,
    pub vectors: Vec<Vectors>,
}

/// A column of names: which of the distinct values each row has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coded {
    pub codes: Vec<u32>,
    /// In order of first appearance.
    pub values: Vec<Value>,
}

/// A column of vectors of one width.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    pub width: usize,
    pub values: Floats,
}

/// The values of vectors, row after row.
#[derive(Debug, Clone, PartialEq)]
pub enum Floats {
    F32(Float32Array),
    F64(Float64Array),
}

/// What is wrong with a column, and in which row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    Type { found: String, wanted: &'static str },
    Null { row: usize },
    NotFinite { row: usize },
    Width { first: usize, other: usize, row: usize },
    Empty,
}

impl Coded {
    /// A column that has the same value in all rows.
    #[must_use]
    pub fn constant(value: Value, rows: usize) -> Self {
        Self { codes: vec![0; rows], values: vec![value] }
    }

    /// Reads a column of names.
    ///
    /// # Errors
    /// A column of another type, or a null that is refused.
    pub fn read(column: &ArrayRef, nulls: Nulls) -> Result<Self, Fault> {
        if nulls == Nulls::Refused {
            check_no_null(column)?;
        }
        Ok(match column.data_type() {
            DataType::Utf8 => {
                let texts = column.as_string::<i32>();
                numbered(texts.iter(), |text| Value::Text(text.to_owned()))
            }
            DataType::Boolean => numbered(column.as_boolean().iter(), Value::Boolean),
            DataType::Int8 => integers::<Int8Type>(column),
            DataType::Int16 => integers::<Int16Type>(column),
            DataType::Int32 => integers::<Int32Type>(column),
            DataType::Int64 => integers::<Int64Type>(column),
            DataType::UInt8 => integers::<UInt8Type>(column),
            DataType::UInt16 => integers::<UInt16Type>(column),
            DataType::UInt32 => integers::<UInt32Type>(column),
            DataType::UInt64 => {
                let all = column.as_primitive::<UInt64Type>();
                // What no signed integer holds keeps its digits as text.
                numbered(all.iter(), |value| {
                    i64::try_from(value)
                        .map_or_else(|_| Value::Text(value.to_string()), Value::Integer)
                })
            }
            other => return Err(Fault::Type { found: other.to_string(), wanted: NAMES }),
        })
    }
}

/// The values that a row has in some columns, by its codes in them.
#[must_use]
pub fn values_of(columns: &[Coded], codes: &[u32]) -> Vec<Value> {
    columns.iter().zip(codes).map(|(column, &code)| column.values[code as usize].clone()).collect()
}

fn check_no_null(column: &ArrayRef) -> Result<(), Fault> {
    match (0..column.len()).find(|&row| column.null_count() > 0 && column.is_null(row)) {
        Some(row) => Err(Fault::Null { row }),
        None => Ok(()),
    }
}

fn integers<T: ArrowPrimitiveType>(column: &ArrayRef) -> Coded
where
    T::Native: Into<i64> + Hash + Eq,
{
    let all = column.as_primitive::<T>();
    numbered(all.iter(), |value: T::Native| Value::Integer(value.into()))
}

/// Numbers the distinct values of a column; neighbours that are equal, as most are, are not looked
/// up.
fn numbered<T: Copy + Eq + Hash>(
    all: impl Iterator<Item = Option<T>>,
    name: impl Fn(T) -> Value,
) -> Coded {
    let mut numbers: HashMap<Option<T>, u32> = HashMap::new();
    let mut column = Coded { codes: Vec::with_capacity(all.size_hint().0), values: Vec::new() };
    let mut last = None;
    for value in all {
        let code = match last {
            Some((before, code)) if before == value => code,
            _ => *numbers.entry(value).or_insert_with(|| {
                column.values.push(value.map_or(Value::Null, &name));
                column.values.len() as u32 - 1
            }),
        };
        column.codes.push(code);
        last = Some((value, code));
    }
    column
}

impl Vectors {
    /// Reads a column of vectors, without a copy unless they are half floats.
    ///
    /// # Errors
    /// A column of another type, a null, a value that is not finite, or vectors of several widths.
    pub fn read(column: &ArrayRef) -> Result<Self, Fault> {
        let wrong = || Fault::Type { found: column.data_type().to_string(), wanted: VECTORS };
        let list = column.as_list_opt::<i32>().ok_or_else(wrong)?;
        check_no_null(column)?;
        let offsets = list.value_offsets();
        let width = common_width(offsets)?;
        let (start, length) = (offsets[0] as usize, list.len() * width);
        let inner = list.values().slice(start, length);
        let values = match inner.data_type() {
            DataType::Float16 => {
                let halves = inner.as_primitive::<Float16Type>();
                Floats::F32(halves.unary(half::f16::to_f32))
            }
            DataType::Float32 => Floats::F32(inner.as_primitive::<Float32Type>().clone()),
            DataType::Float64 => Floats::F64(inner.as_primitive::<Float64Type>().clone()),
            _ => return Err(wrong()),
        };
        values.check_finite(width)?;
        Ok(Self { width, values })
    }

    /// The values of one row.
    #[must_use]
    pub fn row(&self, row: usize) -> Floats {
        match &self.values {
            Floats::F32(all) => Floats::F32(copied(all, row * self.width, self.width)),
            Floats::F64(all) => Floats::F64(copied(all, row * self.width, self.width)),
        }
    }
}

/// Some values by themselves, which keep no others in memory.
fn copied<T: ArrowPrimitiveType>(
    all: &PrimitiveArray<T>,
    start: usize,
    length: usize,
) -> PrimitiveArray<T> {
    PrimitiveArray::from_iter_values(all.values()[start..start + length].iter().copied())
}

/// The width that all rows of a list have, which `offsets` bound.
fn common_width(offsets: &[i32]) -> Result<usize, Fault> {
    let width = |pair: &[i32]| (pair[1] - pair[0]) as usize;
    let Some(first) = offsets.windows(2).next().map(width) else {
        return Ok(0);
    };
    if first == 0 {
        return Err(Fault::Empty);
    }
    match offsets.windows(2).position(|pair| width(pair) != first) {
        Some(row) => Err(Fault::Width { first, other: width(&offsets[row..row + 2]), row }),
        None => Ok(first),
    }
}

impl Floats {
    fn check_finite(&self, width: usize) -> Result<(), Fault> {
        let at = match self {
            Self::F32(all) => first_not_finite(all, |value| value * 0.0, f32::is_finite),
            Self::F64(all) => first_not_finite(all, |value| value * 0.0, f64::is_finite),
        };
        at.map_or(Ok(()), |at| Err(Fault::NotFinite { row: at / width }))
    }
}

/// The place of the first null, NaN or infinite value.
fn first_not_finite<T: ArrowPrimitiveType>(
    all: &PrimitiveArray<T>,
    zero: impl Fn(T::Native) -> T::Native,
    is_finite: impl Fn(T::Native) -> bool,
) -> Option<usize>
where
    T::Native: std::ops::Add<Output = T::Native> + Default + PartialEq,
{
    /// Values that are looked at together: nothing times zero is zero, unless it is not finite.
    const CHUNK: usize = 1024;
    if all.null_count() > 0 {
        return (0..all.len()).find(|&at| all.is_null(at));
    }
    let none = T::Native::default();
    let suspicious = all.values().chunks(CHUNK).position(|chunk| {
        let mut lanes = [none; 16];
        let (sixteens, rest) = chunk.as_chunks::<16>();
        for values in sixteens {
            for (lane, value) in lanes.iter_mut().zip(values) {
                *lane = *lane + zero(*value);
            }
        }
        let sum = rest.iter().fold(none, |sum, value| sum + zero(*value));
        lanes.into_iter().fold(sum, |sum, lane| sum + lane) != none
    })?;
    let from = suspicious * CHUNK;
    all.values()[from..].iter().position(|value| !is_finite(*value)).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ListArray, StringArray};

    use super::*;

    fn list(rows: &[Option<&[f32]>]) -> ArrayRef {
        let rows = rows.iter().map(|row| row.map(|row| row.iter().map(|v| Some(*v))));
        Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(rows))
    }

    #[test]
    fn names_are_numbered_by_first_appearance() {
        let column: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "a", "b"]));
        let read = Coded::read(&column, Nulls::Refused).unwrap();
        assert_eq!(read.codes, [0, 1, 1, 0]);
        assert_eq!(read.values, ["b", "a"].map(|name| Value::Text(name.to_owned())));
    }

    #[test]
    fn each_fault_names_its_row() {
        let nan: &[f32] = &[0.0, f32::NAN];
        let fault = |rows: &[Option<&[f32]>]| Vectors::read(&list(rows)).unwrap_err();
        assert_eq!(fault(&[Some(&[1.0, 2.0]), None]), Fault::Null { row: 1 });
        assert_eq!(fault(&[Some(&[1.0, 2.0]), Some(nan)]), Fault::NotFinite { row: 1 });
        assert_eq!(fault(&[Some(&[])]), Fault::Empty);
        let width = Fault::Width { first: 2, other: 1, row: 1 };
        assert_eq!(fault(&[Some(&[1.0, 2.0]), Some(&[1.0])]), width);
        let column: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
        assert_eq!(Coded::read(&column, Nulls::Refused).unwrap_err(), Fault::Null { row: 1 });
        assert_eq!(Coded::read(&column, Nulls::Kept).unwrap().values[1], Value::Null);
        assert!(matches!(Vectors::read(&column).unwrap_err(), Fault::Type { .. }));
    }

    #[test]
    fn a_late_infinity_is_found() {
        let mut values = vec![1.0_f32; 5000];
        values[4321] = f32::INFINITY;
        let rows: Vec<Option<&[f32]>> = values.chunks(2).map(Some).collect();
        assert_eq!(Vectors::read(&list(&rows)).unwrap_err(), Fault::NotFinite { row: 2160 });
    }
}
