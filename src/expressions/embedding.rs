//! Reading an embedding column: Array or List of floats as a matrix view, without a copy where the
//! rows stand in one chunk at regular distances, which is the rule.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use ndarray::ArrayView2;
use polars::prelude::*;

use super::column_name::ColumnName;
use crate::features::Table;
use crate::matrix::Matrix;

/// How many of the lengths found in a ragged column a message lists.
const LENGTHS_SHOWN: usize = 5;
/// Largest absolute values whose fourth powers are floats, with room for sums of them.
const MAGNITUDES: RangeInclusive<f64> = 1e-70..=1e70;

/// The selected rows of an embedding column.
pub struct Embeddings {
    pub name: ColumnName,
    values: Values,
    width: usize,
    /// Row of [`Self::table`] for each selected row, in order. The table may hold others too.
    pub rows: Vec<u32>,
}

/// One chunk; rows start at its beginning.
enum Values {
    F32(Float32Chunked),
    F64(Float64Chunked),
}

/// Where the values of one row are: chunk, and range in it.
type Span = (usize, Range<usize>);

impl Embeddings {
    /// Read the rows of `column` that `rows` lists in ascending order; there must be at least one.
    pub fn read(column: &Series, rows: &[u32], name: &ColumnName) -> PolarsResult<Self> {
        let column = as_floats(column, name)?;
        check_no_null(&column, rows, name)?;
        let (inner, spans) = spans(&column, rows)?;
        let width = common_width(&spans, name)?;
        let (values, rows) = match inner.dtype() {
            DataType::Float32 => {
                let (values, rows) = gather(inner.f32()?, &spans, width, name)?;
                (Values::F32(values), rows)
            }
            _ => {
                let (values, rows) = gather(inner.f64()?, &spans, width, name)?;
                (Values::F64(values), rows)
            }
        };
        Ok(Self { name: name.clone(), values, width, rows })
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// The view that [`Self::rows`] points into.
    pub fn table(&self) -> PolarsResult<Table<'_>> {
        Ok(match &self.values {
            Values::F32(values) => Table::F32(view(values, self.width)?),
            Values::F64(values) => Table::F64(view(values, self.width)?),
        })
    }

    /// Some rows of the table in `f64`.
    pub fn matrix(&self, rows: &[u32]) -> PolarsResult<Matrix> {
        let table = self.table()?;
        let mut matrix = Matrix::zeros(rows.len(), self.width);
        for (&row, out) in rows.iter().zip(matrix.rows_mut()) {
            table.copy_row(row as usize, out);
        }
        Ok(matrix)
    }

    pub fn check_same_width(&self, other: &Self) -> PolarsResult<()> {
        polars_ensure!(
            self.width == other.width,
            ComputeError:
            "{} has width {}, but {} has width {}; both must come from the same model",
            self.name,
            self.width,
            other.name,
            other.width
        );
        Ok(())
    }

    /// `detail` tells more about the faults that [`Self::not_finite`] finds.
    pub fn check_finite(
        &self,
        detail: impl FnOnce(&[(usize, usize)]) -> String,
    ) -> PolarsResult<()> {
        let faults = self.not_finite()?;
        polars_ensure!(
            faults.is_empty(),
            ComputeError:
            "{} has {} NaN or infinite value(s) in {} of {} rows{}; \
             leave these rows out with a filter or repair them",
            self.name,
            faults.iter().map(|(_, count)| count).sum::<usize>(),
            faults.len(),
            self.rows.len(),
            detail(&faults)
        );
        Ok(())
    }

    /// What squares and fourth powers are summed of must be neither too large nor too small for that.
    pub fn check_magnitude(&self) -> PolarsResult<()> {
        let table = self.table()?;
        let largest = self.rows.iter().fold(0.0, |largest: f64, row| match table {
            Table::F32(t) => {
                t.row(*row as usize).iter().fold(largest, |l, v| l.max(f64::from(v.abs())))
            }
            Table::F64(t) => t.row(*row as usize).iter().fold(largest, |l, v| l.max(v.abs())),
        });
        polars_ensure!(
            largest == 0.0 || MAGNITUDES.contains(&largest),
            ComputeError:
            "{} has {largest:e} as its largest absolute value, but it must lie between {:e} and {:e} for powers of \
             it to be floats; scale it",
            self.name,
            MAGNITUDES.start(),
            MAGNITUDES.end()
        );
        Ok(())
    }

    /// Number of NaN and infinite values in each selected row, for rows that have any:
    /// `(place in Self::rows, count)`.
    fn not_finite(&self) -> PolarsResult<Vec<(usize, usize)>> {
        let table = self.table()?;
        let count = |row: u32| match table {
            Table::F32(t) => t.row(row as usize).iter().filter(|v| !v.is_finite()).count(),
            Table::F64(t) => t.row(row as usize).iter().filter(|v| !v.is_finite()).count(),
        };
        let counts = self.rows.iter().map(|row| count(*row)).enumerate();
        Ok(counts.filter(|(_, count)| *count > 0).collect())
    }
}

/// Check the dtype. Half floats, which the mathematics does not take, become `f32`.
fn as_floats(column: &Series, name: &ColumnName) -> PolarsResult<Series> {
    match column.dtype() {
        // All null: the count of nulls says more than the dtype.
        DataType::Null => Ok(column.clone()),
        DataType::Array(inner, width) => match inner.as_ref() {
            DataType::Float32 | DataType::Float64 => Ok(column.clone()),
            DataType::Float16 => column.cast(&DataType::Array(Box::new(DataType::Float32), *width)),
            _ => Err(wrong_dtype(column, name)),
        },
        DataType::List(inner) => match inner.as_ref() {
            DataType::Float32 | DataType::Float64 => Ok(column.clone()),
            DataType::Float16 => column.cast(&DataType::List(Box::new(DataType::Float32))),
            _ => Err(wrong_dtype(column, name)),
        },
        _ => Err(wrong_dtype(column, name)),
    }
}

fn wrong_dtype(column: &Series, name: &ColumnName) -> PolarsError {
    polars_err!(
        ComputeError:
        "{name} has dtype {}, but it must be Array or List of Float32 or Float64, one vector per row; \
         cast it (an extension type first to its storage, a nested one to a flat vector)",
        column.dtype()
    )
}

fn check_no_null(column: &Series, rows: &[u32], name: &ColumnName) -> PolarsResult<()> {
    if column.null_count() == 0 {
        return Ok(());
    }
    let null = column.is_null();
    let count = rows.iter().filter(|row| null.get(**row as usize) == Some(true)).count();
    polars_ensure!(
        count == 0,
        ComputeError:
        "{name} is null in {count} of {} rows; leave them out with a filter or fill them",
        rows.len()
    );
    Ok(())
}

/// The flat values, chunked as the column is, and where each row's are.
fn spans(column: &Series, rows: &[u32]) -> PolarsResult<(Series, Vec<Span>)> {
    let places = places(column, rows).into_iter();
    if let DataType::Array(_, width) = column.dtype() {
        let spans = places.map(|(chunk, row)| (chunk, row * width..(row + 1) * width));
        return Ok((column.array()?.get_inner(), spans.collect()));
    }
    let lists = column.list()?;
    let chunks: Vec<_> = lists.downcast_iter().collect();
    let spans = places.map(|(chunk, row)| {
        let (start, end) = chunks[chunk].offsets().start_end(row);
        (chunk, start..end)
    });
    Ok((lists.get_inner(), spans.collect()))
}

/// Chunk, and row in it, of each of the ascending `rows`.
fn places(column: &Series, rows: &[u32]) -> Vec<(usize, usize)> {
    let mut places = Vec::with_capacity(rows.len());
    let mut rows = rows.iter().map(|row| *row as usize).peekable();
    let mut first = 0;
    for (chunk, length) in column.chunk_lengths().enumerate() {
        while let Some(row) = rows.next_if(|row| *row < first + length) {
            places.push((chunk, row - first));
        }
        first += length;
    }
    places
}

fn common_width(spans: &[Span], name: &ColumnName) -> PolarsResult<usize> {
    let lengths: BTreeSet<usize> = spans.iter().map(|(_, span)| span.len()).collect();
    let shown: Vec<String> = lengths.iter().take(LENGTHS_SHOWN).map(ToString::to_string).collect();
    polars_ensure!(
        lengths.len() <= 1,
        ComputeError:
        "{name} has rows of {} different lengths ({}{}), but all must have the same; \
         select the rows of one model, or repair the others",
        lengths.len(),
        shown.join(", "),
        if lengths.len() > LENGTHS_SHOWN { ", ..." } else { "" }
    );
    let width = lengths.first().copied().unwrap_or(0);
    polars_ensure!(width > 0, ComputeError: "{name} has vectors without any value (width 0)");
    Ok(width)
}

/// One chunk with the rows in it, and where: the column's own memory if that is regular enough,
/// otherwise a copy of these rows.
fn gather<T: PolarsNumericType>(
    values: &ChunkedArray<T>,
    spans: &[Span],
    width: usize,
    name: &ColumnName,
) -> PolarsResult<(ChunkedArray<T>, Vec<u32>)> {
    let chunks: Vec<_> = values.downcast_iter().collect();
    let nulls: usize = spans
        .iter()
        .filter_map(|(chunk, span)| {
            let validity = chunks[*chunk].validity()?;
            Some(validity.null_count_range(span.start, span.len()))
        })
        .sum();
    polars_ensure!(
        nulls == 0,
        ComputeError:
        "{name} has {nulls} null values inside its vectors; leave these rows out with a filter or fill them"
    );

    if let Some((chunk, start, rows)) = regular(spans, width) {
        let tail = chunks[chunk].clone().sliced(start, chunks[chunk].len() - start);
        return Ok((ChunkedArray::with_chunk(PlSmallStr::EMPTY, tail), rows));
    }
    let mut copy = Vec::with_capacity(spans.len() * width);
    for (chunk, span) in spans {
        copy.extend_from_slice(&chunks[*chunk].values().as_slice()[span.clone()]);
    }
    let rows = (0..spans.len() as u32).collect();
    Ok((ChunkedArray::from_vec(PlSmallStr::EMPTY, copy), rows))
}

/// Chunk and start of a matrix of rows of this width that has every span as one of its rows, and
/// which; `None` where there is no such matrix. Unselected rows of another width, or null lists
/// without values, do no harm as long as the distances are multiples of the width.
fn regular(spans: &[Span], width: usize) -> Option<(usize, usize, Vec<u32>)> {
    let (chunk, first) = spans.first()?;
    let row = |(c, span): &Span| {
        let distance = span.start.checked_sub(first.start)?;
        (c == chunk && distance % width == 0)
            .then(|| u32::try_from(distance / width).ok())
            .flatten()
    };
    Some((*chunk, first.start, spans.iter().map(row).collect::<Option<_>>()?))
}

fn view<T: PolarsNumericType>(
    values: &ChunkedArray<T>,
    width: usize,
) -> PolarsResult<ArrayView2<'_, T::Native>> {
    let values = values.downcast_iter().next().map_or(&[][..], |chunk| chunk.values().as_slice());
    let rows = values.len() / width;
    ArrayView2::from_shape((rows, width), &values[..rows * width])
        .map_err(|error| polars_err!(ComputeError: "embedding of width {width}: {error}"))
}
