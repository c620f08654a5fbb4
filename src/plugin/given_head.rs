//! A source head that the caller gives: one row per source class.

use polars::prelude::*;
use serde::Deserialize;

use crate::estimators::head::LinearHead;
use crate::linalg::Matrix;
use crate::plugin::class_names::listed;
use crate::plugin::task::Task;

/// The columns of the caller's frame.
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
        polars_ensure!(
            self.weight.len() == self.label.len() && self.bias.len() == self.label.len(),
            ComputeError:
            "`head` has {} labels, {} weight rows and {} biases, but needs one of each per class",
            self.label.len(),
            self.weight.len(),
            self.bias.len()
        );
        for ((label, weight), bias) in self.label.iter().zip(&self.weight).zip(&self.bias) {
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
        let mut rows = (0..self.label.len()).filter(|row| self.label[*row] == *class);
        let row = rows.next().ok_or_else(|| {
            polars_err!(
                ComputeError:
                "`head` has no row for class {class:?} of {}; it has rows for {}",
                source.name,
                listed(&self.label)
            )
        })?;
        polars_ensure!(
            rows.next().is_none(),
            ComputeError: "`head` has more than one row for class {class:?}"
        );
        Ok(row)
    }
}
