//! What the scores that draw rows by a seed have in common.

use crate::generators::cases;
use crate::generators::random_tables::*;
use ndarray::Array2;
use polars_transferability::scores::nleep::Settings;
use polars_transferability::scores::{nleep, parc};
use proptest::prelude::*;
use rand::RngExt;

proptest! {
    #![proptest_config(cases(256))]

    /// Rows that are repeated in several classes tie wherever there is something to choose.
    #[test]
    fn ties_depend_on_no_order_or_name(
        seed in any::<u64>(), n in 12usize..60, d in 1usize..4,
    ) {
        let mut rng = generator(seed);
        let rows = Array2::from_shape_simple_fn((n, d), || f64::from(rng.random_range(-1..2)));
        let task = Task { rows, labels: random_labels(&mut rng, n, 3) };
        let others = [task.permuted(seed), task.permuted(seed ^ 1).relabelled()];
        let settings = parc::Settings { axes: Some(2), max_rows: n / 2, seed };
        let compared = |task: &Task| task.with(|t| parc(t, settings));
        let clustered = |task: &Task| {
            let settings = Settings { components: Some(2), seed, ..Settings::default() };
            task.with(|t| nleep::nleep(t, &settings)).map(|found| found.value)
        };
        for other in &others {
            prop_assert_eq!(compared(other).ok(), compared(&task).ok());
            prop_assert_eq!(clustered(other).ok(), clustered(&task).ok());
        }
    }
}
