//! Rows grouped by class: every class's rows stand together.

use crate::linalg::Matrix;

/// A matrix whose rows are sorted by class.
#[derive(Debug, Clone, Default)]
pub struct ClassRows {
    rows: Matrix,
    /// Rows of class `c` are `offsets[c]..offsets[c + 1]`.
    offsets: Vec<usize>,
}

impl ClassRows {
    /// `rows` must be sorted by class, `counts[c]` of them for each class.
    #[must_use]
    pub fn new(rows: Matrix, counts: impl IntoIterator<Item = usize>) -> Self {
        let mut offsets = vec![0];
        for count in counts {
            offsets.push(offsets[offsets.len() - 1] + count);
        }
        debug_assert_eq!(offsets.last(), Some(&rows.nrows()));
        Self { rows, offsets }
    }

    /// The rows, and where each class starts and the last one ends.
    #[must_use]
    pub fn into_parts(self) -> (Matrix, Vec<usize>) {
        (self.rows, self.offsets)
    }

    #[must_use]
    pub fn matrix(&self) -> &Matrix {
        &self.rows
    }

    #[must_use]
    pub fn classes(&self) -> usize {
        self.offsets.len() - 1
    }

    #[must_use]
    pub fn width(&self) -> usize {
        self.rows.ncols()
    }

    #[must_use]
    pub fn start(&self, class: usize) -> usize {
        self.offsets[class]
    }

    #[must_use]
    pub fn count(&self, class: usize) -> usize {
        self.offsets[class + 1] - self.offsets[class]
    }

    /// The rows of one class, flat and row-major.
    #[must_use]
    pub fn class(&self, class: usize) -> &[f64] {
        let width = self.rows.ncols();
        &self.rows.values()[self.offsets[class] * width..self.offsets[class + 1] * width]
    }

    /// The mean row of each class; zero for a class without rows.
    #[must_use]
    pub fn means(&self) -> Matrix {
        let mut means = Matrix::zeros(self.classes(), self.width());
        for class in 0..self.classes() {
            add_mean(self.class(class), means.row_mut(class));
        }
        means
    }
}

/// Add the mean of some rows; nothing where there are none.
pub fn add_mean(rows: &[f64], mean: &mut [f64]) {
    let width = mean.len().max(1);
    let count = (rows.len() / width) as f64;
    for row in rows.chunks_exact(width) {
        for (m, v) in mean.iter_mut().zip(row) {
            *m += v / count;
        }
    }
}
