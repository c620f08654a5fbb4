//! A source head that the caller gives: one row per source class.

use std::collections::BTreeSet;

use polars::prelude::*;
use serde::Deserialize;

use crate::estimators::head::LinearHead;
use crate::linalg::Matrix;
use crate::plugin::class_names::listed;
use crate::plugin::task::Task;

/// The columns of the caller's frame, of one length.
#[derive(Deserialize)]
pub struct GivenHead {
    label: Vec<String>,
    weight: Vec<Vec<f64>>,
    bias: Vec<f64>,
}

impl GivenHead {
    /// The head's rows in the order of the source's classes. Rows of classes that the source has no
    /// rows of are not used: such a class has prior 0, so it leaves the softmax.
    pub fn for_task(&self, source: &Task) -> PolarsResult<LinearHead> {
        self.check_rows(source.embeddings.width(), source)?;
        let rows = source.classes.iter().map(|class| self.row(class, source));
        let rows = rows.collect::<PolarsResult<Vec<usize>>>()?;
        Ok(LinearHead {
            weight: Matrix::from_fn(rows.len(), source.embeddings.width(), |k, j| {
                self.weight[rows[k]][j]
            }),
            bias: rows.iter().map(|row| self.bias[*row]).collect(),
        })
    }

    fn check_rows(&self, width: usize, source: &Task) -> PolarsResult<()> {
        let mut seen = BTreeSet::new();
        for ((label, weight), bias) in self.label.iter().zip(&self.weight).zip(&self.bias) {
            polars_ensure!(
                seen.insert(label),
                ComputeError:
                "`head` has more than one row for class {label:?}; give one per source class"
            );
            polars_ensure!(
                weight.len() == width,
                ComputeError:
                "`head` has {} weights for class {label:?}, but {} has width {width}",
                weight.len(),
                source.embeddings.name
            );
            polars_ensure!(
                bias.is_finite() && weight.iter().all(|w| w.is_finite()),
                ComputeError: "`head` has a NaN or infinite weight or bias for class {label:?}"
            );
        }
        Ok(())
    }

    fn row(&self, class: &String, source: &Task) -> PolarsResult<usize> {
        self.label.iter().position(|label| label == class).ok_or_else(|| {
            polars_err!(
                ComputeError:
                "`head` has no row for class {class:?} of {}; it has rows for {}",
                source.name,
                listed(&self.label)
            )
        })
    }
}
