//! The bound as a struct.

use polars::prelude::*;

use crate::bound::{Bound, ClassTerms};
use crate::plugin::record;
use crate::plugin::record::{text, Column};
use crate::plugin::task::Task;

/// A bound between two tasks, with its lists built.
pub struct BoundRow<'a> {
    source: &'a str,
    target: &'a str,
    bound: &'a Bound,
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
        bound: &'a Bound,
        (source_name, source): (&'a str, &'a Task),
        (target_name, target): (&'a str, &'a Task),
    ) -> PolarsResult<Self> {
        let rows =
            target.classes.iter().zip(&bound.by_class).map(|(class, terms)| {
                Ok(ClassRow { class, terms, sources: sources(terms, source)? })
            });
        let rows = rows.collect::<PolarsResult<Vec<_>>>()?;
        Ok(Self {
            source: source_name,
            target: target_name,
            bound,
            by_class: record::series(&PlSmallStr::EMPTY, &class_columns(), &rows)?,
        })
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

pub fn columns<'a>() -> Vec<Column<BoundRow<'a>>> {
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
        Column::new("certified", DataType::Boolean, |r| r.bound.certified.into()),
        Column::f64("l2", |r| r.bound.l2.into()),
        Column::new("n_source", DataType::UInt32, |r| r.bound.n_source.into()),
        Column::new("n_target", DataType::UInt32, |r| r.bound.n_target.into()),
        Column::new("source_classes", DataType::UInt32, |r| r.bound.source_classes.into()),
        Column::new("target_classes", DataType::UInt32, |r| r.bound.target_classes.into()),
        Column::new("by_class", record::list_of(&class_columns()), |r| {
            AnyValue::List(r.by_class.clone())
        }),
    ]
}

/// The columns of a bound, with the names of its two tasks in front.
pub fn pair_columns<'a>() -> Vec<Column<BoundRow<'a>>> {
    let mut columns_with_names = vec![
        Column::new("source", DataType::String, |r: &BoundRow| text(r.source)),
        Column::new("target", DataType::String, |r: &BoundRow| text(r.target)),
    ];
    columns_with_names.extend(columns());
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
