//! The points of a transport problem: rows of a table of either float width, converted a block at a
//! time, or rows that are at hand as `f64` and are not copied.

use std::borrow::Cow;

use faer::MatRef;

use crate::linalg::Matrix;
use crate::rows::Table;

/// Some rows of a table.
#[derive(Debug, Clone)]
pub struct PointRows<'a> {
    values: Values<'a>,
    /// Which rows of the values; all if absent.
    rows: Option<Cow<'a, [u32]>>,
    /// What coordinates are divided by: a power of two.
    unit: f64,
}

/// Coordinates whose largest is in this range need no other unit than 1: squares of their distances
/// are far from both ends of what a float holds.
const USUAL: std::ops::RangeInclusive<f64> = 1e-30..=1e100;
/// The logarithm of the smallest unit, whose inverse is still a float.
const SMALLEST_UNIT: i32 = -1000;

#[derive(Debug, Clone, Copy)]
enum Values<'a> {
    Table(Table<'a>),
    Matrix(MatRef<'a, f64>),
}

/// A power of two that brings points with this largest absolute coordinate to a usual size; 1 where
/// they have it.
#[must_use]
pub fn unit(largest_coordinate: f64) -> f64 {
    if largest_coordinate == 0.0
        || !largest_coordinate.is_finite()
        || USUAL.contains(&largest_coordinate)
    {
        return 1.0;
    }
    2f64.powi((largest_coordinate.log2().floor() as i32).max(SMALLEST_UNIT))
}

impl<'a> From<MatRef<'a, f64>> for PointRows<'a> {
    fn from(points: MatRef<'a, f64>) -> Self {
        Self { values: Values::Matrix(points), rows: None, unit: 1.0 }
    }
}

impl<'a> PointRows<'a> {
    #[must_use]
    pub fn of_table(table: Table<'a>, rows: &'a [u32]) -> Self {
        Self { values: Values::Table(table), rows: Some(Cow::Borrowed(rows)), unit: 1.0 }
    }

    #[must_use]
    pub fn nrows(&self) -> usize {
        match (&self.rows, self.values) {
            (Some(rows), _) => rows.len(),
            (None, Values::Table(table)) => table.nrows(),
            (None, Values::Matrix(matrix)) => matrix.nrows(),
        }
    }

    #[must_use]
    pub fn width(&self) -> usize {
        match self.values {
            Values::Table(table) => table.width(),
            Values::Matrix(matrix) => matrix.ncols(),
        }
    }

    /// The largest absolute coordinate, NaN left aside.
    #[must_use]
    pub fn largest_coordinate(&self) -> f64 {
        // Lanes, so that one maximum need not wait for the one before.
        let mut largest = [0.0; 8];
        let mut point = vec![0.0; self.width().next_multiple_of(largest.len())];
        for k in 0..self.nrows() {
            self.copy(k, &mut point[..self.width()]);
            for values in point.as_chunks::<8>().0 {
                for (largest, value) in largest.iter_mut().zip(values) {
                    *largest = if value.abs() > *largest { value.abs() } else { *largest };
                }
            }
        }
        largest.into_iter().fold(0.0, f64::max)
    }

    /// Expresses the coordinates in another unit, so that powers of distances stay in range.
    #[must_use]
    pub fn in_units_of(&self, unit: f64) -> Self {
        Self { unit, ..self.clone() }
    }

    /// The largest norm of a point.
    #[must_use]
    pub fn largest_norm(&self) -> f64 {
        self.square_norms().into_iter().fold(0.0, f64::max).sqrt()
    }

    /// Some of the points.
    #[must_use]
    pub fn select(&self, points: &[u32]) -> Self {
        let rows = points.iter().map(|&k| self.row(k as usize)).collect();
        Self { rows: Some(Cow::Owned(rows)), ..self.clone() }
    }

    /// Consecutive points; `buffer` is theirs where they have to be converted or gathered.
    #[must_use]
    pub fn block<'b>(
        &'b self,
        start: usize,
        count: usize,
        buffer: &'b mut Matrix,
    ) -> MatRef<'b, f64> {
        if let (None, Values::Matrix(matrix), 1.0) = (&self.rows, self.values, self.unit) {
            return matrix.subrows(start, count);
        }
        if buffer.nrows() < count {
            *buffer = Matrix::zeros(count, self.width());
        }
        for (k, out) in (start..start + count).zip(buffer.rows_mut()) {
            self.copy(k, out);
        }
        buffer.view().subrows(0, count)
    }

    /// The squared norm of each point.
    #[must_use]
    pub fn square_norms(&self) -> Vec<f64> {
        let mut point = vec![0.0; self.width()];
        let norm = |k| {
            self.copy(k, &mut point);
            point.iter().map(|v| v * v).sum()
        };
        (0..self.nrows()).map(norm).collect()
    }

    fn row(&self, k: usize) -> u32 {
        self.rows.as_ref().map_or(k as u32, |rows| rows[k])
    }

    /// Copies one point, as `f64`.
    pub fn copy(&self, k: usize, out: &mut [f64]) {
        let row = self.row(k) as usize;
        match self.values {
            Values::Table(table) => table.copy_row(row, out),
            Values::Matrix(matrix) => {
                for (o, v) in out.iter_mut().zip(matrix.row(row).iter()) {
                    *o = *v;
                }
            }
        }
        if self.unit != 1.0 {
            let per_unit = self.unit.recip();
            out.iter_mut().for_each(|o| *o *= per_unit);
        }
    }
}
