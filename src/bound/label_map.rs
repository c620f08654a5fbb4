//! A label map: how much of each source class stands for each target class.

use thiserror::Error;

use crate::linalg::Matrix;

/// How far the weights of a target class may sum from 1: room for decimals that were rounded in a
/// file, not for a mistake.
const SUM_TOLERANCE: f64 = 1e-6;

/// Why weights are no label map. Class numbers index the caller's classes.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum LabelMapError {
    #[error(
        "source class {source_class} has the weight {weight} in target class {target_class}, but \
         weights must be finite and not negative"
    )]
    Weight { source_class: usize, target_class: usize, weight: f64 },
    #[error("the weights of target class {target_class} sum to {sum}, but must sum to 1")]
    Sum { target_class: usize, sum: f64 },
}

/// A `K_T x K_S` matrix whose rows are on the simplex.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelMap(Matrix);

impl LabelMap {
    /// The map with these weights, each row scaled to sum to 1 exactly.
    ///
    /// # Errors
    /// A weight that is negative or not finite, or a row that does not sum to 1.
    pub fn new(mut weights: Matrix) -> Result<Self, LabelMapError> {
        for (target_class, row) in weights.rows_mut().enumerate() {
            let is_wrong = |weight: &f64| !weight.is_finite() || *weight < 0.0;
            if let Some(source_class) = row.iter().position(is_wrong) {
                let weight = row[source_class];
                return Err(LabelMapError::Weight { source_class, target_class, weight });
            }
            let sum: f64 = row.iter().sum();
            if (sum - 1.0).abs() > SUM_TOLERANCE {
                return Err(LabelMapError::Sum { target_class, sum });
            }
            for weight in row {
                *weight /= sum;
            }
        }
        Ok(Self(weights))
    }

    /// The weights, one row per target class.
    #[must_use]
    pub fn weights(&self) -> &Matrix {
        &self.0
    }

    /// The map by which each target class has one source class, of `classes` there are.
    #[must_use]
    pub fn one_hot(assigned: &[u32], classes: usize) -> Self {
        let mut weights = Matrix::zeros(assigned.len(), classes);
        for (y, &c) in assigned.iter().enumerate() {
            weights.row_mut(y)[c as usize] = 1.0;
        }
        Self(weights)
    }

    #[must_use]
    pub fn target_classes(&self) -> usize {
        self.0.nrows()
    }

    #[must_use]
    pub fn source_classes(&self) -> usize {
        self.0.ncols()
    }

    /// How much of each source class stands for target class `y`.
    #[must_use]
    pub fn row(&self, y: usize) -> &[f64] {
        self.0.row(y)
    }

    /// The source classes that stand for some target class, ascending.
    #[must_use]
    pub fn active_classes(&self) -> Vec<u32> {
        let is_active = |c: &u32| self.0.rows().any(|row| row[*c as usize] > 0.0);
        (0..self.source_classes() as u32).filter(is_active).collect()
    }

    /// The source classes that stand for the same target class and for no other, by target class,
    /// where there are several.
    #[must_use]
    pub fn tied_classes(&self) -> Vec<Vec<u32>> {
        let stands = |row: &[f64], c: usize| row[c] > 0.0;
        let uses: Vec<usize> = (0..self.source_classes())
            .map(|c| self.0.rows().filter(|row| stands(row, c)).count())
            .collect();
        let of_row = |row: &[f64]| -> Vec<u32> {
            let classes = (0..row.len()).filter(|&c| stands(row, c) && uses[c] == 1);
            classes.map(|c| c as u32).collect()
        };
        self.0.rows().map(of_row).filter(|classes| classes.len() > 1).collect()
    }

    /// The map over its active source classes only.
    #[must_use]
    pub(crate) fn restricted(&self, active: &[u32]) -> Self {
        Self(Matrix::from_fn(self.target_classes(), active.len(), |y, k| {
            self.0.row(y)[active[k] as usize]
        }))
    }

    /// The map between these classes in this order.
    #[must_use]
    pub(crate) fn select(&self, source: &[u32], target: &[u32]) -> Self {
        Self(Matrix::from_fn(target.len(), source.len(), |y, c| {
            self.0.row(target[y] as usize)[source[c] as usize]
        }))
    }
}
