//! The rows that one side of a transport score moves.

use rand::seq::SliceRandom;
use serde::Deserialize;

use crate::rows::row_order::{canonical, CanonicalClasses};
use crate::rows::{Basis, ClassRows, ClassedTable};
use crate::sampling::{generator, Stream};
use crate::scores::ScoreError;
use crate::transport::costs::cost_rows::check_memory;
use crate::transport::exact::COST_MEMORY;

/// How many rows of each side are moved at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct RowLimit {
    /// `None` moves all rows.
    #[serde(rename = "max_rows")]
    pub rows: Option<usize>,
    /// The seed that draws which rows are moved.
    pub seed: u64,
}

/// The rows of both sides that are moved, by class. With a limit, at most so many rows of a side,
/// drawn without replacement from all its classes together, so that classes keep their shares but
/// for chance; a class of which no row is drawn is left out. Rows and classes come in an order of
/// their own: neither the draw nor the choice among couplings that cost the same depends on the
/// order or the names that the caller has.
///
/// # Errors
/// Sides of different width, or so many rows that their costs do not fit into memory.
pub fn drawn_rows(
    source: ClassedTable<'_>,
    target: ClassedTable<'_>,
    limit: RowLimit,
    score: &'static str,
) -> Result<[Vec<Vec<u32>>; 2], ScoreError> {
    check_same_width(source, target, score)?;
    let rows = |side: ClassedTable<'_>| {
        let CanonicalClasses { parts: [classes], .. } = canonical([side]);
        match limit.rows.filter(|&rows| rows < side.count()) {
            None => classes,
            Some(rows) => draw(&classes, rows, limit.seed),
        }
    };
    let sides = [rows(source), rows(target)];
    let [n, m] = sides.each_ref().map(|classes| classes.iter().map(Vec::len).sum());
    check_memory(n, m, COST_MEMORY)?;
    Ok(sides)
}

/// The features of [`drawn_rows`], grouped by class.
///
/// # Errors
/// Those of [`drawn_rows`].
pub fn transported_rows(
    source: ClassedTable<'_>,
    target: ClassedTable<'_>,
    limit: RowLimit,
    score: &'static str,
) -> Result<(ClassRows, ClassRows), ScoreError> {
    let [source_rows, target_rows] = drawn_rows(source, target, limit, score)?;
    let basis = Basis::raw(source.table.width());
    let source = basis.project_classes(source.table, &source_rows);
    Ok((source, basis.project_classes(target.table, &target_rows)))
}

/// Check that the rows of two sides are points of one space.
///
/// # Errors
/// Sides of different width.
pub fn check_same_width(
    source: ClassedTable<'_>,
    target: ClassedTable<'_>,
    score: &'static str,
) -> Result<(), ScoreError> {
    let (source_width, target_width) = (source.table.width(), target.table.width());
    if source_width == target_width {
        Ok(())
    } else {
        Err(ScoreError::Width { score, source_width, target_width })
    }
}

/// The class of each row.
pub fn class_of_rows(rows: &ClassRows) -> Vec<usize> {
    (0..rows.classes()).flat_map(|c| std::iter::repeat_n(c, rows.count(c))).collect()
}

fn draw(classes: &[Vec<u32>], rows: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut places: Vec<(usize, usize)> = classes
        .iter()
        .enumerate()
        .flat_map(|(class, rows)| (0..rows.len()).map(move |at| (class, at)))
        .collect();
    places.shuffle(&mut generator(seed, Stream::TransportedRows));
    places.truncate(rows);
    places.sort_unstable();
    places
        .chunk_by(|a, b| a.0 == b.0)
        .map(|of_class| of_class.iter().map(|&(class, at)| classes[class][at]).collect())
        .collect()
}
