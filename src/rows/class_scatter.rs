//! Means of classes and the scatter of rows around them: what discriminant analysis needs to know
//! of a table. Rows are read one at a time, so they need not stand in memory.

use crate::linalg::gram::{add_gram, mirror_lower};
use crate::linalg::Matrix;

/// Rows converted to `f64` at a time.
const BLOCK_ROWS: usize = 256;

/// Rows grouped by class, read one at a time: what is fitted need not stand in memory.
#[derive(Clone, Copy)]
pub struct RowReader<'a> {
    /// Rows of each class.
    pub counts: &'a [usize],
    /// Values of each row.
    pub width: usize,
    /// Writes row `i` of a class: `read(class, i, out)`.
    pub read: &'a dyn Fn(usize, usize, &mut [f64]),
}

impl RowReader<'_> {
    /// All rows in class order, a block at a time. A block holds rows of several classes where they
    /// are small; `members` says which: `(class, i)` per row.
    pub fn for_each_block(&self, mut visit: impl FnMut(&[(usize, usize)], &mut Matrix)) {
        let total: usize = self.counts.iter().sum();
        let mut block = Matrix::zeros(BLOCK_ROWS.min(total), self.width);
        let mut members = Vec::with_capacity(block.nrows());
        for (class, &count) in self.counts.iter().enumerate() {
            for i in 0..count {
                (self.read)(class, i, block.row_mut(members.len()));
                members.push((class, i));
                if members.len() == block.nrows() {
                    visit(&members, &mut block);
                    members.clear();
                }
            }
        }
        if !members.is_empty() {
            visit(&members, &mut block);
        }
    }
}

/// The mean row of each class; zero for a class without rows.
#[must_use]
pub fn class_means(rows: &RowReader<'_>) -> Matrix {
    let mut means = Matrix::zeros(rows.counts.len(), rows.width);
    rows.for_each_block(|members, block| {
        for (&(class, _), row) in members.iter().zip(block.rows()) {
            for (m, v) in means.row_mut(class).iter_mut().zip(row) {
                *m += v;
            }
        }
    });
    for (mean, &count) in means.rows_mut().zip(rows.counts) {
        for m in mean {
            *m /= count.max(1) as f64;
        }
    }
    means
}

/// What discriminant analysis needs to know of the rows. `O(n d^2)` to make.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassScatter {
    /// Rows of each class, at least one.
    pub counts: Vec<usize>,
    /// `C x d`.
    pub means: Matrix,
    /// `d x d`: the sum over rows of the outer products of what is left after taking out class
    /// means.
    pub within: Matrix,
}

impl ClassScatter {
    /// Two passes: means, then scatter around them.
    #[must_use]
    pub fn of(rows: &RowReader<'_>) -> Self {
        let means = class_means(rows);
        let mut within = Matrix::zeros(rows.width, rows.width);
        rows.for_each_block(|members, block| {
            for (&(class, _), row) in members.iter().zip(block.rows_mut()) {
                for (v, m) in row.iter_mut().zip(means.row(class)) {
                    *v -= m;
                }
            }
            add_gram(&mut within, 1.0, block.view().subrows(0, members.len()).transpose());
        });
        mirror_lower(&mut within);
        Self { counts: rows.counts.to_vec(), means, within }
    }

    /// How many rows there are.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.counts.iter().map(|&count| count as f64).sum()
    }

    /// The mean of all rows.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.means.ncols()];
        for (class, &count) in self.means.rows().zip(&self.counts) {
            let share = count as f64 / self.total();
            for (m, v) in mean.iter_mut().zip(class) {
                *m += share * v;
            }
        }
        mean
    }

    /// The trace of the scatter within classes.
    #[must_use]
    pub fn within_trace(&self) -> f64 {
        (0..self.within.nrows()).map(|j| self.within.row(j)[j]).sum()
    }
}
