//! s-OTDD: the sliced optimal transport distance between two labelled data sets.
//!
//! A labelled row is projected on a line by its features and by moments of the features of its
//! class. With a direction `t` on the sphere, whole numbers `k_1, ..., k_5` and a direction `v` on
//! the sphere of 6 dimensions, row `x` of class `y` stands at
//!
//! `v_0 <t, x> + sum_j v_j m_j(y)`, `m_j(y) = mean over the rows x' of y of <t, x'>^k_j / k_j!`,
//!
//! and `s-OTDD_p = (E W_p^p)^(1/p)` of the two data sets on that line, in expectation over `t` and
//! `v`, uniform, and `k_j`, of a Poisson distribution of rate `j` without its zero. The expectation
//! is a mean over drawn projections. Lower is closer; the score is the negated distance, at most 0,
//! so that higher is better. Class names play no role, any numbers of classes compare, and of one
//! class the moments are shifts of all rows.
//!
//! It is a pseudometric for every draw: 0 of a data set and itself, symmetric, and with a triangle
//! inequality. A rotation of both changes the draw alone. Neither shifts nor scales do: moments of
//! order `k` grow with the `k`-th power of the features. Features whose projections are of order
//! one weigh all orders; those of much larger ones are told apart by the largest moment alone, and
//! beyond the range of floats there is no value. Values compare at one width only.
//!
//! Time `O(L (n + m) (d + log(n + m)))` for `L` projections, whatever the classes; memory for the
//! features in double precision, and for 32 projections of each row a thread.
//!
//! Reference: Nguyen, Nguyen, Pham and Ho, "Lightspeed geometric dataset distance via sliced
//! optimal transport", ICML 2025, PMLR 267:46162 (arXiv 2501.18901). Public code (`s-OTDD`)
//! differs: it draws without a seed; beyond 1000 projections those of an incomplete thousand are
//! left out; powers are means in float32 before they are divided by their factorial.

use rand::RngExt;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Deserialize;

use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::row_order::{canonical, CanonicalClasses};
use crate::rows::{Basis, ClassRows, ClassedTable};
use crate::sampling::{generator, Stream};
use crate::scores::transported_rows::check_same_width;
use crate::scores::ScoreError;
use crate::transport::sliced::{between_places, draw_directions, summarise, SlicedError};

const NAME: &str = "s-OTDD";
/// How many moments of a class a projection mixes, as in the paper's experiments.
const MOMENTS: usize = 5;
/// Projections that are computed in one matrix product.
const BLOCK: usize = 32;
/// Projections that are drawn before they are computed, so that threads have some blocks each.
const ROUND: usize = 512;

/// What to compute and how closely.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Settings {
    /// How many projections are drawn.
    pub projections: usize,
    /// The power `p` of the distances, at least 1.
    #[serde(rename = "p")]
    pub power: f64,
    pub seed: u64,
}

/// A projection of labelled rows on a line.
#[derive(Debug, Clone, PartialEq)]
pub struct MomentProjection {
    /// The direction on which features are projected.
    pub direction: Vec<f64>,
    /// The orders of the moments of a class.
    pub orders: Vec<u32>,
    /// What the projected feature counts, and then what each moment does.
    pub mixture: Vec<f64>,
}

/// The negated s-OTDD between two classed tables of one width. The projections depend on the width
/// and the seed alone, and neither the order of rows and classes nor threads change a bit.
///
/// # Errors
/// Sides of different width, no projections, no rows, `p` below 1, or moments that are beyond the
/// range of floats.
pub fn s_otdd(
    source: ClassedTable<'_>,
    target: ClassedTable<'_>,
    settings: Settings,
    parallelism: Parallelism,
) -> Result<f64, ScoreError> {
    let Settings { projections, power, seed } = settings;
    check_same_width(source, target, NAME)?;
    if projections == 0 {
        return Err(SlicedError::NoProjections.into());
    }
    let width = source.table.width();
    let mut rng = generator(seed, Stream::MomentProjections);
    let (source, target) = (ordered(source), ordered(target));
    let mut distances = Vec::new();
    while distances.len() < projections {
        let count = ROUND.min(projections - distances.len());
        let drawn: Vec<MomentProjection> = (0..count).map(|_| draw(width, &mut rng)).collect();
        let blocks: Vec<&[MomentProjection]> = drawn.chunks(BLOCK).collect();
        let found =
            parallelism.collect(blocks.len(), |k| along(blocks[k], &source, &target, power));
        for of_block in found {
            distances.extend(of_block.map_err(worded)?);
        }
    }
    // Not `-distance`, which makes -0 of 0.
    Ok(0.0 - summarise(&distances, power).distance)
}

/// Features are finite, so what is not are their moments.
fn worded(error: SlicedError) -> ScoreError {
    match error {
        SlicedError::BadProjection => ScoreError::MomentRange { score: NAME },
        error => error.into(),
    }
}

/// `W_p` between the rows of two sides on each line.
///
/// # Errors
/// No rows, `p` below 1, or projections that are not finite.
pub fn along(
    projections: &[MomentProjection],
    source: &ClassRows,
    target: &ClassRows,
    power: f64,
) -> Result<Vec<f64>, SlicedError> {
    between_places(places(projections, source), places(projections, target), power)
}

/// Where each row stands on each line: one row for each line, one column for each row.
fn places(projections: &[MomentProjection], rows: &ClassRows) -> Matrix {
    let directions =
        Matrix::from_fn(projections.len(), rows.width(), |k, j| projections[k].direction[j]);
    let mut places = directions.times_transposed(rows.matrix());
    for (projection, places) in projections.iter().zip(places.rows_mut()) {
        for class in 0..rows.classes() {
            place_class(projection, &mut places[rows.start(class)..][..rows.count(class)]);
        }
    }
    places
}

/// Turn the projected features of a class into places.
fn place_class(projection: &MomentProjection, projected: &mut [f64]) {
    let MomentProjection { orders, mixture, .. } = projection;
    let moments: f64 = orders
        .iter()
        .zip(&mixture[1..])
        .map(|(order, share)| share * moment(projected, *order))
        .sum();
    for place in projected {
        *place = mixture[0] * *place + moments;
    }
}

/// The mean of `value^order / order!`, whose factors are taken in turn, because a factorial and a
/// power overflow where their ratio does not.
fn moment(values: &[f64], order: u32) -> f64 {
    let scaled = |value: &f64| (1..=order).map(|factor| value / f64::from(factor)).product::<f64>();
    values.iter().map(scaled).sum::<f64>() / values.len() as f64
}

/// The features by class, in an order that no caller decides.
fn ordered(side: ClassedTable<'_>) -> ClassRows {
    let CanonicalClasses { parts: [classes], .. } = canonical([side]);
    Basis::raw(side.table.width()).project_classes(side.table, &classes)
}

fn draw(width: usize, rng: &mut Xoshiro256PlusPlus) -> MomentProjection {
    MomentProjection {
        direction: draw_directions(1, width, rng).into_values(),
        orders: (1..=MOMENTS).map(|rate| draw_order(rate as f64, rng)).collect(),
        mixture: draw_directions(1, 1 + MOMENTS, rng).into_values(),
    }
}

/// A number of a Poisson distribution without its zero, by the inverse of its cumulative shares.
fn draw_order(rate: f64, rng: &mut Xoshiro256PlusPlus) -> u32 {
    let mut left: f64 = rng.random();
    let mut order = 1;
    let mut share = rate / rate.exp_m1();
    // Shares fall to zero, so this ends whatever rounding leaves of the draw.
    while left >= share && share > 0.0 {
        left -= share;
        order += 1;
        share *= rate / f64::from(order);
    }
    order
}
