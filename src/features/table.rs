//! A borrowed embedding table of either float width.

use ndarray::ArrayView2;

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

    /// Write one row, as `f64`, into `out`.
    pub fn copy_row(&self, row: usize, out: &mut [f64]) {
        match self {
            Self::F32(rows) => {
                for (o, v) in out.iter_mut().zip(rows.row(row)) {
                    *o = f64::from(*v);
                }
            }
            Self::F64(rows) => {
                for (o, v) in out.iter_mut().zip(rows.row(row)) {
                    *o = *v;
                }
            }
        }
    }
}
