//! An order of rows that does not depend on how the table happens to be sorted.

use super::Table;

/// The rows by their norm (which a rotation does not change), ties by their values; and the sum of their squared norms.
#[must_use]
pub fn sorted_by_norm(table: Table<'_>, rows: &[u32]) -> (f64, Vec<u32>) {
    let mut buffer = vec![0.0; table.width()];
    let mut keyed: Vec<(f64, u32)> = rows
        .iter()
        .map(|&row| {
            table.copy_row(row as usize, &mut buffer);
            (buffer.iter().map(|v| v * v).sum(), row)
        })
        .collect();
    let mut other = buffer.clone();
    keyed.sort_by(|a, b| {
        a.0.total_cmp(&b.0).then_with(|| {
            table.copy_row(a.1 as usize, &mut buffer);
            table.copy_row(b.1 as usize, &mut other);
            let differs = buffer.iter().zip(&other).map(|(x, y)| x.total_cmp(y));
            differs.into_iter().find(|o| o.is_ne()).unwrap_or(std::cmp::Ordering::Equal)
        })
    });
    (keyed.iter().map(|k| k.0).sum(), keyed.into_iter().map(|k| k.1).collect())
}
