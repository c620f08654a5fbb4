//! A name, as a column of keys or labels holds it.

use std::fmt;

/// The value of a key or label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Text(String),
}

impl fmt::Display for Value {
    /// Writes the value as Polars casts it to text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => write!(f, "null"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Text(value) => write!(f, "{value}"),
        }
    }
}

/// What becomes of nulls among names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nulls {
    /// They are errors: a key or class must have a name.
    Refused,
    /// They are values like others: a sample keeps them.
    Kept,
}
