//! The arguments of a bound that are not columns, as Python sends them.

use polars::prelude::*;
use serde::Deserialize;

use crate::bound::{GroundCost, Lipschitz, Settings, Transform};
use crate::parallelism::Parallelism;
use crate::plugin::given_head::GivenHead;
use crate::plugin::given_label_map::GivenLabelMap;
use crate::plugin::task::Task;

#[derive(Deserialize)]
pub struct Options {
    transform: String,
    ground_cost: String,
    lipschitz: String,
    l2: Option<f64>,
    head: Option<GivenHead>,
    label_map: Option<GivenLabelMap>,
    standardize: bool,
    max_rows_per_class: Option<usize>,
    seed: u64,
}

impl Options {
    /// Check them against the two tasks.
    pub fn settings(
        &self,
        source: &Task,
        target: &Task,
        parallelism: Parallelism,
    ) -> PolarsResult<Settings> {
        let head = self.head.as_ref().map(|head| head.for_task(source));
        let label_map = self.label_map.as_ref().map(|map| map.between(source, target));
        let ground_cost = self.ground_cost()?;
        Ok(Settings {
            transform: self.transform()?,
            ground_cost,
            lipschitz: self.lipschitz(ground_cost)?,
            l2: self.l2()?,
            head: head.transpose()?,
            label_map: label_map.transpose()?,
            standardize: self.standardize,
            max_rows_per_class: self.max_rows_per_class()?,
            seed: self.seed,
            parallelism,
        })
    }

    fn transform(&self) -> PolarsResult<Transform> {
        match self.transform.as_str() {
            "identity" => Ok(Transform::Identity),
            "features" => Ok(Transform::Features),
            "all" => Ok(Transform::All),
            other => Err(unknown("transform", other, "\"identity\", \"features\" or \"all\"")),
        }
    }

    fn ground_cost(&self) -> PolarsResult<GroundCost> {
        match self.ground_cost.as_str() {
            "margin" => Ok(GroundCost::Margin),
            "head" => Ok(GroundCost::Head),
            "euclidean" => Ok(GroundCost::Euclidean),
            other => Err(unknown("ground_cost", other, "\"margin\", \"head\" or \"euclidean\"")),
        }
    }

    fn lipschitz(&self, ground_cost: GroundCost) -> PolarsResult<Lipschitz> {
        match self.lipschitz.as_str() {
            "certified" => Ok(Lipschitz::Certified),
            "empirical" => {
                polars_ensure!(
                    ground_cost != GroundCost::Margin,
                    ComputeError:
                    "lipschitz = \"empirical\" has no meaning for ground_cost = \"margin\", which \
                     needs no constant; \
                     use ground_cost = \"head\" or \"euclidean\""
                );
                Ok(Lipschitz::Empirical)
            }
            other => Err(unknown("lipschitz", other, "\"certified\" or \"empirical\"")),
        }
    }

    fn l2(&self) -> PolarsResult<Option<f64>> {
        if let Some(l2) = self.l2 {
            polars_ensure!(
                l2.is_finite() && l2 >= 0.0,
                ComputeError: "l2 must be a finite number that is not negative, but is {l2}"
            );
        }
        Ok(self.l2)
    }

    fn max_rows_per_class(&self) -> PolarsResult<Option<usize>> {
        polars_ensure!(
            self.max_rows_per_class != Some(0),
            ComputeError: "max_rows_per_class must be at least 1, but is 0"
        );
        Ok(self.max_rows_per_class)
    }
}

fn unknown(argument: &str, found: &str, accepted: &str) -> PolarsError {
    polars_err!(ComputeError: "{argument} must be {accepted}, but is {found:?}")
}
