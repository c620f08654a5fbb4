pub mod transport;
#[cfg(feature = "python")]
use pyo3::prelude::*;
#[cfg(feature = "python")]
#[pymodule]
fn _internal(_m: &Bound<'_, PyModule>) -> PyResult<()> { Ok(()) }
