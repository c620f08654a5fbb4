//! The bound as a struct.

use polars::prelude::*;

use crate::bound::{Bound, ClassTerms, State};
use crate::plugin::class_names::Labels;
use crate::plugin::options::Options;
use crate::plugin::own_rows::{Beside, OwnRows};
use crate::plugin::record;
use crate::plugin::record::{text, Column};
use crate::plugin::task::Task;
use crate::plugin::transfer_bound::TimedBound;

/// A bound, what it was asked for with, and what stands beside it.
#[derive(Clone, Copy)]
pub struct Between<'a> {
    pub timed: &'a TimedBound,
    pub options: &'a Options,
    pub own: OwnRows,
}

/// A bound between two tasks, with its lists built.
pub struct BoundRow<'a> {
    source: &'a str,
    target: &'a str,
    bound: &'a Bound,
    seconds: f64,
    labels: Labels,
    own: OwnRows,
    by_class: Series,
}

struct ClassRow<'a> {
    class: &'a str,
    terms: &'a ClassTerms,
    sources: Series,
}

struct SourceRow<'a> {
    class: &'a str,
    weight: f64,
}

impl<'a> BoundRow<'a> {
    /// Builds the lists of a bound. The names of the tasks only matter for [`pair_columns`].
    pub fn new(
        Between { timed, options, own }: Between<'a>,
        (source_name, source): (&'a str, &'a Task),
        (target_name, target): (&'a str, &'a Task),
    ) -> PolarsResult<Self> {
        let bound = &timed.bound;
        let rows =
            target.classes.iter().zip(&bound.by_class).map(|(class, terms)| {
                Ok(ClassRow { class, terms, sources: sources(terms, source)? })
            });
        let rows = rows.collect::<PolarsResult<Vec<_>>>()?;
        Ok(Self {
            source: source_name,
            target: target_name,
            bound,
            seconds: timed.seconds,
            labels: options.labels(source, target),
            own,
            by_class: record::series(&PlSmallStr::EMPTY, &class_columns(), &rows)?,
        })
    }

    /// The share of the way from a linear probe's loss to that of guessing that the bound is at;
    /// nothing where the probe is no better than guessing.
    fn gap(&self) -> Option<f64> {
        let probe = self.own.probe?.loss;
        let room = self.bound.trivial_loss - probe;
        (room > 0.0).then(|| (self.bound.bound - probe) / room)
    }
}

fn sources(terms: &ClassTerms, source: &Task) -> PolarsResult<Series> {
    let rows: Vec<SourceRow> = terms
        .sources
        .iter()
        .map(|&(class, weight)| SourceRow { class: &source.classes[class as usize], weight })
        .collect();
    record::series(&PlSmallStr::EMPTY, &source_columns(), &rows)
}

/// The columns of a bound. Which ones there are depends on the options alone.
pub fn columns<'a>(options: &Options) -> Vec<Column<BoundRow<'a>>> {
    let mut columns = terms();
    if options.confidence.is_some() {
        columns.push(Column::f64("bound_high", |r| r.bound.bound_high().into()));
        columns.push(Column::f64("accuracy_low", |r| {
            r.bound.population.map(|population| population.accuracy_low).into()
        }));
    }
    if options.match_labels {
        columns.push(Column::f64("matched_loss", |r| r.bound.matched.map(|m| m.loss).into()));
        columns
            .push(Column::f64("matched_accuracy", |r| r.bound.matched.map(|m| m.accuracy).into()));
    }
    if options.beside.contains(&Beside::Probe) {
        columns.push(Column::f64("probe_loss", |r| r.own.probe.map(|probe| probe.loss).into()));
        columns.push(Column::f64("probe_accuracy", |r| {
            r.own.probe.map(|probe| probe.accuracy).into()
        }));
        columns.push(Column::f64("gap", |r| r.gap().into()));
    }
    if options.beside.contains(&Beside::Neighbours) {
        columns.push(Column::f64("knn_accuracy", |r| r.own.knn_accuracy.into()));
    }
    if options.seconds {
        columns.push(Column::f64("seconds", |r| r.seconds.into()));
    }
    columns.push(Column::new("by_class", record::list_of(&class_columns()), |r| {
        AnyValue::List(r.by_class.clone())
    }));
    columns
}

fn terms<'a>() -> Vec<Column<BoundRow<'a>>> {
    vec![
        Column::f64("bound", |r| r.bound.bound.into()),
        Column::f64("source_loss", |r| r.bound.source_loss.into()),
        Column::f64("label_mismatch", |r| r.bound.label_mismatch.into()),
        Column::f64("distribution_mismatch", |r| r.bound.distribution_mismatch.into()),
        Column::f64("lipschitz", |r| r.bound.lipschitz.into()),
        Column::f64("target_loss", |r| r.bound.target_loss.into()),
        Column::f64("target_accuracy", |r| r.bound.target_accuracy.into()),
        Column::f64("trivial_loss", |r| r.bound.trivial_loss.into()),
        Column::new("vacuous", DataType::Boolean, |r| r.bound.vacuous.into()),
        Column::new("state", DataType::String, |r| text(state_name(r.bound.state()))),
        Column::new("certified", DataType::Boolean, |r| {
            (r.bound.certified && r.labels == Labels::Given).into()
        }),
        Column::new("labels", DataType::String, |r| text(r.labels.name())),
        Column::f64("l2", |r| r.bound.l2.into()),
        Column::new("n_source", DataType::UInt32, |r| r.bound.n_source.into()),
        Column::new("n_target", DataType::UInt32, |r| r.bound.n_target.into()),
        Column::new("source_classes", DataType::UInt32, |r| r.bound.source_classes.into()),
        Column::new("target_classes", DataType::UInt32, |r| r.bound.target_classes.into()),
    ]
}

fn state_name(state: State) -> &'static str {
    match state {
        State::BetterThanGuessing => "better than guessing",
        State::NoBetterThanGuessing => "no better than guessing",
        State::Vacuous => "vacuous",
    }
}

/// The columns of a bound, with the names of its two tasks in front.
pub fn pair_columns<'a>(options: &Options) -> Vec<Column<BoundRow<'a>>> {
    let mut columns_with_names = vec![
        Column::new("source", DataType::String, |r: &BoundRow| text(r.source)),
        Column::new("target", DataType::String, |r: &BoundRow| text(r.target)),
    ];
    columns_with_names.extend(columns(options));
    columns_with_names
}

fn class_columns<'a>() -> Vec<Column<ClassRow<'a>>> {
    vec![
        Column::new("class", DataType::String, |r| text(r.class)),
        Column::f64("weight", |r| r.terms.weight.into()),
        Column::f64("source_loss", |r| r.terms.source_loss.into()),
        Column::f64("label_mismatch", |r| r.terms.label_mismatch.into()),
        Column::f64("distribution_mismatch", |r| r.terms.distribution_mismatch.into()),
        Column::new("sources", record::list_of(&source_columns()), |r| {
            AnyValue::List(r.sources.clone())
        }),
    ]
}

fn source_columns<'a>() -> Vec<Column<SourceRow<'a>>> {
    vec![
        Column::new("class", DataType::String, |r| text(r.class)),
        Column::f64("weight", |r| r.weight.into()),
    ]
}
