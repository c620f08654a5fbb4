//! The decomposition that several scores share keeps features of any unit.

use crate::generators::assert_close;
use crate::generators::labelled_rows::*;
use polars_transferability::scores::h_score;

#[test]
fn a_decomposition_keeps_the_directions_of_small_units() {
    let wanted = in_units([1.0; 3]).with(h_score::from_rows).unwrap();
    assert!(wanted > 0.8);
    for units in [[1e-9, 1.0, 1e3], [1e-12, 1e12, 1.0], [1e8, 1.0, 1.0], [1e-60, 1.0, 1e60]] {
        let spectrum = shared(&in_units(units));
        assert_eq!(spectrum.spectrum().values().len(), 3, "{units:?}");
        assert_close(h_score::from_spectrum(&spectrum).unwrap(), wanted, 1e-8);
    }
}
