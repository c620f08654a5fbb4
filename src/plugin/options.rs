//! The arguments of a bound that are not columns, as Python sends them: there, their types and
//! ranges were checked before any row was read.

use polars::prelude::*;
use serde::Deserialize;

use crate::bound::{GroundCost, Lipschitz, Settings, Transform};
use crate::parallelism::Parallelism;
use crate::plugin::given_head::GivenHead;
use crate::plugin::given_label_map::GivenLabelMap;
use crate::plugin::task::Task;

#[derive(Deserialize)]
pub struct Options {
    transform: Transform,
    ground_cost: GroundCost,
    lipschitz: Lipschitz,
    l2: Option<f64>,
    head: Option<GivenHead>,
    label_map: Option<GivenLabelMap>,
    standardize: bool,
    max_rows_per_class: Option<usize>,
    seed: u64,
}

impl Options {
    /// The settings for two tasks, whose classes head and label map must know.
    pub fn settings(
        &self,
        source: &Task,
        target: &Task,
        parallelism: Parallelism,
    ) -> PolarsResult<Settings> {
        let head = self.head.as_ref().map(|head| head.for_task(source));
        let label_map = self.label_map.as_ref().map(|map| map.between(source, target));
        Ok(Settings {
            transform: self.transform,
            ground_cost: self.ground_cost,
            lipschitz: self.lipschitz,
            l2: self.l2,
            head: head.transpose()?,
            label_map: label_map.transpose()?,
            standardize: self.standardize,
            max_rows_per_class: self.max_rows_per_class,
            seed: self.seed,
            parallelism,
        })
    }
}
