//! What can be wrong with a file, in words that name it.

use thiserror::Error;

/// Why a file, or a row group of it, cannot be read. A message begins with the name of the file.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StorageError {
    #[error("{file}: cannot be opened: {reason}")]
    Open { file: String, reason: String },
    #[error("{file}: is no Parquet file, or its end is damaged or missing: {reason}")]
    Footer { file: String, reason: String },
    #[error("{file}, row group {row_group}: cannot be read: {reason}; the file is damaged")]
    RowGroup { file: String, row_group: usize, reason: String },
    #[error("{file}: column '{column}' not found; there are {there}")]
    Missing { file: String, column: String, there: String },
    #[error("{file}: column '{column}' is {found}, but {wanted}")]
    Type { file: String, column: String, found: String, wanted: &'static str },
    #[error(
        "{file}, row group {row_group}: column '{column}' is null in row {row} of it; leave such \
         rows out with a filter, or fill them"
    )]
    Null { file: String, row_group: usize, column: String, row: usize },
    #[error(
        "{file}, row group {row_group}: column '{column}' has a null, NaN or infinite value in row \
         {row} of it; leave such rows out with a filter, or repair them"
    )]
    NotFinite { file: String, row_group: usize, column: String, row: usize },
    #[error(
        "{file}, row group {row_group}: column '{column}' has vectors of width {} and of \
         width {}, in row {row} of it; all must have the same",
        widths[0],
        widths[1]
    )]
    Width { file: String, row_group: usize, column: String, widths: [usize; 2], row: usize },
    #[error(
        "{file}, row group {row_group}: column '{column}' has vectors without any value (width 0)"
    )]
    Empty { file: String, row_group: usize, column: String },
    #[error("{address}: {reason}; look at the address, the network and the credentials")]
    Address { address: String, reason: String },
}
