//! The arguments of a bound that are not columns, as Python sends them: there, their types and
//! ranges were checked before any row was read.

use polars::prelude::*;
use serde::Deserialize;

use crate::bound::{GroundCost, Lipschitz, Settings, SharedSource, Transform};
use crate::parallelism::Parallelism;
use crate::plugin::class_names::Labels;
use crate::plugin::given_head::GivenHead;
use crate::plugin::given_label_map::GivenLabelMap;
use crate::plugin::own_rows::Beside;
use crate::plugin::task::{Task, TaskColumns};

/// Which source rows the head is fitted to, and which the bound is evaluated on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SourceRows {
    /// Those that the split of the source says.
    HeldOut,
    /// All serve for both.
    All,
}

#[derive(Deserialize)]
pub struct Options {
    /// Where the labels of the target come from, as far as the caller says it.
    pub target_labels: Labels,
    /// So many clusters stand in place of the target's labels.
    pub target_clusters: Option<usize>,
    /// What is computed beside the bound.
    pub beside: Vec<Beside>,
    /// How sure claims about the target's population are to be.
    pub confidence: Option<f64>,
    /// The target's own labels stand beside those that stand in for them.
    pub match_labels: bool,
    /// How long each bound took stands beside it.
    pub seconds: bool,
    seeds: u64,
    source_rows: SourceRows,
    max_target_rows_per_class: Option<usize>,
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
    /// Read the rows of a target that `rows` lists, with the labels that the options ask for.
    pub fn read_target(&self, columns: &TaskColumns, rows: &[u32]) -> PolarsResult<Task> {
        let task = match self.target_clusters {
            Some(clusters) => Task::clustered(columns, rows, clusters, self.seed)?,
            None => Task::read(columns, rows)?,
        };
        if self.match_labels {
            task.with_truth(columns, rows)
        } else {
            Ok(task)
        }
    }

    /// Check that there is enough of both tasks to learn from. A source of which all rows serve for
    /// both needs no class in its fit rows.
    pub fn check_learnable(&self, source: &Task, target: &Task) -> PolarsResult<()> {
        source.check_classes("a bound")?;
        if self.source_rows == SourceRows::HeldOut {
            source.check_fit_classes()?;
        }
        target.check_classes("a bound")?;
        target.check_fit_classes()
    }

    /// Where the labels of a bound between two tasks come from.
    pub fn labels(&self, source: &Task, target: &Task) -> Labels {
        let all = [self.target_labels, Labels::of(&source.classes), Labels::of(&target.classes)];
        if all.contains(&Labels::Pseudo) {
            Labels::Pseudo
        } else {
            Labels::Given
        }
    }

    /// The rows of a source that the options ask for, once for each seed: what is kept of a source
    /// depends on the seed.
    pub fn shared_sources<'t>(&self, source: &'t Task) -> PolarsResult<Vec<SharedSource<'t>>> {
        let rows = source.labelled_rows()?;
        let rows = match self.source_rows {
            SourceRows::HeldOut => rows,
            SourceRows::All => rows.unsplit(),
        };
        Ok((0..self.seeds).map(|_| SharedSource::new(rows.clone())).collect())
    }

    /// The settings for two tasks, whose classes head and label map must know, with the first seed.
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
            truth: target.truth.clone(),
            standardize: self.standardize,
            max_rows_per_class: self.max_rows_per_class,
            max_target_rows_per_class: self.max_target_rows_per_class,
            // The lowest of several bounds is chosen on the rows that it is evaluated on, so each
            // may be wrong as many times less often.
            population_error: self.confidence.map(|sure| (1.0 - sure) / self.seeds as f64),
            seed: self.seed,
            parallelism,
        })
    }
}
