//! The sliced Wasserstein distance: the mean of exact one-dimensional distances over random lines.
//!
//! `SW_p = (E_theta W_p^p(<theta, x>, <theta, y>))^(1/p)` with `theta` uniform on the unit sphere.
//! On a line the optimal coupling pairs quantiles, so one projection costs a sort. The expectation
//! is a mean over drawn directions, reported with its standard error.
//!
//! `0 <= SW_p <= W_p`; a metric that metrises the same convergence, but smaller by a factor that
//! grows with the dimension `d` (`SW_2 <= W_2 / sqrt(d)`): compare values of one `d` only.
//!
//! Time `O(L (n + m) (d + log(n + m)))` for `L` projections; memory `O(n + m)` beyond the points.
//!
//! Reference: Bonneel, Rabin, Peyré and Pfister, "Sliced and Radon Wasserstein barycenters of
//! measures", *Journal of Mathematical Imaging and Vision* 51, 2015. POT's
//! `sliced_wasserstein_distance` is the same estimator without the error.

use faer::MatRef;
use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use thiserror::Error;

use crate::linalg::Matrix;
use crate::sampling::{generator, Stream};
use crate::transport::exact::masses::Masses;
use crate::transport::line;
use crate::transport::weights::uniform;
use crate::transport::{check_width, normalised_mass, Side, TransportError, WeightedPoints};

/// Directions projected on in one matrix product.
const BLOCK: usize = 32;

/// Why there is no sliced distance.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SlicedError {
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("a sliced distance needs at least one projection; 1000 give about 1 to 3 % of error")]
    NoProjections,
    #[error(
        "a projection of the points is not finite; scale the points down, or leave out those \
        with NaN or infinite coordinates"
    )]
    BadProjection,
}

/// A sliced distance and how well the drawn directions determine it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlicedWasserstein {
    /// The distance, in the units of the coordinates.
    pub distance: f64,
    /// Standard error of `distance` over the draw of directions (for `p > 1` that of the mean
    /// `W_p^p`, carried through the root to first order). `None` for a single direction.
    pub standard_error: Option<f64>,
}

/// What to compute and how closely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// The `p` of `SW_p`, at least 1.
    pub power: f64,
    /// How many directions are drawn.
    pub projections: usize,
    pub seed: u64,
}

/// `SW_p` between points `x` (`n x d`) and `y` (`m x d`). The directions depend on `d` and the seed
/// alone.
///
/// # Errors
/// An empty side, points of different width, unusable weights, `p` below 1, no projections, or
/// projections that are not finite.
pub fn sliced_wasserstein(
    x: WeightedPoints<'_>,
    y: WeightedPoints<'_>,
    settings: &Settings,
) -> Result<SlicedWasserstein, SlicedError> {
    let Settings { power, projections, seed } = *settings;
    if projections == 0 {
        return Err(SlicedError::NoProjections);
    }
    let mut rng = generator(seed, Stream::Directions);
    let mut distances = Vec::with_capacity(projections);
    while distances.len() < projections {
        let count = BLOCK.min(projections - distances.len());
        let directions = draw_directions(count, x.points.ncols(), &mut rng);
        distances.extend(along(directions.view(), x, y, power)?);
    }
    Ok(summarise(&distances, power))
}

/// `W_p` between the projections of `x` and `y` on each row of `directions`. All are held at once,
/// `n + m` numbers for each direction.
///
/// # Errors
/// Those of [`sliced_wasserstein`].
pub fn along(
    directions: MatRef<'_, f64>,
    x: WeightedPoints<'_>,
    y: WeightedPoints<'_>,
    power: f64,
) -> Result<Vec<f64>, SlicedError> {
    check_power(power)?;
    check_width(x, y)?;
    let (x_weight, y_weight) = (checked(Side::Source, x)?, checked(Side::Target, y)?);
    let masses = Masses::new(&positive(&x_weight), &positive(&y_weight))?;
    let x = Projections::of_points(directions, x.points, &x_weight, &masses.source);
    let y = Projections::of_points(directions, y.points, &y_weight, &masses.target);
    between(x, y, &masses, power)
}

/// `W_p` between places on lines: row `k` of `x` and of `y` are the places of the two sides on line
/// `k`, all of one weight.
///
/// # Errors
/// An empty side, a power below 1, or places that are not finite.
pub fn between_places(x: Matrix, y: Matrix, power: f64) -> Result<Vec<f64>, SlicedError> {
    check_power(power)?;
    if x.ncols() == 0 || y.ncols() == 0 {
        return Err(TransportError::EmptySide.into());
    }
    let masses = Masses::new(&uniform(x.ncols()), &uniform(y.ncols()))?;
    let x = Projections::new(x, &masses.source);
    let y = Projections::new(y, &masses.target);
    between(x, y, &masses, power)
}

fn check_power(power: f64) -> Result<(), TransportError> {
    if power.is_finite() && power >= 1.0 {
        return Ok(());
    }
    let allowed = "a finite number of at least 1";
    let distance = "the sliced Wasserstein distance";
    Err(TransportError::Power { distance, allowed, found: power })
}

/// `W_p` between two sides on each line.
fn between(
    mut x: Projections,
    mut y: Projections,
    masses: &Masses,
    p: f64,
) -> Result<Vec<f64>, SlicedError> {
    let mut differences = Vec::new();
    (0..x.values.nrows())
        .map(|k| {
            x.sort(k);
            y.sort(k);
            differences.clear();
            line::for_each_move(&x.sorted, &y.sorted, masses, |a, b, mass| {
                differences.push(((a - b).abs(), mass));
            });
            let distance = power_mean(&differences, p);
            // A NaN projection sorts to an end, so it is in some difference.
            if distance.is_finite() {
                Ok(distance)
            } else {
                Err(SlicedError::BadProjection)
            }
        })
        .collect()
}

/// One side's weights, normalised unless all are the same.
fn checked(side: Side, points: WeightedPoints<'_>) -> Result<Vec<f64>, TransportError> {
    match points.weight {
        // Not normalised, so that the weights are whole numbers.
        None if points.count() > 0 => Ok(uniform(points.count())),
        _ => normalised_mass(side, points),
    }
}

fn positive(weights: &[f64]) -> Vec<f64> {
    weights.iter().copied().filter(|w| *w > 0.0).collect()
}

/// One side's projections on some directions, and those on one of them in order.
struct Projections {
    /// One row per direction, one column per point that has mass.
    values: Matrix,
    mass: Vec<i64>,
    uniform: bool,
    /// `(projection, mass)`, ascending.
    sorted: Vec<(f64, i64)>,
}

impl Projections {
    fn of_points(
        directions: MatRef<'_, f64>,
        points: MatRef<'_, f64>,
        weights: &[f64],
        mass: &[i64],
    ) -> Self {
        let mut values = Matrix::zeros(directions.nrows(), points.nrows());
        values.set_to_product(directions, points.transpose());
        if mass.len() < weights.len() {
            let kept: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0.0).collect();
            let all = values;
            values = Matrix::from_fn(all.nrows(), kept.len(), |k, i| all.row(k)[kept[i]]);
        }
        Self::new(values, mass)
    }

    fn new(values: Matrix, mass: &[i64]) -> Self {
        let uniform = mass.windows(2).all(|pair| pair[0] == pair[1]);
        Self { values, mass: mass.to_vec(), uniform, sorted: Vec::new() }
    }

    fn sort(&mut self, direction: usize) {
        let row = self.values.row_mut(direction);
        if self.uniform {
            // Equal masses need not follow their points, and bare numbers sort faster.
            row.sort_unstable_by(f64::total_cmp);
            self.sorted.clear();
            self.sorted.extend(row.iter().copied().zip(self.mass.iter().copied()));
        } else {
            line::put_in_order(&mut self.sorted, row.iter().copied(), &self.mass);
        }
    }
}

/// `(sum mass * value^p)^(1/p)` of `(value, mass)` pairs; dividing by the largest value first keeps
/// powers from overflowing.
fn power_mean(values: &[(f64, f64)], p: f64) -> f64 {
    let largest =
        values.iter().fold(0.0_f64, |acc, v| if v.0 > acc || v.0.is_nan() { v.0 } else { acc });
    if largest == 0.0 || !largest.is_finite() {
        return largest;
    }
    let sum: f64 = values.iter().map(|(value, mass)| mass * (value / largest).powf(p)).sum();
    largest * sum.powf(1.0 / p)
}

/// The power mean of distances along drawn directions, which estimates that over all directions.
#[must_use]
pub fn summarise(distances: &[f64], p: f64) -> SlicedWasserstein {
    let count = distances.len() as f64;
    let largest = distances.iter().fold(0.0_f64, |acc, w| acc.max(*w));
    if largest == 0.0 {
        return SlicedWasserstein {
            distance: 0.0,
            standard_error: (distances.len() > 1).then_some(0.0),
        };
    }
    let powers = || distances.iter().map(|w| (w / largest).powf(p));
    let mean = powers().sum::<f64>() / count;
    let distance = largest * mean.powf(1.0 / p);
    let standard_error = (distances.len() > 1).then(|| {
        let variance = powers().map(|w| (w - mean) * (w - mean)).sum::<f64>() / (count - 1.0);
        distance / (p * mean) * (variance / count).sqrt()
    });
    SlicedWasserstein { distance, standard_error }
}

/// Rows uniform on the unit sphere.
#[must_use]
pub fn draw_directions(count: usize, width: usize, rng: &mut Xoshiro256PlusPlus) -> Matrix {
    let mut directions = Matrix::from_fn(count, width, |_, _| standard_normal(rng));
    for row in directions.rows_mut() {
        let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        for v in row {
            *v /= norm;
        }
    }
    directions
}

/// Box and Muller's transform.
fn standard_normal(rng: &mut Xoshiro256PlusPlus) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}
