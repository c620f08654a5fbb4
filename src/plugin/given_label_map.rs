//! A label map that the caller gives: which source classes stand for each target class, and how
//! much.

use std::collections::BTreeSet;

use polars::prelude::*;
use serde::Deserialize;

use crate::linalg::Matrix;
use crate::plugin::class_names::listed;
use crate::plugin::task::Task;

/// How far the weights of a target class may sum from 1: room for decimals that were rounded in a
/// file, not for a mistake.
const SUM_TOLERANCE: f64 = 1e-6;

/// The columns of the caller's frame.
#[derive(Deserialize)]
pub struct GivenLabelMap {
    source: Vec<String>,
    target: Vec<String>,
    weight: Vec<f64>,
}

impl GivenLabelMap {
    /// The map as a matrix, one row per target class, each scaled to sum to 1 exactly.
    pub fn between(&self, source: &Task, target: &Task) -> PolarsResult<Matrix> {
        let mut map = Matrix::zeros(target.classes.len(), source.classes.len());
        polars_ensure!(
            self.source.len() == self.weight.len() && self.target.len() == self.weight.len(),
            ComputeError:
            "`label_map` has {} sources, {} targets and {} weights, but needs as many of each",
            self.source.len(),
            self.target.len(),
            self.weight.len()
        );
        let mut seen = BTreeSet::new();
        let entries = self.source.iter().zip(&self.target).zip(&self.weight);
        for ((source_class, target_class), &weight) in entries {
            let c = class_number(source, source_class)?;
            let y = class_number(target, target_class)?;
            polars_ensure!(
                weight.is_finite() && weight >= 0.0,
                ComputeError:
                "`label_map` gives source class {source_class:?} and target class \
                 {target_class:?} the weight {weight}, \
                 but weights must be finite and not negative"
            );
            polars_ensure!(
                seen.insert((y, c)),
                ComputeError:
                "`label_map` has source class {source_class:?} and target class {target_class:?} \
                 more than once"
            );
            map.row_mut(y)[c] = weight;
        }
        for (class, row) in target.classes.iter().zip(map.rows_mut()) {
            self.scale(class, row, target)?;
        }
        Ok(map)
    }

    fn scale(&self, class: &String, row: &mut [f64], target: &Task) -> PolarsResult<()> {
        polars_ensure!(
            self.target.contains(class),
            ComputeError: "`label_map` has no row for class {class:?} of {}", target.name
        );
        let sum: f64 = row.iter().sum();
        polars_ensure!(
            (sum - 1.0).abs() <= SUM_TOLERANCE,
            ComputeError:
            "the weights that `label_map` gives target class {class:?} sum to {sum}, but must sum \
             to 1"
        );
        for weight in row {
            *weight /= sum;
        }
        Ok(())
    }
}

fn class_number(task: &Task, class: &String) -> PolarsResult<usize> {
    task.classes.iter().position(|c| c == class).ok_or_else(|| {
        polars_err!(
            ComputeError:
            "`label_map` names class {class:?}, which {} does not have; it has {}",
            task.name,
            listed(&task.classes)
        )
    })
}
