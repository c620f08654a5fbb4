//! Weights of points, as callers give them: any numbers that are not negative.

use std::borrow::Cow;

use faer::MatRef;

use crate::transport::{Side, TransportError};

/// The weights of the points of both sides. A side without weights weighs all its points the same.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Weights<'a> {
    pub source: Option<&'a [f64]>,
    pub target: Option<&'a [f64]>,
}

impl<'a> Weights<'a> {
    /// All points of a side weigh the same, on both sides.
    pub const UNIFORM: Self = Self { source: None, target: None };

    /// The weights of `count` source points.
    #[must_use]
    pub fn of_source(&self, count: usize) -> Cow<'a, [f64]> {
        filled(self.source, count)
    }

    /// The weights of `count` target points.
    #[must_use]
    pub fn of_target(&self, count: usize) -> Cow<'a, [f64]> {
        filled(self.target, count)
    }

    /// The weights of the same problem with its sides swapped.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { source: self.target, target: self.source }
    }
}

/// The points of one side, one a row, with their weights; without weights all weigh the same.
#[derive(Debug, Clone, Copy)]
pub struct WeightedPoints<'a> {
    pub points: MatRef<'a, f64>,
    pub weight: Option<&'a [f64]>,
}

impl<'a> WeightedPoints<'a> {
    #[must_use]
    pub fn new(points: MatRef<'a, f64>, weight: Option<&'a [f64]>) -> Self {
        Self { points, weight }
    }

    /// How many points there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.points.nrows()
    }
}

fn filled(weight: Option<&[f64]>, count: usize) -> Cow<'_, [f64]> {
    weight.map_or_else(|| Cow::Owned(uniform(count)), Cow::Borrowed)
}

/// Checks that the weights of a side are masses, and that some point has one.
pub(super) fn check(side: Side, weight: &[f64]) -> Result<(), TransportError> {
    if weight.is_empty() {
        return Err(TransportError::EmptySide);
    }
    if let Some(index) = weight.iter().position(|w| !w.is_finite() || *w < 0.0) {
        return Err(TransportError::BadMass { side, index, value: weight[index] });
    }
    if weight.iter().all(|w| *w == 0.0) {
        return Err(TransportError::NoMass { side });
    }
    Ok(())
}

/// Equal weights for `count` points, as whole numbers.
#[must_use]
pub(super) fn uniform(count: usize) -> Vec<f64> {
    vec![1.0; count]
}
