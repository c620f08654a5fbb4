//! A Parquet file: its footer, and the rows of its row groups in batches.

use std::collections::HashSet;

use arrow_array::ArrayRef;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::ProjectionMask;
use parquet::basic::{ConvertedType, LogicalType};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;

use crate::storage::columns::{values_of, Batch, Coded, Fault, Vectors};
use crate::storage::error::StorageError;
use crate::storage::file_bytes::FileBytes;
use crate::storage::location::Location;
use crate::storage::value::{Nulls, Value};

/// Values of a vector column that a batch has at most (16 MiB of single floats). Moments are added
/// up batch by batch, so another number would change their last bits.
const BATCH_VALUES: usize = 1 << 22;
/// Rows that a batch has at most.
const BATCH_ROWS: usize = 1 << 14;

/// Which columns are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    pub keys: Vec<String>,
    pub label: String,
    pub vectors: Vec<String>,
    /// What becomes of nulls among keys and labels.
    pub nulls: Nulls,
}

/// A file whose footer has been read.
pub struct ParquetFile {
    name: String,
    location: Location,
    /// Columns that the file lacks, and the one value that each has: those of its folders.
    constants: Vec<(String, Value)>,
    bytes: FileBytes,
    metadata: ArrowReaderMetadata,
    /// How many rows come before each row group.
    first_rows: Vec<u64>,
}

impl ParquetFile {
    /// Opens a file that messages call `name`. `constants` are columns that it lacks, with their
    /// values.
    ///
    /// # Errors
    /// The file is not there, or is no Parquet file.
    pub fn open(
        name: &str,
        location: Location,
        constants: Vec<(String, Value)>,
    ) -> Result<Self, StorageError> {
        let bytes = FileBytes::open(&location, name)?;
        // Names and vectors are plain types of Parquet: no type of Arrow's is needed.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let metadata = ArrowReaderMetadata::load(&bytes, options).map_err(|error| {
            StorageError::Footer { file: name.to_owned(), reason: error.to_string() }
        })?;
        let mut rows = 0;
        let groups = metadata.metadata().row_groups();
        let first_rows = groups.iter().map(|group| {
            rows += group.num_rows().max(0) as u64;
            rows - group.num_rows().max(0) as u64
        });
        let first_rows = first_rows.collect();
        Ok(Self { name: name.to_owned(), location, constants, bytes, metadata, first_rows })
    }

    #[must_use]
    pub fn row_groups(&self) -> usize {
        self.first_rows.len()
    }

    /// How many rows a row group has.
    #[must_use]
    pub fn rows(&self, group: usize) -> usize {
        self.metadata.metadata().row_group(group).num_rows().max(0) as usize
    }

    /// Bytes that the values of some columns take in memory, without those that the file lacks.
    #[must_use]
    pub fn bytes(&self, columns: &[String]) -> u64 {
        let chunks = self.metadata.metadata().row_groups().iter().flat_map(|group| group.columns());
        let chosen = chunks.filter(|chunk| columns.contains(&chunk.column_path().parts()[0]));
        chosen.map(|chunk| chunk.uncompressed_size().max(0) as u64).sum()
    }

    /// The combinations of key values that a row group has rows of, in order of first appearance.
    /// Columns whose statistics tell that all values are equal are not read.
    ///
    /// # Errors
    /// A column that is missing, of another type or damaged, or a null.
    pub fn keys(
        &self,
        group: usize,
        names: &[String],
        nulls: Nulls,
    ) -> Result<Vec<Vec<Value>>, StorageError> {
        let columns = self.name_columns(group, names, nulls)?;
        let read = columns.varying();
        if read.is_empty() {
            let key = columns.constants.into_iter().flatten().collect();
            return Ok(if self.rows(group) > 0 { vec![key] } else { Vec::new() });
        }
        let (mut found, mut seen, mut at) = (Vec::new(), HashSet::new(), 0);
        for batch in self.record_batches(group, &read, BATCH_ROWS)? {
            let batch = batch.map_err(|error| self.damaged(group, &error))?;
            let coded =
                columns.read(&mut batch.columns().iter(), batch.num_rows(), |name, fault| {
                    self.fault(group, name, at, fault)
                })?;
            let mut codes: HashSet<Vec<u32>> = HashSet::new();
            for row in 0..batch.num_rows() {
                let of_row: Vec<u32> = coded.iter().map(|column| column.codes[row]).collect();
                if !codes.contains(&of_row) {
                    let key = values_of(&coded, &of_row);
                    codes.insert(of_row);
                    if seen.insert(key.clone()) {
                        found.push(key);
                    }
                }
            }
            at += batch.num_rows();
        }
        Ok(found)
    }

    /// The rows of a row group, in batches of a size that the width of its vectors alone decides.
    ///
    /// # Errors
    /// A column that is missing, of another type or damaged, a null, or a value that is not finite.
    pub fn batches<'a>(
        &'a self,
        group: usize,
        columns: &'a Columns,
    ) -> Result<impl Iterator<Item = Result<Batch, StorageError>> + 'a, StorageError> {
        let names = [&columns.keys[..], std::slice::from_ref(&columns.label)].concat();
        let names = self.name_columns(group, &names, columns.nulls)?;
        let read = [&names.varying()[..], &columns.vectors].concat();
        let size = self.rows_per_batch(group, &columns.vectors);
        let mut at = 0;
        Ok(self.record_batches(group, &read, size)?.map(move |batch| {
            let batch = batch.map_err(|error| self.damaged(group, &error))?;
            let fault = |name: &str, fault| self.fault(group, name, at, fault);
            let mut arrays = batch.columns().iter();
            let mut keys = names.read(&mut arrays, batch.num_rows(), fault)?;
            let label = keys.pop().unwrap_or_default();
            let vectors =
                columns.vectors.iter().zip(arrays).map(|(name, array)| {
                    Vectors::read(array).map_err(|problem| fault(name, problem))
                });
            let vectors = vectors.collect::<Result<_, _>>()?;
            let first_row = self.first_rows[group] + at as u64;
            at += batch.num_rows();
            Ok(Batch { first_row, rows: batch.num_rows(), keys, label, vectors })
        }))
    }

    fn name_columns(
        &self,
        group: usize,
        names: &[String],
        nulls: Nulls,
    ) -> Result<NameColumns, StorageError> {
        let constants = names.iter().map(|name| self.constant(group, name));
        let constants = constants.collect::<Result<_, _>>()?;
        Ok(NameColumns { names: names.to_vec(), constants, nulls })
    }

    /// The value that a column has in all rows of a row group, if folders or statistics tell.
    fn constant(&self, group: usize, name: &str) -> Result<Option<Value>, StorageError> {
        if let Some((_, value)) = self.constants.iter().find(|(column, _)| column == name) {
            return Ok(Some(value.clone()));
        }
        self.root(name)?;
        let chunks = self.metadata.metadata().row_group(group).columns();
        let chunk = chunks.iter().find(|chunk| chunk.column_path().parts() == [name]);
        Ok(chunk.and_then(only_value))
    }

    /// The number of a column among those of the file.
    fn root(&self, name: &str) -> Result<usize, StorageError> {
        let fields = self.metadata.parquet_schema().root_schema().get_fields();
        fields.iter().position(|field| field.name() == name).ok_or_else(|| {
            let there: Vec<&str> = fields.iter().map(|field| field.name()).collect();
            StorageError::Missing {
                file: self.name.clone(),
                column: name.to_owned(),
                there: there.join(", "),
            }
        })
    }

    /// The batches of some columns of a row group, in the order in which the columns are named.
    fn record_batches(
        &self,
        group: usize,
        names: &[String],
        size: usize,
    ) -> Result<InOrder, StorageError> {
        let roots: Vec<usize> =
            names.iter().map(|name| self.root(name)).collect::<Result<_, _>>()?;
        let bytes = self.bytes.again(&self.location, &self.name)?;
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots.iter().copied());
        let reader =
            ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, self.metadata.clone())
                .with_row_groups(vec![group])
                .with_projection(mask)
                .with_batch_size(size)
                .build()
                .map_err(|error| self.damaged(group, &error))?;
        let mut sorted = roots.clone();
        sorted.sort_unstable();
        sorted.dedup();
        let places = roots.iter().filter_map(|root| sorted.binary_search(root).ok()).collect();
        Ok(InOrder { reader, places })
    }

    fn rows_per_batch(&self, group: usize, vectors: &[String]) -> usize {
        let metadata = self.metadata.metadata().row_group(group);
        let values = metadata.columns().iter();
        let values = values.filter(|chunk| vectors.contains(&chunk.column_path().parts()[0]));
        let most = values.map(|chunk| chunk.num_values().max(0) as usize).max().unwrap_or(0);
        let width = most.div_ceil(self.rows(group).max(1)).max(1);
        (BATCH_VALUES / width).clamp(1, BATCH_ROWS)
    }

    /// The error that a row group cannot be read.
    #[must_use]
    pub fn damaged(&self, row_group: usize, error: &dyn std::fmt::Display) -> StorageError {
        StorageError::RowGroup { file: self.name.clone(), row_group, reason: error.to_string() }
    }

    fn fault(&self, row_group: usize, column: &str, before: usize, fault: Fault) -> StorageError {
        let (file, column) = (self.name.clone(), column.to_owned());
        match fault {
            Fault::Type { found, wanted } => StorageError::Type { file, column, found, wanted },
            Fault::Null { row } => {
                StorageError::Null { file, row_group, column, row: before + row }
            }
            Fault::NotFinite { row } => {
                StorageError::NotFinite { file, row_group, column, row: before + row }
            }
            Fault::Width { first, other, row } => {
                let row = before + row;
                StorageError::Width { file, row_group, column, widths: [first, other], row }
            }
            Fault::Empty => StorageError::Empty { file, row_group, column },
        }
    }
}

/// Columns of names of a row group, and for each the value that all rows have, if that is known.
struct NameColumns {
    names: Vec<String>,
    constants: Vec<Option<Value>>,
    nulls: Nulls,
}

impl NameColumns {
    /// The columns that must be read.
    fn varying(&self) -> Vec<String> {
        let columns = self.names.iter().zip(&self.constants);
        columns.filter(|(_, value)| value.is_none()).map(|(name, _)| name.clone()).collect()
    }

    /// All columns of some rows, of which `arrays` brings those that vary.
    fn read<'a>(
        &self,
        arrays: &mut impl Iterator<Item = &'a ArrayRef>,
        rows: usize,
        fault: impl Fn(&str, Fault) -> StorageError,
    ) -> Result<Vec<Coded>, StorageError> {
        let mut columns = Vec::with_capacity(self.names.len());
        for (name, constant) in self.names.iter().zip(&self.constants) {
            if let Some(value) = constant {
                columns.push(Coded::constant(value.clone(), rows));
            } else if let Some(array) = arrays.next() {
                columns
                    .push(Coded::read(array, self.nulls).map_err(|problem| fault(name, problem))?);
            }
        }
        Ok(columns)
    }
}

/// Record batches with their columns in the order asked for: a reader gives them in the file's.
struct InOrder {
    reader: ParquetRecordBatchReader,
    places: Vec<usize>,
}

impl Iterator for InOrder {
    type Item = Result<arrow_array::RecordBatch, arrow_schema::ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.reader.next()?;
        Some(batch.and_then(|batch| batch.project(&self.places)))
    }
}

/// The value of all rows of a column chunk, where its statistics tell that there is only one.
/// Statistics may shorten texts, but what is equal at both ends was not shortened: the upper end
/// would have been raised.
fn only_value(chunk: &ColumnChunkMetaData) -> Option<Value> {
    let statistics = chunk.statistics().filter(|found| found.null_count_opt() == Some(0))?;
    let description = chunk.column_descr();
    let is_text = matches!(description.logical_type_ref(), Some(LogicalType::String))
        || description.converted_type() == ConvertedType::UTF8;
    let is_plain = description.logical_type_ref().is_none()
        && description.converted_type() == ConvertedType::NONE;
    match statistics {
        Statistics::ByteArray(found) if is_text && found.min_opt()? == found.max_opt()? => {
            found.min_opt()?.as_utf8().ok().map(|text| Value::Text(text.to_owned()))
        }
        Statistics::Boolean(found) if found.min_opt()? == found.max_opt()? => {
            Some(Value::Boolean(*found.min_opt()?))
        }
        Statistics::Int32(found) if is_plain && found.min_opt()? == found.max_opt()? => {
            Some(Value::Integer(i64::from(*found.min_opt()?)))
        }
        Statistics::Int64(found) if is_plain && found.min_opt()? == found.max_opt()? => {
            Some(Value::Integer(*found.min_opt()?))
        }
        _ => None,
    }
}
