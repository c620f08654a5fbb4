//! Data for all tests, how many random cases they try, and when numbers are close.

pub mod bound_tasks;
pub mod classed_rows;
pub mod labelled_rows;
pub mod points;
pub mod random_tables;

use proptest::prelude::ProptestConfig;

/// So many random cases, or as many as the variable `PROPTEST_CASES` says. What fails is shown, not
/// written to a file.
pub fn cases(usual: u32) -> ProptestConfig {
    // Reads the variable.
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { usual };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

#[track_caller]
pub fn assert_close(found: f64, wanted: f64, tolerance: f64) {
    assert!(
        (found - wanted).abs() <= tolerance * wanted.abs().max(1.0),
        "{found:e} is not {wanted:e}: off by {:e}",
        found - wanted
    );
}

#[track_caller]
pub fn assert_all_close(found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_close(*found, *wanted, tolerance);
    }
}
