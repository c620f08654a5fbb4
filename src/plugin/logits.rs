//! `softmax` and `argmax_labels`: what a row of logits says, as probabilities or as a label.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::estimators::head::{largest_logit, softmax as softmax_of};
use crate::plugin::class_names::pseudo_name;
use crate::plugin::column_name::ColumnName;
use crate::plugin::embedding::Embeddings;
use crate::plugin::inputs::{field, single};
use crate::plugin::record;
use crate::plugin::record::CallerNames;

#[derive(Deserialize)]
struct Arguments {
    logits: String,
}

fn probabilities_type(inputs: &[Field], names: CallerNames) -> PolarsResult<Field> {
    record::output_field_of(
        inputs,
        |field| names.of(field),
        DataType::List(Box::new(DataType::Float64)),
    )
}

fn label_type(inputs: &[Field], names: CallerNames) -> PolarsResult<Field> {
    record::output_field_of(inputs, |field| names.of(field), DataType::String)
}

#[polars_expr(output_type_func_with_kwargs = probabilities_type)]
fn softmax(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let rows = Logits::read(inputs, "softmax", &kwargs.logits)?;
    let (count, width) = (rows.place.len(), rows.vectors.as_ref().map_or(0, Embeddings::width));
    let name = inputs[0].name().clone();
    let mut lists = ListPrimitiveChunkedBuilder::<Float64Type>::new(
        name,
        count,
        count * width,
        DataType::Float64,
    );
    rows.for_each(softmax_of, |probabilities| match probabilities {
        Some(probabilities) => lists.append_slice(&probabilities),
        None => lists.append_null(),
    })?;
    Ok(lists.finish().into_series())
}

#[polars_expr(output_type_func_with_kwargs = label_type)]
fn argmax_labels(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    let rows = Logits::read(inputs, "argmax_labels", &kwargs.logits)?;
    let mut labels = StringChunkedBuilder::new(inputs[0].name().clone(), rows.place.len());
    let largest = |logits: &[f64]| largest_logit(logits).map(|(at, _)| at);
    rows.for_each(largest, |class| labels.append_option(class.map(pseudo_name)))?;
    Ok(labels.finish().into_series())
}

/// The rows of a column of logits.
struct Logits {
    name: ColumnName,
    /// None where there is no row that is not null.
    vectors: Option<Embeddings>,
    /// The number of each row among those that are not null; none for one that is.
    place: Vec<Option<usize>>,
}

impl Logits {
    fn read(inputs: &[Series], of: &str, name: &str) -> PolarsResult<Self> {
        let input = single(inputs)?;
        let name = ColumnName { what: "logits", name: name.to_string(), of: of.to_string() };
        let column = with_floats(field(input, "logits")?)?;
        let (mut rows, is_there) = (Vec::new(), column.is_not_null());
        let places = (0..).zip(is_there.iter()).map(|(row, is_there)| {
            (is_there == Some(true)).then(|| {
                rows.push(row);
                rows.len() - 1
            })
        });
        let place = places.collect();
        let vectors = Embeddings::read(&column, &rows, &name);
        let vectors = if rows.is_empty() { None } else { Some(vectors?) };
        Ok(Self { name, vectors, place })
    }

    /// What `of` makes of every row, in order; it makes nothing of a row without a largest logit.
    fn for_each<T>(
        &self,
        of: impl Fn(&[f64]) -> Option<T>,
        mut append: impl FnMut(Option<T>),
    ) -> PolarsResult<()> {
        let Some(vectors) = &self.vectors else {
            self.place.iter().for_each(|_| append(None));
            return Ok(());
        };
        let table = vectors.table()?;
        let mut logits = vec![0.0; vectors.width()];
        let mut faults = 0;
        for place in &self.place {
            let found = place.map(|place| {
                table.copy_row(vectors.rows[place] as usize, &mut logits);
                of(&logits)
            });
            faults += usize::from(matches!(found, Some(None)));
            append(found.flatten());
        }
        polars_ensure!(
            faults == 0,
            ComputeError:
            "{} has {faults} of {} rows with NaN, with an infinite value or with nothing but minus \
             infinity; leave these rows out with a filter or repair them",
            self.name,
            vectors.rows.len()
        );
        Ok(())
    }
}

/// Integers, which are logits too, as floats.
fn with_floats(column: Series) -> PolarsResult<Series> {
    let floats = Box::new(DataType::Float64);
    match column.dtype() {
        DataType::List(inner) if inner.is_integer() => column.cast(&DataType::List(floats)),
        DataType::Array(inner, width) if inner.is_integer() => {
            column.cast(&DataType::Array(floats, *width))
        }
        _ => Ok(column),
    }
}
