//! One order of rows and classes, whatever order and names the caller's have.
//!
//! Draws by seed pick positions, so positions must not depend on how a table happens to be sorted
//! or its classes happen to be called. Rows are put in order of their norm (which a rotation does
//! not change), ties by their values; classes in order of the summed norms of their rows, ties by
//! the values of these.

use std::cmp::Ordering;

use crate::rows::{ClassedTable, Table};

/// Rows in order of their norm.
#[derive(Debug, Clone)]
pub struct ByNorm {
    pub rows: Vec<u32>,
    /// The sum of the squared norms.
    square: f64,
}

/// Puts rows in order of their norm, ties in order of their values, and equal rows in the order
/// given.
#[must_use]
pub fn sorted_by_norm(table: Table<'_>, rows: &[u32]) -> ByNorm {
    let mut buffer = vec![0.0; table.width()];
    let mut keyed: Vec<(f64, u32)> = rows
        .iter()
        .map(|&row| {
            table.copy_row(row as usize, &mut buffer);
            (buffer.iter().map(|v| v * v).sum(), row)
        })
        .collect();
    let mut values = RowValues::of(table);
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| values.compare(a.1, b.1)));
    let square = keyed.iter().map(|k| k.0).sum();
    ByNorm { rows: keyed.into_iter().map(|k| k.1).collect(), square }
}

/// Classes in canonical order, each with its rows in canonical order.
#[derive(Debug, Clone)]
pub struct CanonicalClasses<const N: usize> {
    /// The rows of each class, for each of the parts.
    pub parts: [Vec<Vec<u32>>; N],
    /// The caller's number of each class.
    pub class_of: Vec<u32>,
}

/// Put classes in order, by the rows of the first part, then by those of the next ones. Parts
/// number their classes alike: rows to fit and rows to evaluate, say.
#[must_use]
pub fn canonical<const N: usize>(parts: [ClassedTable<'_>; N]) -> CanonicalClasses<N> {
    let mut sorted = parts.map(|part| {
        let classes = part.classes.iter().map(|class| sorted_by_norm(part.table, class));
        classes.collect::<Vec<ByNorm>>()
    });
    let classes = sorted.first().map_or(0, Vec::len);
    let mut class_of: Vec<u32> = (0..classes as u32).collect();
    class_of.sort_by(|&a, &b| {
        let (a, b) = (a as usize, b as usize);
        let by_norm = sorted.iter().map(|classes| classes[a].square.total_cmp(&classes[b].square));
        first_difference(by_norm).then_with(|| {
            first_difference(parts.iter().zip(&sorted).map(|(part, classes)| {
                compare_classes(part.table, &classes[a].rows, &classes[b].rows)
            }))
        })
    });
    let parts = sorted.each_mut().map(|classes| {
        class_of.iter().map(|&class| std::mem::take(&mut classes[class as usize].rows)).collect()
    });
    CanonicalClasses { parts, class_of }
}

fn compare_classes(table: Table<'_>, a: &[u32], b: &[u32]) -> Ordering {
    let mut values = RowValues::of(table);
    let by_rows = a.iter().zip(b).map(|(&a, &b)| values.compare(a, b));
    a.len().cmp(&b.len()).then(first_difference(by_rows))
}

fn first_difference(mut comparisons: impl Iterator<Item = Ordering>) -> Ordering {
    comparisons.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Two rows of a table, to be compared value by value.
struct RowValues<'t> {
    table: Table<'t>,
    rows: (Vec<f64>, Vec<f64>),
}

impl<'t> RowValues<'t> {
    fn of(table: Table<'t>) -> Self {
        let row = vec![0.0; table.width()];
        Self { table, rows: (row.clone(), row) }
    }

    fn compare(&mut self, a: u32, b: u32) -> Ordering {
        let (left, right) = &mut self.rows;
        self.table.copy_row(a as usize, left);
        self.table.copy_row(b as usize, right);
        first_difference(left.iter().zip(right).map(|(x, y)| x.total_cmp(y)))
    }
}
