//! Rows of a table by class: the input of every score.

use crate::rows::Table;

/// Some rows of a table, grouped by class. Classes are numbered from 0 and each has at least one
/// row; whoever builds it has remapped labels and left empty classes out.
#[derive(Debug, Clone, Copy)]
pub struct ClassedTable<'a> {
    pub table: Table<'a>,
    /// Row numbers of each class, ascending.
    pub classes: &'a [Vec<u32>],
}

impl ClassedTable<'_> {
    /// Other classes of the same table.
    #[must_use]
    pub fn with_classes<'s>(&'s self, classes: &'s [Vec<u32>]) -> ClassedTable<'s> {
        ClassedTable { table: self.table.reborrow(), classes }
    }

    /// How many rows all classes have together.
    #[must_use]
    pub fn count(&self) -> usize {
        self.classes.iter().map(Vec::len).sum()
    }
}
