//! Rows grouped by class: every class's rows stand together.

use std::borrow::Cow;

use crate::matrix::Matrix;

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

    /// The same classes with other columns.
    #[must_use]
    pub fn with_rows(&self, rows: Matrix) -> Self {
        Self { rows, offsets: self.offsets.clone() }
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

    /// The rows of the classes that have weight, flat and in class order, with the mass of each row where a
    /// class's weight is spread evenly over its rows; `None` where all rows weigh the same because there
    /// is one class.
    #[must_use]
    pub fn mixture(&self, weights: &[f64]) -> (Cow<'_, [f64]>, Option<Vec<f64>>) {
        let used: Vec<usize> = (0..weights.len()).filter(|&c| weights[c] > 0.0).collect();
        if let [only] = used[..] {
            return (Cow::Borrowed(self.class(only)), None);
        }
        let mut rows = Vec::new();
        let mut mass = Vec::new();
        for c in used {
            rows.extend_from_slice(self.class(c));
            mass.extend(std::iter::repeat_n(weights[c] / self.count(c) as f64, self.count(c)));
        }
        (Cow::Owned(rows), Some(mass))
    }

    /// The mean row of each class; zero for a class without rows.
    #[must_use]
    pub fn means(&self) -> Matrix {
        let mut means = Matrix::zeros(self.classes(), self.width());
        for class in 0..self.classes() {
            let count = self.count(class).max(1) as f64;
            let mean = means.row_mut(class);
            for row in self.class(class).chunks_exact(self.rows.ncols().max(1)) {
                for (m, v) in mean.iter_mut().zip(row) {
                    *m += v / count;
                }
            }
        }
        means
    }

    /// Share of the rows that each class has.
    #[must_use]
    pub fn prior(&self) -> Vec<f64> {
        let total = self.rows.nrows().max(1) as f64;
        (0..self.classes()).map(|c| self.count(c) as f64 / total).collect()
    }
}
