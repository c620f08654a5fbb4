//! ETran: its energy.

use crate::generators::assert_close;
use crate::generators::classed_rows::*;
use ndarray::Array2;
use polars_transferability::scores::etran;

/// The energy is the mean over the 0.5 % of rows that have least, and over one row where that is
/// none.
#[test]
fn the_energy_is_that_of_the_least_rows() {
    let labels: Vec<usize> = (0..400).map(|i| i % 2).collect();
    let values = Array2::from_shape_fn((400, 1), |(i, _)| ((i * 7) % 400) as f64);
    let rows = Rows::new(values.clone(), &labels, 2);
    assert_close(etran::parts(rows.table()).unwrap().energy, 0.5, 1e-15);
    let few = Rows::new(values.slice_move(ndarray::s![..10, ..]), &labels[..10], 2);
    assert_close(etran::parts(few.table()).unwrap().energy, 0.0, 1e-15);
}
