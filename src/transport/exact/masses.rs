//! Masses of a transport problem as whole numbers of one unit, so that flows, ties and marginals
//! are exact.
//!
//! Weights that are whole multiples of one number, or small fractions of each other, as uniform
//! weights are, become exactly those multiples: source masses times the sum of the target's and the
//! other way round, over their greatest common divisor. Of two clusters that weigh the same on both
//! sides nothing is then left over that would have to travel between them.
//!
//! Other weights are rounded to units of `2^-60` of the total. What rounding leaves over may travel
//! at any cost, so flows of no more than [`Masses::noise`] units mean nothing: a plan leaves them
//! out.

use crate::transport::{Side, TransportError};

/// The sum of masses that are rounded.
const ROUNDED_TOTAL: i64 = 1 << 60;
/// The largest sum of masses that are exact: flows stay far from what an `i64` holds.
const LARGEST_TOTAL: i64 = 1 << 61;

/// Weights are fractions of each other if a denominator up to this one makes whole numbers of them:
/// random weights pass by accident once in millions.
const LARGEST_DENOMINATOR: f64 = 4096.0;
/// Weights come with this relative error: a few roundings of theirs and of the division by the
/// smallest.
const WEIGHT_ERROR: f64 = 4.0 * f64::EPSILON;

/// Units that rounding may leave over, for each point and beside: a sum of normalised weights is
/// off by a few times `2^-53`, which is `2^7` units.
const NOISE_PER_POINT: i64 = 4;
const NOISE: i64 = 1 << 8;
/// A point must have so many times the noise, or it could not be told from it.
const LEAST_MASS: i64 = 4;

/// Both sides' masses in units; each side sums to `total`.
#[derive(Debug, Clone, PartialEq)]
pub struct Masses {
    pub source: Vec<i64>,
    pub target: Vec<i64>,
    pub total: i64,
    /// Flows up to this are what rounding left over. Zero where the masses are exact.
    pub noise: i64,
}

impl Masses {
    /// Rounds the positive weights of both sides to units.
    ///
    /// # Errors
    /// Weights so far apart that the smallest could not be told from rounding.
    pub fn new(source: &[f64], target: &[f64]) -> Result<Self, TransportError> {
        if let Some(exact) = Self::exact(source, target) {
            return Ok(exact);
        }
        let noise = NOISE + NOISE_PER_POINT * (source.len() + target.len()) as i64;
        Ok(Self {
            source: rounded(Side::Source, source, noise)?,
            target: rounded(Side::Target, target, noise)?,
            total: ROUNDED_TOTAL,
            noise,
        })
    }

    fn exact(source: &[f64], target: &[f64]) -> Option<Self> {
        let (mut source, mut target) = (whole_multiples(source)?, whole_multiples(target)?);
        let sum = |side: &[i64]| side.iter().try_fold(0_i64, |sum, mass| sum.checked_add(*mass));
        let (source_sum, target_sum) = (sum(&source)?, sum(&target)?);
        let divisor = greatest_common_divisor(source_sum, target_sum);
        let total = (source_sum / divisor).checked_mul(target_sum)?;
        if total > LARGEST_TOTAL {
            return None;
        }
        source.iter_mut().for_each(|mass| *mass *= target_sum / divisor);
        target.iter_mut().for_each(|mass| *mass *= source_sum / divisor);
        Some(Self { source, target, total, noise: 0 })
    }
}

/// The smallest whole numbers that are to each other as the weights are, within the weights' own
/// rounding.
fn whole_multiples(weights: &[f64]) -> Option<Vec<i64>> {
    let smallest = weights.iter().copied().fold(f64::INFINITY, f64::min);
    let mut denominator = 1.0;
    for weight in weights {
        denominator *= least_denominator(weight / smallest * denominator)?;
        if denominator > LARGEST_DENOMINATOR {
            return None;
        }
    }
    let multiple = |weight: &f64| {
        let multiple = (weight / smallest * denominator).round();
        (multiple < LARGEST_TOTAL as f64).then_some(multiple as i64)
    };
    weights.iter().map(multiple).collect()
}

/// The least number whose product with `value` is whole, by continued fractions.
fn least_denominator(value: f64) -> Option<f64> {
    let (mut before, mut denominator) = (0.0, 1.0);
    let mut rest = value;
    while denominator <= LARGEST_DENOMINATOR {
        let multiple = value * denominator;
        if (multiple - multiple.round()).abs() <= WEIGHT_ERROR * multiple {
            return Some(denominator);
        }
        rest = 1.0 / (rest - rest.floor());
        (before, denominator) = (denominator, rest.floor() * denominator + before);
    }
    None
}

fn greatest_common_divisor(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Weights in units that sum to [`ROUNDED_TOTAL`].
fn rounded(side: Side, weights: &[f64], noise: i64) -> Result<Vec<i64>, TransportError> {
    // Dividing by the largest first keeps the sum finite for weights near f64::MAX.
    let largest = weights.iter().fold(0.0_f64, |acc, w| acc.max(*w));
    let sum: f64 = weights.iter().map(|w| w / largest).sum();
    let share = |weight: &f64| weight / largest / sum;
    let mut units: Vec<i64> =
        weights.iter().map(|w| (share(w) * ROUNDED_TOTAL as f64).round() as i64).collect();
    if let Some(k) = units.iter().position(|&u| u < LEAST_MASS * noise) {
        return Err(TransportError::MassRange { side, smallest: share(&weights[k]), total: 1.0 });
    }
    // Rounding leaves a few units over or short. They are spread so that no point is changed by
    // more than its own rounding error allows.
    let left = ROUNDED_TOTAL - units.iter().sum::<i64>();
    let count = units.len() as i64;
    for unit in &mut units {
        *unit += left / count;
    }
    for unit in units.iter_mut().take((left % count).unsigned_abs() as usize) {
        *unit += left.signum();
    }
    Ok(units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_sides_divide_exactly() {
        let masses = Masses::new(&[0.2; 4], &[7.0; 6]).unwrap();
        assert_eq!((masses.source, masses.target), (vec![3; 4], vec![2; 6]));
        assert_eq!((masses.total, masses.noise), (12, 0));
    }

    #[test]
    fn fractions_of_each_other_are_exact() {
        // Two classes of 17 and 23 rows that stand for a third with weights 0.3 and 0.7.
        let mut weights = vec![0.3 / 17.0; 17];
        weights.extend([0.7 / 23.0; 23]);
        let masses = Masses::new(&weights, &[1.0; 5]).unwrap();
        assert_eq!(masses.noise, 0);
        assert_eq!(masses.source.iter().sum::<i64>(), masses.total);
        assert_eq!(masses.target.iter().sum::<i64>(), masses.total);
        assert_eq!(17 * masses.source[0] * 7, 23 * masses.source[17] * 3);
    }

    #[test]
    fn other_weights_sum_to_the_total() {
        let weights: Vec<f64> = (1..50).map(|k| f64::from(k).sqrt()).collect();
        let masses = Masses::new(&weights, &[1.0, 2.0]).unwrap();
        assert!(masses.noise > 0);
        assert_eq!(masses.source.iter().sum::<i64>(), masses.total);
        assert_eq!(masses.target.iter().sum::<i64>(), masses.total);
        for (unit, weight) in masses.source.iter().zip(&weights) {
            let share = weight / weights.iter().sum::<f64>();
            assert!((*unit as f64 / masses.total as f64 - share).abs() < 1e-15);
        }
    }

    #[test]
    fn weights_that_drown_in_rounding_are_refused() {
        let weights = [2f64.sqrt(), 1e-30];
        let found = Masses::new(&[1.0], &weights).unwrap_err();
        assert!(matches!(found, TransportError::MassRange { side: Side::Target, .. }), "{found}");
    }
}
