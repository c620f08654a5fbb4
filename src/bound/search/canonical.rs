//! A task in one order of rows and classes, whatever order and names the caller's have, so that
//! what is drawn from it by seed depends on neither.

use crate::bound::LabelledRows;
use crate::rows::row_order::{canonical, CanonicalClasses};
use crate::rows::ClassedTable;

/// A task in canonical order, and where its classes came from: `class_of[k]` is the caller's number
/// of canonical class `k`.
#[derive(Debug)]
pub struct Canonical<'t> {
    pub task: LabelledRows<'t>,
    pub class_of: Vec<u32>,
}

impl<'t> Canonical<'t> {
    #[must_use]
    pub fn new(task: &LabelledRows<'t>) -> Self {
        let part = |classes| ClassedTable { table: task.table.reborrow(), classes };
        let ordered = canonical([part(&task.fit), part(&task.evaluation)]);
        let CanonicalClasses { parts: [fit, evaluation], class_of } = ordered;
        Self { task: LabelledRows { table: task.table, fit, evaluation }, class_of }
    }
}
