//! Where a file lies: on a disk, or in an object store.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use object_store::path::Path;
use object_store::{parse_url_opts, ObjectStore, ObjectStoreExt};
use tokio::runtime::{Builder, Runtime};

use crate::storage::error::StorageError;

/// The place of a file.
#[derive(Debug, Clone)]
pub enum Location {
    Local(PathBuf),
    Remote { address: String, store: Arc<dyn ObjectStore>, path: Path },
}

impl Location {
    /// The place that a path or an address such as `s3://bucket/file.parquet` stands for. `options`
    /// go before what the environment says (`AWS_ENDPOINT_URL` and so on).
    ///
    /// # Errors
    /// An address that no object store has.
    pub fn parse(address: &str, options: &[(String, String)]) -> Result<Self, StorageError> {
        if !address.contains("://") {
            return Ok(Self::Local(PathBuf::from(address)));
        }
        let wrong = |reason: String| StorageError::Address { address: address.to_owned(), reason };
        let url = url::Url::parse(address).map_err(|error| wrong(error.to_string()))?;
        let environment = std::env::vars().map(|(key, value)| (key.to_ascii_lowercase(), value));
        let all = environment.chain(options.iter().cloned());
        let (store, path) = parse_url_opts(&url, all).map_err(|error| wrong(first_line(&error)))?;
        Ok(Self::Remote { address: address.to_owned(), store: store.into(), path })
    }
}

/// What a request to an object store gives, waited for.
///
/// # Errors
/// Those of the request, and that the operating system gives no thread to wait with.
pub fn waited<T>(
    request: impl Future<Output = object_store::Result<T>>,
) -> object_store::Result<T> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let start = || Builder::new_multi_thread().worker_threads(1).enable_all().build();
    match RUNTIME.get_or_init(start) {
        Ok(runtime) => runtime.block_on(request),
        Err(error) => Err(object_store::Error::Generic {
            store: "object store",
            source: error.to_string().into(),
        }),
    }
}

/// The size of a remote file.
///
/// # Errors
/// The file is not there, or the store does not answer.
pub fn size(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<u64, object_store::Error> {
    waited(store.head(path)).map(|object| object.size)
}

/// The first line of an error, which may go on with what a server answered.
pub fn first_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
