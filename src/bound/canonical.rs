//! One order of rows and classes, whatever order and names the caller's have.
//!
//! Draws by seed pick positions, so positions must not depend on how a table happens to be sorted or its
//! classes happen to be called. Rows are put in order of their norm (which a rotation does not change),
//! ties by their values; classes in order of the summed norms of their fit rows.

use super::LabelledRows;
use crate::features::row_order::sorted_by_norm;

/// A task in canonical order, and where its classes came from: `class_of[k]` is the caller's number of
/// canonical class `k`.
#[derive(Debug)]
pub struct Canonical<'t> {
    pub task: LabelledRows<'t>,
    pub class_of: Vec<u32>,
}

impl<'t> Canonical<'t> {
    #[must_use]
    pub fn new(task: &LabelledRows<'t>) -> Self {
        let sort = |rows: &[Vec<u32>]| -> Vec<(f64, Vec<u32>)> {
            rows.iter().map(|class| sorted_by_norm(task.table, class)).collect()
        };
        let mut fit = sort(&task.fit);
        let mut evaluation = sort(&task.evaluation);
        let mut class_of: Vec<u32> = (0..fit.len() as u32).collect();
        class_of.sort_by(|&a, &b| {
            let (a, b) = (a as usize, b as usize);
            fit[a].0.total_cmp(&fit[b].0).then(evaluation[a].0.total_cmp(&evaluation[b].0))
        });
        let ordered = |rows: &mut [(f64, Vec<u32>)]| {
            class_of.iter().map(|&c| std::mem::take(&mut rows[c as usize].1)).collect()
        };
        Self {
            task: LabelledRows {
                table: task.table,
                fit: ordered(&mut fit),
                evaluation: ordered(&mut evaluation),
            },
            class_of,
        }
    }
}
