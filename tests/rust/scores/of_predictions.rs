//! Nuclear norm and entropy of predictions: values of numpy, known cases, and what must not matter.

use crate::generators::random_tables::{distributions, generator};
use crate::generators::{assert_close, cases};
use ndarray::{Array2, Axis};
use polars_transferability::rows::Table;
use polars_transferability::scores::nuclear_norm::nuclear_norm;
use polars_transferability::scores::prediction_entropy::prediction_entropy;
use polars_transferability::scores::{ProbabilityError, ScoreError};
use proptest::prelude::*;
use rand::seq::SliceRandom;

/// Both scores of all rows.
fn both(rows: &Array2<f64>) -> (f64, f64) {
    let numbers: Vec<u32> = (0..rows.nrows() as u32).collect();
    let table = || Table::F64(rows.view());
    (nuclear_norm(table(), &numbers).unwrap(), prediction_entropy(table(), &numbers).unwrap())
}

/// Row `i` is certain of class `class(i)`.
fn certain(rows: usize, sources: usize, class: impl Fn(usize) -> usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, sources), |(i, z)| f64::from(u8::from(class(i) == z)))
}

#[test]
fn they_are_numpys() {
    // np.linalg.norm(P, "nuc") / np.sqrt(N * min(N, Z)) and (P * np.log(P)).sum(1).mean().
    let wave =
        Array2::from_shape_fn((10, 4), |(i, z)| (1.7 * (4 * i + z) as f64).sin().abs() + 0.1);
    let rows = &wave / &wave.sum_axis(Axis(1)).insert_axis(Axis(1));
    let (norm, entropy) = both(&rows);
    assert_close(norm, 0.3995676422279886, 1e-13);
    assert_close(entropy, -1.2672124496560464, 1e-14);
    let few = nuclear_norm(Table::F64(rows.view()), &[0, 1, 2]).unwrap();
    assert_close(few, 0.4233660419965641, 1e-13);
}

#[test]
fn certain_rows_of_every_class_have_the_most_and_uniform_rows_the_least() {
    for (n, z) in [(12, 4), (1, 1), (3000, 2), (5, 5)] {
        let (norm, entropy) = both(&certain(n, z, |i| i % z));
        assert_close(norm, 1.0, 1e-12);
        assert_eq!(entropy, 0.0);
        assert!(entropy.is_sign_positive(), "-0 would be printed as such");
        let (norm, entropy) = both(&Array2::from_elem((n, z), 1.0 / z as f64));
        assert_close(norm, 1.0 / z as f64, 1e-12);
        // The mean of 3000 equal numbers is rounded as often.
        assert_close(entropy, -(z as f64).ln(), 1e-12);
    }
    // Of one class only: as certain, but the norm sees that the others are missing.
    let (norm, entropy) = both(&certain(12, 4, |_| 2));
    assert_close(norm, 0.5, 1e-13);
    assert_eq!(entropy, 0.0);
}

#[test]
fn blocks_of_rows_are_one_matrix() {
    // A matrix over and over again: its singular values grow with the root of the repetitions.
    let once = distributions(&mut generator(3), 7, 5);
    let numbers: Vec<u32> = (0..7).cycle().take(7 * 450).collect();
    let often = nuclear_norm(Table::F64(once.view()), &numbers).unwrap();
    assert_close(often, both(&once).0, 1e-12);
    let uneven = nuclear_norm(Table::F64(once.view()), &numbers[..7 * 450 - 2]).unwrap();
    assert!((uneven - often).abs() < 1e-2 && uneven != often);
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn they_stay_in_their_range_and_depend_on_no_order(
        seed in any::<u64>(), n in 1usize..70, z in 1usize..9, scale in 0.9995..1.0005f64,
    ) {
        let mut rng = generator(seed);
        let rows = distributions(&mut rng, n, z);
        let (norm, entropy) = both(&rows);
        let least = 1.0 / ((z * z.min(n)) as f64).sqrt();
        prop_assert!(norm >= least - 1e-12 && norm <= 1.0 + 1e-12);
        prop_assert!(entropy <= 0.0 && entropy >= -(z as f64).ln() - 1e-12);
        let mut order: Vec<usize> = (0..n).collect();
        order.shuffle(&mut rng);
        prop_assert_eq!(both(&rows.select(Axis(0), &order)), (norm, entropy));
        let backwards: Vec<usize> = (0..z).rev().collect();
        let other = both(&rows.select(Axis(1), &backwards));
        assert_close(other.0, norm, 1e-12);
        assert_close(other.1, entropy, 1e-12);
        // What rounding leaves of a sum of 1 does not matter.
        let other = both(&(&rows * scale));
        assert_close(other.0, norm, 1e-12);
        assert_close(other.1, entropy, 1e-12);
    }
}

#[test]
fn what_has_no_predictions_is_named() {
    let rows = ndarray::arr2(&[[0.5, 0.5], [0.5, 0.6], [1.5, -0.5]]);
    let table = || Table::F64(rows.view());
    for score in [nuclear_norm, prediction_entropy] {
        assert!(matches!(
            score(table(), &[]),
            Err(ScoreError::FewRows { found: 0, needed: 1, .. })
        ));
        let sum = ProbabilityError::NotADistribution { row: 1, sum: 1.1 };
        assert_eq!(score(table(), &[0, 1]), Err(sum.into()));
        let negative = ProbabilityError::NegativeProbability { row: 2, column: 1, value: -0.5 };
        assert_eq!(score(table(), &[2]), Err(negative.into()));
    }
}
