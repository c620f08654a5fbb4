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
pub mod storage;
pub mod summaries;
pub mod transport;

#[cfg(feature = "python")]
mod python {
    use pyo3::prelude::*;

    use crate::plugin::summaries;

    #[pymodule]
    fn _internal(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add_class::<summaries::PySummaryReader>()?;
        module.add_function(wrap_pyfunction!(summaries::parquet_size, module)?)?;
        module.add_function(wrap_pyfunction!(summaries::free_memory, module)?)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
