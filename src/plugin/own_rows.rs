//! What the target's own rows give without any source, beside a bound: a linear probe and nearest
//! neighbours, fitted to the target rows that the bound was fitted to, and evaluated on the rows
//! that it is evaluated on.

use polars::prelude::*;
use serde::Deserialize;

use crate::bound::target_rows;
use crate::estimators::nearest_neighbours::Metric;
use crate::parallelism::Parallelism;
use crate::plugin::options::Options;
use crate::plugin::remedy;
use crate::plugin::task::Task;
use crate::rows::ClassedTable;
use crate::scores::knn::Ties;
use crate::scores::{knn, linear_probe, LearnedScore, ScoreError};

/// Something that stands beside a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beside {
    Probe,
    Neighbours,
}

/// Figures of the target's own rows; `None` where they were not asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct OwnRows {
    pub probe: Option<OwnProbe>,
    pub knn_accuracy: Option<f64>,
}

/// A linear probe on the evaluation rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OwnProbe {
    pub loss: f64,
    pub accuracy: f64,
}

impl OwnRows {
    /// The figures that the options ask for, of the rows that bounds of the target use. They do not
    /// depend on its source, which head and label map are checked with.
    pub fn of(
        source: &Task,
        target: &Task,
        options: &Options,
        parallelism: Parallelism,
    ) -> PolarsResult<Self> {
        let (mut own, beside) = (Self::default(), &options.beside);
        if beside.is_empty() {
            return Ok(own);
        }
        let settings = options.settings(source, target, parallelism)?;
        let rows = target_rows(&target.labelled_rows()?, &settings);
        let part = |classes| ClassedTable { table: rows.table.reborrow(), classes };
        let evaluation = || rows.is_split().then(|| part(&rows.evaluation));
        let of = |score: &dyn LearnedScore| {
            let found = score.of_split(part(&rows.fit), evaluation(), settings.parallelism);
            found.map_err(|error| wrong(target, &error))
        };
        if beside.contains(&Beside::Probe) {
            let settings = linear_probe::Settings { seed: settings.seed, ..Default::default() };
            if let [loss, accuracy, ..] = of(&settings)?[..] {
                own.probe = Some(OwnProbe { loss, accuracy });
            }
        }
        if beside.contains(&Beside::Neighbours) {
            let fit_rows: usize = rows.fit.iter().map(Vec::len).sum();
            let k = MOST_NEIGHBOURS.min(fit_rows.saturating_sub(usize::from(!rows.is_split())));
            let settings = knn::Settings { k, metric: Metric::Euclidean, ties: Ties::First };
            own.knn_accuracy = of(&settings)?.first().copied();
        }
        Ok(own)
    }
}

/// Neighbours that vote, where there are so many rows: the default of the score.
const MOST_NEIGHBOURS: usize = 5;

fn wrong(target: &Task, error: &ScoreError) -> PolarsError {
    polars_err!(ComputeError: "{}: {error}{}", target.name, remedy::of_score(error))
}
