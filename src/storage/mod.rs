//! Parquet files, read row group by row group without holding a table: where they lie
//! ([`location`]), how their bytes are read ([`file_bytes`]), their footers and row groups
//! ([`parquet_file`]), and the columns of a batch of rows ([`columns`], of [`value`]s and vectors).
//! Nothing is computed from the values here, and what rows or classes are for is known above.

pub mod columns;
pub mod error;
pub mod file_bytes;
pub mod location;
pub mod parquet_file;
pub mod value;

pub use columns::{values_of, Batch, Coded, Floats, Vectors};
pub use error::StorageError;
pub use location::Location;
pub use parquet_file::{Columns, ParquetFile};
pub use value::{Nulls, Value};
