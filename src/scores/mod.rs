//! The published transferability scores, one file each, named as the field names them. Every one of
//! them is oriented so that higher is better; where a paper's is a loss it is negated, and says so.
//! What several share lives on the floors below: moments and decompositions in `rows`, clusterings
//! and discriminants in `estimators`, exact transport in `transport`. Bounds live in `bound`.

mod error;
pub mod etran;
pub mod gbc;
pub mod h_score;
pub mod knn;
pub mod leep;
pub mod linear_probe;
pub mod logme;
pub mod nce;
pub mod ncti;
pub mod nleep;
pub mod otce;
pub mod otdd;
pub mod pactran;
pub mod parc;
pub mod sfda;
pub mod shrinkage_h_score;
mod transported_rows;
pub mod transrate;

use std::ops::RangeInclusive;

use crate::rows::class_scatter::RowReader;
use crate::rows::ClassedTable;

pub use error::ScoreError;
pub use knn::{knn_accuracy, knn_accuracy_split, Ties};
pub use leep::leep;
pub use nce::nce;
pub use nleep::nleep;
pub use parc::parc;
pub use transported_rows::RowLimit;

fn check_classes(score: &'static str, found: usize) -> Result<(), ScoreError> {
    if found < 2 {
        Err(ScoreError::FewClasses { score, found })
    } else {
        Ok(())
    }
}

fn check_positive(name: &'static str, value: f64) -> Result<(), ScoreError> {
    if value.is_finite() && value > 0.0 {
        Ok(())
    } else {
        Err(ScoreError::NotPositive { name, value })
    }
}

/// Whether a positive parameter leaves what is computed with it within the range and the digits of
/// floats.
fn check_within(
    score: &'static str,
    name: &'static str,
    value: f64,
    range: &RangeInclusive<f64>,
) -> Result<(), ScoreError> {
    check_positive(name, value)?;
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = (*range.start(), *range.end());
    Err(ScoreError::OutOfRange { score, name, value, least, most })
}

/// Call `then` with the rows of `rows` as discriminant analysis reads them.
fn with_reader<T>(rows: ClassedTable<'_>, then: impl FnOnce(RowReader<'_>) -> T) -> T {
    let counts: Vec<usize> = rows.classes.iter().map(Vec::len).collect();
    let read = |class: usize, i: usize, out: &mut [f64]| {
        rows.table.copy_row(rows.classes[class][i] as usize, out);
    };
    then(RowReader { counts: &counts, width: rows.table.width(), read: &read })
}

/// The values scaled to `[0, 1]` over a pool; all 0 where they are equal, since they then tell no
/// member of the pool from another.
fn min_max(values: impl Iterator<Item = f64> + Clone) -> Vec<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let range = values.clone().fold(f64::NEG_INFINITY, f64::max) - least;
    values.map(|v| if range > 0.0 { (v - least) / range } else { 0.0 }).collect()
}
