//! How messages name a column.

use std::fmt;

/// A column as a message names it: `embedding column "x" of the source task`.
#[derive(Debug, Clone)]
pub struct ColumnName {
    /// What the column holds: "embedding", "label", ...
    pub what: &'static str,
    /// Its name in the caller's frame.
    pub name: String,
    /// What it belongs to: "the source task", "x", ...
    pub of: String,
}

impl fmt::Display for ColumnName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} column {:?} of {}", self.what, self.name, self.of)
    }
}
