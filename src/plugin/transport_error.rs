//! What went wrong in a transport problem, in the caller's terms.

use polars::prelude::*;

use crate::transport::TransportError;

/// The error of a transport problem; `between` says which sides it is about. Row numbers are left
/// out, because they are not the caller's.
pub fn transport_error(error: &TransportError, between: &str) -> PolarsError {
    match error {
        TransportError::BadCost { .. } | TransportError::Overflow => polars_err!(
            ComputeError:
            "the distances between {between} are too large for a float; scale the embeddings down"
        ),
        error => polars_err!(ComputeError: "{between}: {error}"),
    }
}
