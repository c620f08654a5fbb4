//! The coordinates in which maps are fitted: features standardised and rotated to their principal
//! axes.
//!
//! `z(x) = P diag(1 / sd) (x - mean)`, with the rows of `P` the principal axes of the standardised
//! fit rows, times one factor that makes the mean variance 1. Axes without variance on the fit rows
//! are left out. A rotation changes neither an L2 penalty nor a distance; it makes gradients along
//! different coordinates uncorrelated, takes away directions that the fit rows do not span, and
//! makes everything that is fitted independent of a rotation of the embedding, where features keep
//! their scale.

use std::sync::Arc;

use faer::linalg::solvers::EvdError;
use faer::{Accum, Par};
use ndarray::ArrayView1;

use crate::linalg::gram::add_gram;
use crate::linalg::symmetric_eigen::tridiagonalise;
use crate::linalg::Matrix;
use crate::rows::spectrum::Noise;
use crate::rows::{AffineRows, ClassRows, Table};

/// Axes whose variance is below this share of the largest carry rounding, not signal.
const NEGLIGIBLE_VARIANCE: f64 = 1e-6;
/// A feature that has another value than its usual one in no more than this share of the rows is
/// not taken for finer than a share of the features' median deviation. (One of the 200 features of
/// a LeNet had one value of 0.03 beside 299 zeros, and values up to 0.6 in new rows: 300 of its
/// standard deviations, which made the loss of one row about a thousand nats.)
const UNUSUAL_SHARE: f64 = 0.1;
const FINEST_OF_MEDIAN: f64 = 0.1;
/// Coordinates up to this size are held, and up to this share of the table.
const HELD_BYTES: usize = 5 << 20;
const HELD_SHARE: usize = 50;
/// Rows converted to `f64` at a time.
const BLOCK_ROWS: usize = 256;

/// What becomes of the scale of features, of which the mean is taken out in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Features stay as far apart in scale as they are.
    Kept,
    /// Each feature is divided by its standard deviation, as published scores ask for.
    Standardised,
    /// As [`Scale::Standardised`], but a feature that has a single value in nearly all rows, as
    /// behind a ReLU, is not scaled up as its deviation asks for: the few other values do not tell
    /// how large those of new rows are.
    Guarded,
}

impl Scale {
    /// The scale of features of which no row may become huge, standardised or not.
    #[must_use]
    pub fn guarded_if(standardize: bool) -> Self {
        if standardize {
            Self::Guarded
        } else {
            Self::Kept
        }
    }
}

/// Which axes are left out.
enum Negligible {
    /// Those with a small share of the largest variance.
    Share,
    /// Those whose variance is rounding.
    Rounding,
}

/// An affine change of coordinates fitted to rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Basis {
    standardisation: Arc<Standardisation>,
    /// `r x d`, rows are axes; without them the coordinates are the standardised features.
    axes: Option<Arc<Matrix>>,
}

/// Means and scales that are taken out of features.
#[derive(Debug, Clone, PartialEq)]
pub struct Standardisation {
    mean: Vec<f64>,
    inverse_scale: Vec<f64>,
}

impl Standardisation {
    /// Means, and one over the standard deviations where the scale is taken out. A feature that
    /// does not vary gets scale 0: it says nothing on the fit rows, and must not be blown up on
    /// others.
    fn of(table: Table<'_>, rows: &[u32], scale: Scale) -> Self {
        let (mean, usual) = means(table, rows);
        if scale == Scale::Kept {
            return Self { inverse_scale: vec![1.0; mean.len()], mean };
        }
        let n = rows.len() as f64;
        let (deviations, unusual) = deviations(table, rows, &mean, &usual);
        let finest = match scale {
            Scale::Guarded => FINEST_OF_MEDIAN * median_of_positive(&deviations),
            Scale::Kept | Scale::Standardised => 0.0,
        };
        let inverse_scale = deviations.iter().zip(&unusual).map(|(&sd, &unusual)| match sd {
            0.0 => 0.0,
            sd if f64::from(unusual) <= UNUSUAL_SHARE * n => 1.0 / sd.max(finest),
            sd => 1.0 / sd,
        });
        Self { inverse_scale: inverse_scale.collect(), mean }
    }

    /// Write one row of the table, with mean and scale taken out, into `out`.
    pub fn standardise(&self, table: Table<'_>, row: u32, out: &mut [f64]) {
        let arch = pulp::Arch::new();
        let (mean, inverse_scale) = (&self.mean, &self.inverse_scale);
        match table {
            Table::F32(rows) => {
                let row = rows.row(row as usize);
                arch.dispatch(|| standardise_row(row, mean, inverse_scale, out));
            }
            Table::F64(rows) => {
                let row = rows.row(row as usize);
                arch.dispatch(|| standardise_row(row, mean, inverse_scale, out));
            }
        }
    }
}

/// The mean of every feature, and the value that most rows have, if one is more than half of them.
fn means(table: Table<'_>, rows: &[u32]) -> (Vec<f64>, Vec<f64>) {
    let d = table.width();
    let mut mean = vec![0.0; d];
    let mut buffer = vec![0.0; d];
    let mut usual = vec![Majority::default(); d];
    for &row in rows {
        table.copy_row(row as usize, &mut buffer);
        for (k, v) in buffer.iter().enumerate() {
            mean[k] += v;
            usual[k].vote(*v);
        }
    }
    for (m, usual) in mean.iter_mut().zip(&usual) {
        // The rounding of a constant feature's mean would pass for variance.
        let is_constant = usual.lead as usize == rows.len();
        *m = if is_constant { usual.value } else { *m / rows.len() as f64 };
    }
    (mean, usual.into_iter().map(|usual| usual.value).collect())
}

/// The standard deviation of every feature, 0 where it is rounding, and how many rows have another
/// value than the usual one.
fn deviations(table: Table<'_>, rows: &[u32], mean: &[f64], usual: &[f64]) -> (Vec<f64>, Vec<u32>) {
    let d = table.width();
    let mut buffer = vec![0.0; d];
    let mut variance = vec![0.0; d];
    let mut unusual = vec![0; d];
    for &row in rows {
        table.copy_row(row as usize, &mut buffer);
        for (k, v) in buffer.iter().enumerate() {
            variance[k] += (v - mean[k]) * (v - mean[k]);
            unusual[k] += u32::from(*v != usual[k]);
        }
    }
    let of_features = variance.iter().zip(mean).map(|(s, m)| {
        let sd = (s / rows.len() as f64).sqrt();
        let is_rounding = sd <= 1e-12 * m.abs() || sd <= f64::MIN_POSITIVE;
        if is_rounding {
            0.0
        } else {
            sd
        }
    });
    (of_features.collect(), unusual)
}

/// The value that most of a sequence has, if one is more than half of it (Boyer and Moore, 1981).
#[derive(Clone, Default)]
struct Majority {
    value: f64,
    lead: u32,
}

impl Majority {
    fn vote(&mut self, value: f64) {
        if self.lead == 0 {
            *self = Self { value, lead: 1 };
        } else if value == self.value {
            self.lead += 1;
        } else {
            self.lead -= 1;
        }
    }
}

/// The median of what is above zero; zero if nothing is.
fn median_of_positive(values: &[f64]) -> f64 {
    let mut positive: Vec<f64> = values.iter().copied().filter(|v| *v > 0.0).collect();
    if positive.is_empty() {
        return 0.0;
    }
    let middle = positive.len() / 2;
    *positive.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Plain arithmetic, to be compiled for the widest vectors that the processor has: heads read every
/// row again and again.
#[inline(always)]
fn standardise_row<T: Copy + Into<f64>>(
    row: ArrayView1<'_, T>,
    mean: &[f64],
    inverse_scale: &[f64],
    out: &mut [f64],
) {
    let taken_out = mean.iter().zip(inverse_scale);
    if let Some(row) = row.as_slice() {
        for ((o, v), (m, s)) in out.iter_mut().zip(row).zip(taken_out) {
            *o = ((*v).into() - m) * s;
        }
    } else {
        for ((o, v), (m, s)) in out.iter_mut().zip(&row).zip(taken_out) {
            *o = ((*v).into() - m) * s;
        }
    }
}

impl Basis {
    /// Fit to `rows` of `table`, with at most `max_rank` axes.
    ///
    /// Time `O(n d min(n, d) + min(n, d)^3)`.
    ///
    /// # Errors
    /// The eigenvalue solver did not converge.
    pub fn fit(
        table: Table<'_>,
        rows: &[u32],
        scale: Scale,
        max_rank: usize,
    ) -> Result<Self, EvdError> {
        Self::fit_leading(table, rows, scale, Negligible::Share, |_| max_rank)
    }

    /// As [`Basis::fit`] of features that keep their scale, with axes however small they are beside
    /// the largest, but for those that are rounding: for what gives every axis the same weight.
    ///
    /// # Errors
    /// The eigenvalue solver did not converge.
    pub fn fit_all(table: Table<'_>, rows: &[u32], max_rank: usize) -> Result<Self, EvdError> {
        Self::fit_leading(table, rows, Scale::Kept, Negligible::Rounding, |_| max_rank)
    }

    /// As [`Basis::fit`], with as few axes as have more than `share` of the total variance.
    ///
    /// # Errors
    /// The eigenvalue solver did not converge.
    pub fn fit_energy(
        table: Table<'_>,
        rows: &[u32],
        scale: Scale,
        share: f64,
    ) -> Result<Self, EvdError> {
        Self::fit_leading(table, rows, scale, Negligible::Share, |variance| {
            let wanted = share * variance.iter().sum::<f64>();
            let mut sum = 0.0;
            let below = variance.iter().take_while(|v| {
                sum += **v;
                sum <= wanted
            });
            below.count() + 1
        })
    }

    fn fit_leading(
        table: Table<'_>,
        rows: &[u32],
        scale: Scale,
        negligible: Negligible,
        max_rank: impl Fn(&[f64]) -> usize,
    ) -> Result<Self, EvdError> {
        let d = table.width();
        let mut basis = Self::unrotated(table, rows, scale);
        // Of many features the decomposition takes most of the memory, so what it is made of goes
        // first.
        let by_features = d <= rows.len();
        let symmetric = if by_features {
            basis.covariance(table, rows)
        } else {
            let standardised = basis.standardised(table, rows);
            let mut gram = standardised.times_transposed(&standardised);
            gram.values_mut().iter_mut().for_each(|v| *v /= rows.len() as f64);
            gram
        };
        let noise = match negligible {
            Negligible::Share => Noise::Below(NEGLIGIBLE_VARIANCE),
            Negligible::Rounding => {
                Noise::of(&symmetric, rows.len().max(d)).map_err(|_| EvdError::NoConvergence)?
            }
        };
        let (tridiagonal, reflections) = tridiagonalise(symmetric);
        let diagonalised = tridiagonal.diagonalise(&mut Matrix::default())?;
        let most = max_rank(diagonalised.values()).min(diagonalised.values().len());
        let variance = noise.without(&diagonalised.values()[..most]);
        let rank = variance.len();
        let gain =
            if rank == 0 { 1.0 } else { (rank as f64 / variance.iter().sum::<f64>()).sqrt() };
        let mut axes = diagonalised.leading(rank)?;
        axes.values_mut().iter_mut().for_each(|v| *v *= gain);
        reflections.from_coordinates(&mut axes);
        drop(reflections);
        if !by_features {
            axes = from_dual(&axes, &basis.standardised(table, rows), &variance);
        }
        basis.axes = Some(Arc::new(axes));
        Ok(basis)
    }

    /// Mean and scale only.
    #[must_use]
    pub fn unrotated(table: Table<'_>, rows: &[u32], scale: Scale) -> Self {
        Self { standardisation: Arc::new(Standardisation::of(table, rows, scale)), axes: None }
    }

    /// The mean row of the fit rows.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.standardisation.mean
    }

    /// The features as they are.
    #[must_use]
    pub fn raw(width: usize) -> Self {
        let standardisation =
            Standardisation { mean: vec![0.0; width], inverse_scale: vec![1.0; width] };
        Self { standardisation: Arc::new(standardisation), axes: None }
    }

    /// This basis without its axes.
    #[must_use]
    pub fn without_axes(&self) -> Self {
        Self { axes: None, ..self.clone() }
    }

    /// This basis without its axes, its coordinates times a factor.
    #[must_use]
    pub fn times(&self, factor: f64) -> Self {
        let mut standardisation = (*self.standardisation).clone();
        for scale in &mut standardisation.inverse_scale {
            *scale *= factor;
        }
        Self { standardisation: Arc::new(standardisation), axes: None }
    }

    /// A map of this basis's coordinates, as a map of the standardised features.
    #[must_use]
    pub fn unrotate(&self, weight: &Matrix) -> Matrix {
        let Some(axes) = &self.axes else {
            return weight.clone();
        };
        let mut product = Matrix::zeros(weight.nrows(), axes.ncols());
        product.set_to_product(weight.view(), axes.view());
        product
    }

    /// This basis's axes with the mean and scale of other rows: where the identity transform puts a
    /// target that is standardised by itself.
    #[must_use]
    pub fn restandardised(&self, table: Table<'_>, rows: &[u32]) -> Self {
        let standardisation = Arc::new(Standardisation::of(table, rows, Scale::Guarded));
        Self { standardisation, axes: self.axes.clone() }
    }

    /// The factor by which the coordinates are longer than the standardised features: a weight of
    /// size `w` on a coordinate has size `gain * w` on the features.
    #[must_use]
    pub fn gain(&self) -> f64 {
        match &self.axes {
            Some(axes) if axes.nrows() > 0 => axes.row(0).iter().map(|a| a * a).sum::<f64>().sqrt(),
            _ => 1.0,
        }
    }

    /// Number of coordinates.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.axes.as_ref().map_or(self.mean().len(), |axes| axes.nrows())
    }

    /// The coordinates of some rows.
    #[must_use]
    pub fn project(&self, table: Table<'_>, rows: &[u32]) -> Matrix {
        let Some(axes) = &self.axes else {
            return self.standardised(table, rows);
        };
        let mut out = Matrix::zeros(rows.len(), self.rank());
        let mut block = Matrix::zeros(BLOCK_ROWS.min(rows.len()), table.width());
        for (at, chunk) in rows.chunks(BLOCK_ROWS).enumerate() {
            self.fill(table, chunk, &mut block);
            faer::linalg::matmul::matmul(
                out.view_mut().subrows_mut(at * BLOCK_ROWS, chunk.len()),
                Accum::Replace,
                block.view().subrows(0, chunk.len()),
                axes.view().transpose(),
                1.0,
                Par::Seq,
            );
        }
        out
    }

    /// The coordinates of some classes' rows: held where they take little memory, beside the table
    /// or at all.
    #[must_use]
    pub fn coordinates<'t, R: AsRef<[u32]>>(
        &self,
        table: Table<'t>,
        classes: &[R],
    ) -> AffineRows<'t> {
        self.coordinates_within(table, classes, HELD_BYTES.max(table.bytes() / HELD_SHARE))
    }

    /// Holds the coordinates in memory where they take no more than `memory` bytes, and otherwise
    /// computes them from the table whenever they are asked for.
    #[must_use]
    pub fn coordinates_within<'t, R: AsRef<[u32]>>(
        &self,
        table: Table<'t>,
        classes: &[R],
        memory: usize,
    ) -> AffineRows<'t> {
        AffineRows::of_table(
            table,
            classes,
            Arc::clone(&self.standardisation),
            self.axes.as_ref().map(Arc::clone),
            memory,
        )
    }

    /// The coordinates of some classes' rows, grouped by class.
    #[must_use]
    pub fn project_classes<R: AsRef<[u32]>>(&self, table: Table<'_>, classes: &[R]) -> ClassRows {
        let counts: Vec<usize> = classes.iter().map(|rows| rows.as_ref().len()).collect();
        let rows: Vec<u32> =
            classes.iter().flat_map(|rows| rows.as_ref().iter().copied()).collect();
        ClassRows::new(self.project(table, &rows), counts)
    }

    /// Rows with mean and scale taken out, not rotated.
    fn standardised(&self, table: Table<'_>, rows: &[u32]) -> Matrix {
        let mut out = Matrix::zeros(rows.len(), table.width());
        self.fill(table, rows, &mut out);
        out
    }

    fn fill(&self, table: Table<'_>, rows: &[u32], out: &mut Matrix) {
        for (&row, out) in rows.iter().zip(out.rows_mut()) {
            self.standardise(table, row, out);
        }
    }

    /// Write one row of the table, with mean and scale taken out, into `out`.
    pub fn standardise(&self, table: Table<'_>, row: u32, out: &mut [f64]) {
        self.standardisation.standardise(table, row, out);
    }

    /// Second moments of the standardised rows, in blocks; only the lower triangle is filled.
    fn covariance(&self, table: Table<'_>, rows: &[u32]) -> Matrix {
        let d = table.width();
        let mut sum = Matrix::zeros(d, d);
        let mut block = Matrix::zeros(BLOCK_ROWS.min(rows.len()), d);
        for chunk in rows.chunks(BLOCK_ROWS) {
            self.fill(table, chunk, &mut block);
            let part = block.view().subrows(0, chunk.len());
            add_gram(&mut sum, 1.0 / rows.len() as f64, part.transpose());
        }
        sum
    }
}

/// Axes from eigenvectors (as rows) of the Gram matrix of few rows of many features.
fn from_dual(left: &Matrix, rows: &Matrix, variance: &[f64]) -> Matrix {
    let mut axes = Matrix::zeros(left.nrows(), rows.ncols());
    axes.set_to_product(left.view(), rows.view());
    for (axis, v) in axes.rows_mut().zip(variance) {
        let norm = (v * rows.nrows() as f64).sqrt();
        axis.iter_mut().for_each(|a| *a /= norm);
    }
    axes
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn few_values_beside_a_usual_one_do_not_set_the_scale() {
        let spread = |i: usize| (i as f64 - 49.5) / 30.0;
        let rows = Array2::from_shape_fn((100, 6), |(i, k)| match k {
            // A value in one row, a hundredth of what other features are.
            0 => 0.01 * f64::from(i == 7),
            // Values in a quarter of the rows.
            1 => 0.001 * f64::from(i % 4 == 0),
            2 => 1e-6 * spread(i),
            _ => spread(i),
        });
        let all: Vec<u32> = (0..100).collect();
        let basis = Basis::unrotated(Table::F64(rows.view()), &all, Scale::Guarded);
        let deviation = |k: usize| {
            let column = rows.column(k);
            (column.iter().map(|v| (v - basis.mean()[k]).powi(2)).sum::<f64>() / 100.0).sqrt()
        };
        let scales = &basis.standardisation.inverse_scale;
        assert!(deviation(0) < 0.01 * deviation(3));
        assert!((scales[0] * FINEST_OF_MEDIAN * deviation(3) - 1.0).abs() < 1e-12);
        for (k, scale) in scales.iter().enumerate().skip(1) {
            assert!((scale * deviation(k) - 1.0).abs() < 1e-12, "feature {k}");
        }
    }
}
