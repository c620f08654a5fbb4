//! `SummaryReader` and what else Python asks of files: their size, their names in an object store,
//! and how much memory is free.
//!
//! Summaries become two frames: one with a row for each key, and one with the rows of all samples.

use std::collections::HashSet;

use polars::prelude::*;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3_polars::export::polars_core::runtime::RAYON;
use pyo3_polars::PyDataFrame;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::parallelism::Parallelism;
use crate::plugin::moments::NamedMoments;
use crate::rows::moments::ClassScatters;
use crate::storage::{Columns, Floats, Location, Nulls, ParquetFile, StorageError, Value};
use crate::summaries::reservoir::SampledRow;
use crate::summaries::{Contents, Finished, Source, Summary, SummaryReader};

/// Row groups that each thread reads before their summaries are merged: enough for a thread that is
/// done not to wait long for the others.
const GROUPS_PER_THREAD: usize = 3;

/// Columns of samples by which they merge, named so that no table has them.
const PRIORITY: &str = "priority of the row";
const FILE: &str = "number of the file";
const ROW: &str = "number of the row";

type Options = Vec<(String, String)>;
/// A file's name, its path or address, and the columns that its folders tell.
type File = (String, String, Vec<(String, String)>);
/// For each key its number and row count, moments, and why there are none; and all samples.
type Frames = (PyDataFrame, PyDataFrame);

/// Reads the summaries of all keys of some files, a window of row groups at a time.
#[pyclass(name = "SummaryReader", module = "polars_transferability._internal")]
pub struct PySummaryReader {
    reader: SummaryReader,
    columns: Columns,
}

#[pymethods]
impl PySummaryReader {
    /// Opens files and reads which keys they have. `per_class` says which moments are made; with
    /// None there are none. `nulls` says whether keys and labels may be null. The first file is
    /// number `first_file` of all; with `row_groups` no others of the files are read.
    #[new]
    #[expect(clippy::too_many_arguments, reason = "Python calls it with names")]
    #[pyo3(signature = (*, files, options, keys, label, vectors, per_class, rows_per_class,
        seed, nulls, first_file = 0, row_groups = None))]
    fn new(
        py: Python<'_>,
        files: Vec<File>,
        options: Options,
        keys: Vec<String>,
        label: String,
        vectors: Vec<String>,
        per_class: Option<bool>,
        rows_per_class: usize,
        seed: u64,
        nulls: bool,
        first_file: usize,
        row_groups: Option<Vec<usize>>,
    ) -> Self {
        let sources = files.into_iter().map(|(name, address, folders)| {
            let constants = folders.into_iter().map(|(key, value)| (key, Value::Text(value)));
            let (constants, row_groups) = (constants.collect(), row_groups.clone());
            Source { name, address, constants, row_groups }
        });
        let sources: Vec<Source> = sources.collect();
        let nulls = if nulls { Nulls::Kept } else { Nulls::Refused };
        let columns = Columns { keys, label, vectors, nulls };
        let moments = per_class.map(ClassScatters::kept_if);
        let contents = Contents { moments, rows_per_class, seed };
        let of_reader = columns.clone();
        let reader = py.detach(|| {
            RAYON.install(|| {
                SummaryReader::open(
                    sources,
                    first_file,
                    &options,
                    of_reader,
                    contents,
                    Parallelism::Pool,
                )
            })
        });
        Self { reader, columns }
    }

    /// The keys, one row each.
    fn keys(&self) -> PyResult<PyDataFrame> {
        let keys = self.reader.keys();
        let columns =
            self.columns.keys.iter().enumerate().map(|(at, name)| {
                names(name, &keys.iter().map(|key| &key[at]).collect::<Vec<_>>())
            });
        frame(keys.len(), columns.collect())
    }

    /// The files that cannot be read, and why.
    fn unreadable(&self) -> Vec<(String, String)> {
        let files = self.reader.unreadable().iter();
        files.map(|(name, error)| (name.clone(), error.to_string())).collect()
    }

    /// Reads only some keys, by their numbers.
    fn select(&mut self, keys: HashSet<usize>) {
        self.reader.select(&keys);
    }

    /// The numbers of the row groups of each file that are to be read.
    fn row_groups(&self) -> Vec<Vec<usize>> {
        self.reader.row_groups()
    }

    /// Reads the next row groups; None after the last.
    fn step(&mut self, py: Python<'_>) -> PyResult<Option<Frames>> {
        let many = GROUPS_PER_THREAD * RAYON.current_num_threads();
        let step = py.detach(|| RAYON.install(|| self.reader.step(many, Parallelism::Pool)));
        step.map(|finished| self.frames(finished)).transpose()
    }
}

impl PySummaryReader {
    fn frames(&self, finished: Vec<Finished>) -> PyResult<Frames> {
        let mut numbers = Vec::new();
        let (mut counts, mut moments, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        let mut samples = Vec::new();
        for Finished { key, summary } in finished {
            numbers.push(key as u64);
            match summary {
                Ok(summary) => {
                    counts.push(Some(summary.rows()));
                    problems.push(None);
                    let Summary { classes, moments: own, samples: of_classes, .. } = summary;
                    for (class, sample) in classes.iter().zip(of_classes) {
                        let rows = sample.into_rows();
                        samples.extend(rows.into_iter().map(|row| (key, class.clone(), row)));
                    }
                    let classes = classes.iter().map(ToString::to_string).collect();
                    moments.push(own.map(|moments| NamedMoments { classes, moments }));
                }
                Err(reason) => {
                    counts.push(None);
                    moments.push(None);
                    problems.push(Some(reason));
                }
            }
        }
        samples.sort_by_key(|(key, _, row)| (*key, row.place));
        let columns = vec![
            Series::new("key".into(), &numbers),
            Series::new("n".into(), counts),
            NamedMoments::column(&"moments".into(), &moments).map_err(error)?,
            Series::new("problem".into(), problems),
        ];
        Ok((frame(numbers.len(), columns)?, self.sample(&samples)?))
    }

    fn sample(&self, rows: &[(usize, Value, SampledRow)]) -> PyResult<PyDataFrame> {
        let keys: Vec<u64> = rows.iter().map(|(key, ..)| *key as u64).collect();
        let labels: Vec<&Value> = rows.iter().map(|(_, label, _)| label).collect();
        let of_row = |value: fn(&SampledRow) -> u64| -> Vec<u64> {
            rows.iter().map(|(.., row)| value(row)).collect()
        };
        let mut columns = vec![
            Series::new("key".into(), keys),
            Series::new(PRIORITY.into(), of_row(|row| row.priority)),
            Series::new(FILE.into(), of_row(|row| row.place.file)),
            Series::new(ROW.into(), of_row(|row| row.place.row)),
            names(&self.columns.label, &labels),
        ];
        for (at, name) in self.columns.vectors.iter().enumerate() {
            let vectors: Vec<&Floats> = rows.iter().map(|(.., row)| &row.vectors[at]).collect();
            columns.push(lists(name, &vectors));
        }
        frame(rows.len(), columns)
    }
}

fn frame(height: usize, columns: Vec<Series>) -> PyResult<PyDataFrame> {
    let columns = columns.into_iter().map(Column::from).collect();
    DataFrame::new(height, columns).map(PyDataFrame).map_err(error)
}

fn error(error: PolarsError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// A column of names: of their own type if all that are not null have the same, otherwise text.
fn names(name: &str, values: &[&Value]) -> Series {
    let are = |kind: fn(&Value) -> bool| values.iter().all(|v| **v == Value::Null || kind(v));
    if are(|_| false) {
        return Series::full_null(name.into(), values.len(), &DataType::String);
    }
    if are(|value| matches!(value, Value::Integer(_))) {
        let integer = |v: &&Value| if let Value::Integer(i) = v { Some(*i) } else { None };
        return Series::new(name.into(), values.iter().map(integer).collect::<Vec<_>>());
    }
    if are(|value| matches!(value, Value::Boolean(_))) {
        let boolean = |v: &&Value| if let Value::Boolean(b) = v { Some(*b) } else { None };
        return Series::new(name.into(), values.iter().map(boolean).collect::<Vec<_>>());
    }
    let text = |v: &&Value| (**v != Value::Null).then(|| v.to_string());
    Series::new(name.into(), values.iter().map(text).collect::<Vec<_>>())
}

/// A column of vectors, in single floats if all are.
fn lists(name: &str, vectors: &[&Floats]) -> Series {
    if vectors.iter().all(|vector| matches!(vector, Floats::F32(_))) {
        let single = DataType::Float32;
        let mut builder =
            ListPrimitiveChunkedBuilder::<Float32Type>::new(name.into(), vectors.len(), 0, single);
        for vector in vectors {
            if let Floats::F32(values) = vector {
                builder.append_slice(values.values());
            }
        }
        return builder.finish().into_series();
    }
    let double = DataType::Float64;
    let mut builder =
        ListPrimitiveChunkedBuilder::<Float64Type>::new(name.into(), vectors.len(), 0, double);
    for vector in vectors {
        match vector {
            Floats::F32(values) => {
                let wide: Vec<f64> =
                    values.values().iter().map(|value| f64::from(*value)).collect();
                builder.append_slice(&wide);
            }
            Floats::F64(values) => builder.append_slice(values.values()),
        }
    }
    builder.finish().into_series()
}

fn failed(error: &StorageError) -> PyErr {
    PyOSError::new_err(error.to_string())
}

/// The rows of a Parquet file, and the bytes that the values of some of its columns take.
#[pyfunction]
pub fn parquet_size(
    name: &str,
    address: &str,
    columns: Vec<String>,
    options: Options,
) -> PyResult<(u64, u64)> {
    let location = Location::parse(address, &options).map_err(|error| failed(&error))?;
    let file = ParquetFile::open(name, location, Vec::new()).map_err(|error| failed(&error))?;
    let rows = (0..file.row_groups()).map(|group| file.rows(group) as u64).sum();
    Ok((rows, file.bytes(&columns)))
}

/// Bytes of memory that are free, within the limits of a container if it has some.
#[pyfunction]
pub fn free_memory() -> PyResult<u64> {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::everything());
    let system = System::new_with_specifics(memory)
        .map_err(|error| PyOSError::new_err(error.to_string()))?;
    let free = system.available_memory();
    Ok(system.cgroup_limits().map_or(free, |limits| limits.free_memory.min(free)))
}
