//! One side of the pairs: the scores or the truths, with their order and their differences, both
//! exact.

/// Up to here every integer is a float.
const LARGEST_EXACT: u128 = 1 << f64::MANTISSA_DIGITS;

/// The numbers of one side.
///
/// Floats of 64 bits hold integers up to 2^53. Larger ones (parameter counts, steps, hashes) and
/// decimals are kept as they are: turned into floats, neighbours would tie.
#[derive(Debug, Clone, PartialEq)]
enum Numbers {
    Floats(Vec<f64>),
    /// Numerators over one denominator.
    Integers {
        values: Vec<i128>,
        denominator: f64,
    },
}

/// Numbers, and a place for each: larger for larger numbers, the same for equal ones.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedNumbers {
    numbers: Numbers,
    places: Vec<u32>,
}

impl RankedNumbers {
    /// Makes a side of floats, which are finite.
    #[must_use]
    pub fn of_floats(values: &[f64]) -> Self {
        // Adding 0 turns -0 into 0, so that equal values are equal in the total order.
        let values: Vec<f64> = values.iter().map(|v| v + 0.0).collect();
        let places = places(values.len(), |a, b| values[a].total_cmp(&values[b]));
        Self { numbers: Numbers::Floats(values), places }
    }

    /// Makes a side of integers, each divided by `denominator`, which is above 0: 1, or 100 for
    /// decimals with two places.
    #[must_use]
    pub fn of_integers(values: Vec<i128>, denominator: f64) -> Self {
        let places = places(values.len(), |a, b| values[a].cmp(&values[b]));
        Self { numbers: Numbers::Integers { values, denominator }, places }
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    #[must_use]
    pub fn places(&self) -> &[u32] {
        &self.places
    }

    /// Ranks from 0 of the least; equal numbers share the mean of theirs.
    #[must_use]
    pub fn mean_ranks(&self) -> Vec<f64> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by_key(|row| self.places[*row]);
        let mut ranks = vec![0.0; self.len()];
        let mut first = 0;
        for tied in order.chunk_by(|a, b| self.places[*a] == self.places[*b]) {
            let mean = first as f64 + (tied.len() - 1) as f64 / 2.0;
            for at in tied {
                ranks[*at] = mean;
            }
            first += tied.len();
        }
        ranks
    }

    /// Some of the numbers, in the order given.
    #[must_use]
    pub fn pick(&self, rows: &[usize]) -> Self {
        let numbers = match &self.numbers {
            Numbers::Floats(values) => {
                Numbers::Floats(rows.iter().map(|row| values[*row]).collect())
            }
            Numbers::Integers { values, denominator } => Numbers::Integers {
                values: rows.iter().map(|row| values[*row]).collect(),
                denominator: *denominator,
            },
        };
        Self { numbers, places: rows.iter().map(|row| self.places[*row]).collect() }
    }

    /// Number `a` less number `b`.
    #[must_use]
    pub fn difference(&self, a: usize, b: usize) -> f64 {
        match &self.numbers {
            Numbers::Floats(values) => values[a] - values[b],
            Numbers::Integers { values, denominator } => {
                let (a, b) = (values[a], values[b]);
                let size = a.abs_diff(b) as f64 / denominator;
                if a < b {
                    -size
                } else {
                    size
                }
            }
        }
    }

    /// The largest number less the least; 0 of none.
    #[must_use]
    pub fn range(&self) -> f64 {
        let rows = || 0..self.len();
        let least = rows().min_by_key(|row| self.places[*row]);
        let largest = rows().max_by_key(|row| self.places[*row]);
        least.zip(largest).map_or(0.0, |(least, largest)| self.difference(largest, least))
    }

    /// The numbers as floats; where these cannot hold the integers, up to a shift and a factor that
    /// all share.
    ///
    /// Such integers become their distance from the least less that from the largest: each distance
    /// is exact before it is rounded, and the opposite numbers become exactly the opposite floats.
    #[must_use]
    pub fn shifted(&self) -> Vec<f64> {
        match &self.numbers {
            Numbers::Floats(values) => values.clone(),
            Numbers::Integers { values, denominator } => {
                if values.iter().all(|v| v.unsigned_abs() <= LARGEST_EXACT) {
                    return values.iter().map(|v| *v as f64 / denominator).collect();
                }
                let least = values.iter().copied().min().unwrap_or(0);
                let largest = values.iter().copied().max().unwrap_or(0);
                let shifted = |v: &i128| v.abs_diff(least) as f64 - v.abs_diff(largest) as f64;
                values.iter().map(shifted).collect()
            }
        }
    }
}

/// The place of each of `count` numbers among those that differ.
fn places(count: usize, compare: impl Fn(usize, usize) -> std::cmp::Ordering) -> Vec<u32> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_unstable_by(|a, b| compare(*a, *b));
    let mut places = vec![0; count];
    for (place, equal) in (0..).zip(order.chunk_by(|a, b| compare(*a, *b).is_eq())) {
        for at in equal {
            places[*at] = place;
        }
    }
    places
}
