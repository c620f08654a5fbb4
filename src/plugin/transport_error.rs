//! What went wrong in a transport problem, in the caller's terms.

use polars::prelude::*;

use crate::transport::sinkhorn::SinkhornError;
use crate::transport::sliced::SlicedError;
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

pub fn sliced_error(error: &SlicedError, between: &str) -> PolarsError {
    match error {
        SlicedError::Transport(error) => transport_error(error, between),
        error => polars_err!(ComputeError: "{between}: {error}"),
    }
}

pub fn sinkhorn_error(error: &SinkhornError, between: &str) -> PolarsError {
    match error {
        SinkhornError::Transport(error) => transport_error(error, between),
        error => polars_err!(ComputeError: "{between}: {error}"),
    }
}
