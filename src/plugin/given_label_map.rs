//! A label map that the caller gives by the names of classes: which source classes stand for each
//! target class, and how much.

use std::collections::BTreeSet;

use polars::prelude::*;
use serde::Deserialize;

use crate::bound::{LabelMap, LabelMapError};
use crate::linalg::Matrix;
use crate::plugin::class_names::listed;
use crate::plugin::task::Task;

/// The columns of the caller's frame, of one length.
#[derive(Deserialize)]
pub struct GivenLabelMap {
    source: Vec<String>,
    target: Vec<String>,
    weight: Vec<f64>,
}

impl GivenLabelMap {
    /// The map by the numbers of classes.
    pub fn between(&self, source: &Task, target: &Task) -> PolarsResult<LabelMap> {
        let mut weights = Matrix::zeros(target.classes.len(), source.classes.len());
        let mut seen = BTreeSet::new();
        let pairs = self.source.iter().zip(&self.target);
        for ((source_class, target_class), &weight) in pairs.zip(&self.weight) {
            let c = class_number(source, source_class)?;
            let y = class_number(target, target_class)?;
            polars_ensure!(
                seen.insert((y, c)),
                ComputeError:
                "`label_map` has source class {source_class:?} and target class {target_class:?} \
                 more than once; give each pair one weight"
            );
            weights.row_mut(y)[c] = weight;
        }
        if let Some(class) = target.classes.iter().find(|class| !self.target.contains(class)) {
            polars_bail!(
                ComputeError: "`label_map` has no row for class {class:?} of {}", target.name
            );
        }
        LabelMap::new(weights).map_err(|error| in_names(&error, source, target))
    }
}

/// The error with the names of classes in place of their numbers.
fn in_names(error: &LabelMapError, source: &Task, target: &Task) -> PolarsError {
    match *error {
        LabelMapError::Weight { source_class, target_class, weight } => polars_err!(
            ComputeError:
            "`label_map` gives source class {:?} and target class {:?} the weight {weight}, but \
             weights must be finite and not negative",
            source.classes[source_class],
            target.classes[target_class]
        ),
        LabelMapError::Sum { target_class, sum } => polars_err!(
            ComputeError:
            "the weights that `label_map` gives target class {:?} sum to {sum}, but must sum to 1",
            target.classes[target_class]
        ),
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
