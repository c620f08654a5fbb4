//! A borrowed embedding table of either float width.

use ndarray::{ArrayView1, ArrayView2};

/// An embedding table, one row per example, never copied as a whole.
#[derive(Debug, Clone, Copy)]
pub enum Table<'a> {
    F32(ArrayView2<'a, f32>),
    F64(ArrayView2<'a, f64>),
}

impl Table<'_> {
    #[must_use]
    pub fn nrows(&self) -> usize {
        match self {
            Self::F32(rows) => rows.nrows(),
            Self::F64(rows) => rows.nrows(),
        }
    }

    #[must_use]
    pub fn width(&self) -> usize {
        match self {
            Self::F32(rows) => rows.ncols(),
            Self::F64(rows) => rows.ncols(),
        }
    }

    /// How much memory the values take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::F32(rows) => rows.len() * size_of::<f32>(),
            Self::F64(rows) => rows.len() * size_of::<f64>(),
        }
    }

    /// Borrows the table for a shorter time.
    #[must_use]
    pub fn reborrow(&self) -> Table<'_> {
        match self {
            Self::F32(rows) => Table::F32(rows.view()),
            Self::F64(rows) => Table::F64(rows.view()),
        }
    }

    /// Write one row, as `f64`, into `out`.
    pub fn copy_row(&self, row: usize, out: &mut [f64]) {
        match self {
            Self::F32(rows) => copy_as_f64(rows.row(row), out),
            Self::F64(rows) => copy_as_f64(rows.row(row), out),
        }
    }
}

fn copy_as_f64<T: Copy + Into<f64>>(row: ArrayView1<'_, T>, out: &mut [f64]) {
    // The usual case by itself: over a slice the loop is vectorised.
    if let Some(row) = row.as_slice() {
        for (o, v) in out.iter_mut().zip(row) {
            *o = (*v).into();
        }
        return;
    }
    for (o, v) in out.iter_mut().zip(row) {
        *o = (*v).into();
    }
}
