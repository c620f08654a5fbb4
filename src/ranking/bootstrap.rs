//! Percentile bootstrap over models.
//!
//! Each resample draws as many pairs as there are, with replacement; an interval goes from the
//! `(1 - confidence) / 2` to the `(1 + confidence) / 2` quantile of a statistic over the resamples
//! (Efron 1979), quantiles interpolated linearly as in numpy. A resample in which a statistic is
//! not defined (all models drawn are equal) does not count for it; a statistic that is defined in
//! none has no interval.
//!
//! The interval speaks of the choice of models, not of noise in their accuracies. With few models
//! it is too short: of three models, a resample can only repeat what the three say.

use crate::ranking::{Pairs, RankingError};
use crate::sampling::{generator, Stream};

/// How often pairs are drawn again, and what share of the results an interval covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    pub resamples: usize,
    /// The share of resamples that an interval covers, between 0 and 1.
    pub confidence: f64,
    pub seed: u64,
}

/// From one quantile of the resampled values to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// An interval for each of `statistics`. The same seed gives the same bits, in any order of rows.
///
/// # Errors
/// A confidence that does not lie between 0 and 1.
pub fn intervals<const N: usize>(
    pairs: &Pairs,
    statistics: impl Fn(&Pairs) -> [Option<f64>; N],
    settings: &Settings,
) -> Result<[Option<Interval>; N], RankingError> {
    let confidence = settings.confidence;
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(RankingError::Confidence(confidence));
    }
    let mut rng = generator(settings.seed, Stream::Resamples);
    let mut values: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    if !pairs.is_empty() {
        for _ in 0..settings.resamples {
            for (values, value) in values.iter_mut().zip(statistics(&pairs.resample(&mut rng))) {
                values.extend(value);
            }
        }
    }
    Ok(values.map(|mut values| {
        values.sort_unstable_by(f64::total_cmp);
        let low = quantile(&values, (1.0 - confidence) / 2.0)?;
        let high = quantile(&values, (1.0 + confidence) / 2.0)?;
        Some(Interval { low, high })
    }))
}

/// Quantile of ascending values, with linear interpolation.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let low = sorted.get(place.floor() as usize)?;
    let high = sorted.get(place.ceil() as usize)?;
    Some(low + (high - low) * place.fract())
}
