//! The bytes of a file as the Parquet reader asks for them: from a disk as they are, from an object
//! store in blocks, because each request costs a round trip.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use crate::storage::error::StorageError;
use crate::storage::location::{first_line, size, waited, Location};

/// Bytes that are asked for at least at a time.
const BLOCK: u64 = 8 << 20;
/// Blocks that are kept: one for each column that is read at once.
const KEPT: usize = 4;

/// A file that bytes are read from.
pub enum FileBytes {
    Local(File),
    Remote(RemoteFile),
}

/// A file in an object store, with the blocks read last.
pub struct RemoteFile {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
    /// Where each begins, and its bytes.
    blocks: Mutex<VecDeque<(u64, Bytes)>>,
}

impl FileBytes {
    /// Opens a file, called `name` in messages.
    ///
    /// # Errors
    /// The file is not there, or may not be read.
    pub fn open(location: &Location, name: &str) -> std::result::Result<Self, StorageError> {
        match location {
            Location::Local(path) => File::open(path).map(Self::Local).map_err(|error| {
                StorageError::Open { file: name.to_owned(), reason: error.to_string() }
            }),
            Location::Remote { address, store, path } => {
                let size = size(store, path).map_err(|error| StorageError::Address {
                    address: address.clone(),
                    reason: first_line(&error),
                })?;
                let blocks = Mutex::default();
                let remote = RemoteFile { store: store.clone(), path: path.clone(), size, blocks };
                Ok(Self::Remote(remote))
            }
        }
    }
}

impl FileBytes {
    /// Opens the same file once more, for another thread to read: what is known of a remote one
    /// need not be asked for again.
    ///
    /// # Errors
    /// The file is no longer there.
    pub fn again(
        &self,
        location: &Location,
        name: &str,
    ) -> std::result::Result<Self, StorageError> {
        let Self::Remote(file) = self else {
            return Self::open(location, name);
        };
        let blocks = file.blocks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (store, path) = (file.store.clone(), file.path.clone());
        Ok(Self::Remote(RemoteFile { store, path, size: file.size, blocks: Mutex::new(blocks) }))
    }
}

impl RemoteFile {
    fn range(&self, start: u64, length: u64) -> Result<Bytes> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let holds = |(first, bytes): &(u64, Bytes)| {
            (*first..=first + bytes.len() as u64).contains(&start)
                && start + length <= first + bytes.len() as u64
        };
        if let Some((first, bytes)) = blocks.iter().find(|block| holds(block)) {
            let from = (start - first) as usize;
            return Ok(bytes.slice(from..from + length as usize));
        }
        let end = (start + length.max(BLOCK)).min(self.size);
        if start + length > end {
            return Err(ParquetError::EOF(format!("the file ends at byte {}", self.size)));
        }
        let bytes = waited(self.store.get_range(&self.path, start..end))
            .map_err(|error| ParquetError::General(first_line(&error)))?;
        blocks.push_back((start, bytes.clone()));
        if blocks.len() > KEPT {
            blocks.pop_front();
        }
        Ok(bytes.slice(..length as usize))
    }
}

impl Length for FileBytes {
    fn len(&self) -> u64 {
        match self {
            Self::Local(file) => file.len(),
            Self::Remote(file) => file.size,
        }
    }
}

/// Reads on from a place in a file.
pub enum Reader {
    Local(BufReader<File>),
    Remote(Cursor<Bytes>),
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Local(file) => file.read(buffer),
            Self::Remote(bytes) => bytes.read(buffer),
        }
    }
}

/// Bytes that a header of a page takes at most: what is read from a place is a header.
const HEADER: u64 = 1 << 16;

impl ChunkReader for FileBytes {
    type T = Reader;

    fn get_read(&self, start: u64) -> Result<Reader> {
        match self {
            Self::Local(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(start))?;
                Ok(Reader::Local(BufReader::new(file)))
            }
            Self::Remote(file) => {
                let length = HEADER.min(file.size.saturating_sub(start));
                Ok(Reader::Remote(Cursor::new(file.range(start, length)?)))
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        match self {
            Self::Local(file) => file.get_bytes(start, length),
            Self::Remote(file) => file.range(start, length as u64),
        }
    }
}
