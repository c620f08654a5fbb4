//! What is drawn by a seed: generators, rows that are set aside, fewer rows of a class. Class by
//! class, so that the same seed gives the same rows whatever else is in the table.

use rand::seq::SliceRandom;
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// Share of each class's fit rows that choose strength and maps.
const SET_ASIDE: f64 = 0.25;

/// A generator for one purpose (`stream`) under the user's seed.
#[must_use]
pub fn generator(seed: u64, stream: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed ^ stream.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// `rows` with at most `limit` of each class, in their order.
#[must_use]
pub fn limit_rows(
    rows: &[Vec<u32>],
    limit: Option<usize>,
    seed: u64,
    stream: u64,
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

/// Split each class into rows to learn from and rows set aside. A class of one row is in both
/// parts: there is no other way to have it in each.
#[must_use]
pub fn set_aside(rows: &[Vec<u32>], seed: u64, stream: u64) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    let mut rng = generator(seed, stream);
    rows.iter()
        .map(|class| {
            let mut shuffled = class.clone();
            shuffled.shuffle(&mut rng);
            if shuffled.len() < 2 {
                return (shuffled.clone(), shuffled);
            }
            let aside = ((shuffled.len() as f64 * SET_ASIDE).round() as usize).max(1);
            let kept = shuffled.split_off(aside);
            (kept, shuffled)
        })
        .unzip()
}
