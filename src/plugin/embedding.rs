//! Reading an embedding column: Array or List of floats as a matrix view, without a copy where the
//! rows stand in one chunk at regular distances, which is the rule.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};

use ndarray::ArrayView2;
use polars::prelude::*;
use pyo3_polars::export::polars_arrow::offset::OffsetsBuffer;

use crate::linalg::Matrix;
use crate::plugin::column_name::ColumnName;
use crate::rows::Table;

/// How many of the lengths found in a ragged column a message lists.
const LENGTHS_SHOWN: usize = 5;
/// Largest absolute values whose fourth powers are floats, with room for sums of them.
const MAGNITUDES: RangeInclusive<f64> = 1e-70..=1e70;
/// The smallest value whose square is a float with all digits, with room for what is left of a sum.
const LEAST_SQUARABLE: f64 = 1e-140;

/// The selected rows of an embedding column.
pub struct Embeddings {
    pub name: ColumnName,
    values: Values,
    width: usize,
    /// Row of [`Self::table`] for each selected row, in order. The table may hold others too.
    pub rows: Vec<u32>,
}

/// The values of one chunk of the column; its rows start at its beginning.
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
        let (inner, spans) = (flat_values(&column)?, Spans::new(&column, rows)?);
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

    /// The table that [`Self::rows`] are row numbers of.
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

    /// Check that all values are finite. `detail` tells a message more about the rows where some
    /// are not.
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

    /// Check that squares and fourth powers of the values can be summed: no value may be too large
    /// for that, nor a whole coordinate so small that its squares vanish, which would make it a
    /// constant.
    pub fn check_magnitude(&self) -> PolarsResult<()> {
        let table = self.table()?;
        let mut sizes = vec![0.0_f64; self.width];
        let mut values = vec![0.0; self.width];
        for &row in &self.rows {
            table.copy_row(row as usize, &mut values);
            for (size, v) in sizes.iter_mut().zip(&values) {
                *size = size.max(v.abs());
            }
        }
        let largest = sizes.iter().copied().fold(0.0, f64::max);
        polars_ensure!(
            largest == 0.0 || MAGNITUDES.contains(&largest),
            ComputeError:
            "{} has {largest:e} as its largest absolute value, but it must lie between {:e} and \
             {:e} for powers of \
             it to be floats; scale it",
            self.name,
            MAGNITUDES.start(),
            MAGNITUDES.end()
        );
        let vanishing = sizes.iter().position(|size| *size > 0.0 && *size < LEAST_SQUARABLE);
        if let Some(place) = vanishing {
            polars_bail!(
                ComputeError:
                "{} has {:e} as the largest absolute value at place {place} of its vectors, which \
                 must be 0 or at least {LEAST_SQUARABLE:e} for squares of it to be floats; scale \
                 that coordinate",
                self.name,
                sizes[place]
            );
        }
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
        "{name} has dtype {}, but it must be Array or List of Float32 or Float64, one vector per \
         row; \
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

/// Where the values of some rows are. Worked out anew each time: kept, it would take more memory
/// than the labels.
struct Spans<'a> {
    /// Ascending.
    rows: &'a [u32],
    chunks: Vec<Chunk<'a>>,
}

struct Chunk<'a> {
    /// The number of the row after its last one.
    end: usize,
    offsets: Offsets<'a>,
}

enum Offsets<'a> {
    /// All rows have this width.
    Regular(usize),
    Listed(&'a OffsetsBuffer<i64>),
}

impl<'a> Spans<'a> {
    fn new(column: &'a Series, rows: &'a [u32]) -> PolarsResult<Self> {
        let offsets: Vec<Offsets<'a>> = if let DataType::Array(_, width) = column.dtype() {
            column.chunk_lengths().map(|_| Offsets::Regular(*width)).collect()
        } else {
            column.list()?.downcast_iter().map(|list| Offsets::Listed(list.offsets())).collect()
        };
        let mut end = 0;
        let chunks = column.chunk_lengths().zip(offsets).map(|(length, offsets)| {
            end += length;
            Chunk { end, offsets }
        });
        Ok(Self { rows, chunks: chunks.collect() })
    }

    fn iter(&self) -> impl Iterator<Item = Span> + '_ {
        let (mut at, mut first) = (0, 0);
        self.rows.iter().map(move |row| {
            let row = *row as usize;
            while row >= self.chunks[at].end {
                first = self.chunks[at].end;
                at += 1;
            }
            let row = row - first;
            let span = match self.chunks[at].offsets {
                Offsets::Regular(width) => row * width..(row + 1) * width,
                Offsets::Listed(offsets) => {
                    let (start, end) = offsets.start_end(row);
                    start..end
                }
            };
            (at, span)
        })
    }
}

/// The flat values, chunked as the column is.
fn flat_values(column: &Series) -> PolarsResult<Series> {
    Ok(match column.dtype() {
        DataType::Array(..) => column.array()?.get_inner(),
        _ => column.list()?.get_inner(),
    })
}

fn common_width(spans: &Spans<'_>, name: &ColumnName) -> PolarsResult<usize> {
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
    spans: &Spans<'_>,
    width: usize,
    name: &ColumnName,
) -> PolarsResult<(ChunkedArray<T>, Vec<u32>)> {
    let chunks: Vec<_> = values.downcast_iter().collect();
    let nulls: usize = spans
        .iter()
        .filter_map(|(chunk, span)| {
            let validity = chunks[chunk].validity()?;
            Some(validity.null_count_range(span.start, span.len()))
        })
        .sum();
    polars_ensure!(
        nulls == 0,
        ComputeError:
        "{name} has {nulls} null values inside its vectors; leave these rows out with a filter or \
         fill them"
    );

    if let Some((chunk, start, rows)) = regular(spans, width) {
        let tail = chunks[chunk].clone().sliced(start, chunks[chunk].len() - start);
        return Ok((ChunkedArray::with_chunk(PlSmallStr::EMPTY, tail), rows));
    }
    let mut copy = Vec::with_capacity(spans.rows.len() * width);
    for (chunk, span) in spans.iter() {
        copy.extend_from_slice(&chunks[chunk].values().as_slice()[span]);
    }
    let rows = (0..spans.rows.len() as u32).collect();
    Ok((ChunkedArray::from_vec(PlSmallStr::EMPTY, copy), rows))
}

/// Chunk and start of a matrix of rows of this width that has every span as one of its rows, and
/// which; `None` where there is no such matrix. Unselected rows of another width, or null lists
/// without values, do no harm as long as the distances are multiples of the width.
fn regular(spans: &Spans<'_>, width: usize) -> Option<(usize, usize, Vec<u32>)> {
    let (chunk, first) = spans.iter().next()?;
    let row = |(c, span): Span| {
        let distance = span.start.checked_sub(first.start)?;
        (c == chunk && distance % width == 0)
            .then(|| u32::try_from(distance / width).ok())
            .flatten()
    };
    // Collected into a vector of the right size, which an iterator of options does not know.
    let mut rows = Vec::with_capacity(spans.rows.len());
    for span in spans.iter() {
        rows.push(row(span)?);
    }
    Some((chunk, first.start, rows))
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
