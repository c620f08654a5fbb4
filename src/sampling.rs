//! What is drawn by a seed: generators, rows that are set aside, fewer rows of a class. Class by
//! class, so that the same seed gives the same rows whatever else is in the table.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// Share of each class's fit rows that choose strength and maps. After `1 / SET_ASIDE` turns all
/// have been set aside.
const SET_ASIDE: f64 = 0.25;

/// What random numbers are drawn for. Each purpose has a number of its own, which the compiler
/// checks, so that two purposes never draw the same numbers under one seed. A number that changes
/// changes the results of every seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// The source rows that a bound sets aside to choose by.
    BoundSourceAside = 1,
    /// The target rows that a bound sets aside to choose by.
    BoundTargetAside = 2,
    /// The batches of a bound's joint descent.
    BoundBatches = 3,
    /// The source rows that a bound is evaluated on, where a class has more than it may use.
    BoundSourceEvaluation = 11,
    /// The target rows that a bound is evaluated on, where a class has more than it may use.
    BoundTargetEvaluation = 12,
    /// The source rows that a bound is fitted to, where they are not its evaluation rows.
    BoundSourceFit = 13,
    /// The target rows that a bound is fitted to, where they are not its evaluation rows.
    BoundTargetFit = 14,
    /// The seeds of k-means clusters.
    ClusterSeeds = 15,
    /// The directions of a sliced distance.
    Directions = 16,
    /// The rows that a linear probe sets aside to choose its penalty by.
    ProbeAside = 17,
    /// The rows of a side that a transport score moves. Both sides draw from this stream, because
    /// a task against itself must draw the same rows twice.
    TransportedRows = 18,
    /// The rows that PARC compares in pairs.
    ComparedRows = 19,
    /// The order in which the losses of evaluation rows are taken for a claim about the population.
    PopulationOrder = 20,
    /// The directions and orders of moments of a sliced distance of labelled data sets.
    MomentProjections = 21,
    /// The rows that summaries of files keep.
    SummaryRows = 22,
    /// The resamples of a bootstrap.
    Resamples = 0xB007,
}

/// An odd number without a pattern (the golden ratio in 64 bits): multiplied by it, neighbouring
/// streams differ in about half of their bits.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// A generator for one purpose under the user's seed.
#[must_use]
pub fn generator(seed: u64, stream: Stream) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed ^ (stream as u64).wrapping_mul(SPREAD))
}

/// A random number that the seed and a row's place decide, whatever other rows there are.
#[must_use]
pub fn priority(seed: u64, stream: Stream, place: [u64; 2]) -> u64 {
    let start = seed ^ (stream as u64).wrapping_mul(SPREAD);
    place.into_iter().fold(start, |state, number| {
        SplitMix64::seed_from_u64(state ^ number.wrapping_mul(SPREAD)).next_u64()
    })
}

/// `rows` with at most `limit` of each class, in their order.
#[must_use]
pub fn limit_rows(
    rows: &[Vec<u32>],
    limit: Option<usize>,
    seed: u64,
    stream: Stream,
) -> Vec<Vec<u32>> {
    let Some(limit) = limit else {
        return rows.to_vec();
    };
    let mut rng = generator(seed, stream);
    rows.iter()
        .map(|class| {
            if class.len() <= limit {
                return class.clone();
            }
            let mut drawn: Vec<usize> = (0..class.len()).collect();
            drawn.shuffle(&mut rng);
            drawn.truncate(limit);
            drawn.sort_unstable();
            drawn.into_iter().map(|at| class[at]).collect()
        })
        .collect()
}

/// Rows by class, of which some are set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// The rows to learn from.
    pub learn: Vec<Vec<u32>>,
    /// The rows to judge by.
    pub aside: Vec<Vec<u32>>,
}

/// Split each class into rows to learn from and rows set aside. Another `turn` sets other rows
/// aside, until all have been; then it begins again. A class of one row is in both parts: there is
/// no other way to have it in each.
#[must_use]
pub fn set_aside(rows: &[Vec<u32>], seed: u64, stream: Stream, turn: usize) -> SetAside {
    let mut rng = generator(seed, stream);
    let (learn, aside) = rows
        .iter()
        .map(|class| {
            let mut shuffled = class.clone();
            shuffled.shuffle(&mut rng);
            if shuffled.len() < 2 {
                return (shuffled.clone(), shuffled);
            }
            let aside = ((shuffled.len() as f64 * SET_ASIDE).round() as usize).max(1);
            let start = turn * aside % shuffled.len();
            shuffled.rotate_left(start);
            let kept = shuffled.split_off(aside);
            (kept, shuffled)
        })
        .unzip();
    SetAside { learn, aside }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_row_is_set_aside_in_one_turn(counts in prop::collection::vec(1_u32..30, 1..5)) {
            let rows: Vec<Vec<u32>> = counts.iter().map(|n| (0..*n).collect()).collect();
            let turns: Vec<SetAside> =
                (0..4).map(|turn| set_aside(&rows, 3, Stream::BoundTargetAside, turn)).collect();
            for (class, all) in rows.iter().enumerate() {
                for turn in &turns {
                    let (learn, aside) = (&turn.learn[class], &turn.aside[class]);
                    let mut both = [&learn[..], &aside[..]].concat();
                    both.sort_unstable();
                    both.dedup();
                    prop_assert_eq!(&both, all);
                    prop_assert!(all.len() == 1 || learn.len() + aside.len() == all.len());
                }
                let mut once: Vec<u32> =
                    turns.iter().flat_map(|turn| turn.aside[class].clone()).collect();
                once.sort_unstable();
                once.dedup();
                // Quarters are rounded, so that up to two rows may be left over.
                prop_assert!(once.len() + 2 >= all.len());
            }
        }
    }
}
