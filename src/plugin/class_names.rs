//! Reading a label column: which classes there are, in order, and which one each row has.

use std::collections::BTreeMap;
use std::fmt::Display;

use polars::prelude::*;
use serde::Deserialize;

use crate::plugin::column_name::ColumnName;

/// Prefix of the class names that pseudo-labels have.
const PSEUDO: &str = "pseudo:";

/// The name of a pseudo-class.
pub fn pseudo_name(number: impl Display) -> String {
    format!("{PSEUDO}{number}")
}

/// Where labels come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// The caller's own.
    Given,
    /// Made for rows that have none, such as clusters.
    Pseudo,
}

impl Labels {
    /// Where labels with these class names come from.
    pub fn of(classes: &[String]) -> Self {
        let is_pseudo =
            !classes.is_empty() && classes.iter().all(|class| class.starts_with(PSEUDO));
        if is_pseudo {
            Self::Pseudo
        } else {
            Self::Given
        }
    }

    /// As results name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Pseudo => "pseudo",
        }
    }
}

/// The classes of some rows.
pub struct ClassNames {
    /// String forms, in order: by number for integers, by text for strings, false before true.
    pub names: Vec<String>,
    /// Index into `names` for each row.
    pub of_row: Vec<u32>,
}

impl ClassNames {
    /// Rows without labels: one group, without a name.
    pub fn unlabelled(count: usize) -> Self {
        Self { names: Vec::new(), of_row: vec![0; count] }
    }

    /// Read the rows of `column` that `rows` lists.
    pub fn read(column: &Series, rows: &[u32], name: &ColumnName) -> PolarsResult<Self> {
        check_dtype(column, name)?;
        let column =
            if rows.len() == column.len() { column.clone() } else { column.take_slice(rows)? };
        let nulls = column.null_count();
        polars_ensure!(
            nulls == 0,
            ComputeError:
            "{name} is null in {nulls} of {} rows; leave them out with a filter or fill them",
            rows.len()
        );
        Ok(match column.dtype() {
            DataType::Boolean => {
                let labels = column.bool()?;
                Self::number(|| labels.iter().flatten())
            }
            DataType::UInt128 => {
                let labels = column.u128()?;
                Self::number(|| labels.iter().flatten())
            }
            DataType::UInt64 | DataType::Int128 => {
                let column = column.strict_cast(&DataType::Int128)?;
                let labels = column.i128()?;
                Self::number(|| labels.iter().flatten())
            }
            dtype if dtype.is_integer() => {
                let column = column.strict_cast(&DataType::Int64)?;
                let labels = column.i64()?;
                Self::number(|| labels.iter().flatten())
            }
            _ => {
                let column = column.cast(&DataType::String)?;
                let labels = column.str()?;
                Self::number(|| labels.iter().flatten())
            }
        })
    }

    /// Read the classes of an iterator of labels. It is gone through twice rather than collected.
    fn number<L: Ord + Copy + ToString, I: Iterator<Item = L>>(labels: impl Fn() -> I) -> Self {
        // Inserted one by one: collecting a map holds all labels, to sort them.
        let mut numbers: BTreeMap<L, u32> = BTreeMap::new();
        labels().for_each(|label| {
            numbers.entry(label).or_insert(0);
        });
        for (number, entry) in (0..).zip(numbers.values_mut()) {
            *entry = number;
        }
        let mut of_row = Vec::with_capacity(labels().size_hint().1.unwrap_or(0));
        of_row.extend(labels().map(|label| numbers[&label]));
        Self { names: numbers.keys().map(ToString::to_string).collect(), of_row }
    }
}

fn check_dtype(column: &Series, name: &ColumnName) -> PolarsResult<()> {
    let dtype = column.dtype();
    let accepted = dtype.is_integer()
        || matches!(
            dtype,
            // A column of nulls has dtype Null: the count of nulls says more than the dtype.
            DataType::Boolean
                | DataType::String
                | DataType::Categorical(..)
                | DataType::Enum(..)
                | DataType::Null
        );
    polars_ensure!(
        accepted,
        ComputeError:
        "{name} has dtype {dtype}, but it must be an integer, String, Categorical, Enum or \
         Boolean; cast it"
    );
    Ok(())
}

/// Names as a message lists them, in quotes.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}
