//! Certified transferability bounds, transferability scores and exact optimal transport, as Polars
//! expressions.
//!
//! Three layers, each of which knows only the ones below: Python (coercion, frames, commands), the
//! Polars expressions in `plugin` (types, nulls, error text; built with the feature `python`), and
//! the mathematics in all other modules, which know neither Polars nor Python.

pub mod bound;
pub mod estimators;
pub mod linalg;
pub mod parallelism;
#[cfg(feature = "python")]
pub mod plugin;
pub mod ranking;
pub mod rows;
pub mod sampling;
pub mod scores;
pub mod transport;

#[cfg(feature = "python")]
mod python {
    use pyo3::prelude::*;

    #[pymodule]
    fn _internal(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
