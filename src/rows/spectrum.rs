//! The one eigendecomposition that `LogME`, H-score, shrinkage H-score, `TransRate` and the
//! principal axes of GBC share: that of the centred scatter.
//!
//! With `Xc = V diag(sqrt(s)) U^T` the centred rows, the scores need `s`, the coordinates `V^T y`
//! of what is predicted, and, for `LogME`, which does not centre, where the mean lies:
//! `a = sqrt(n) U^T mean` and what of `sqrt(n) mean` is outside the span of `U`. The uncentred Gram
//! matrix is then `U (diag(s) + a a^T) U^T`, a rank-one change that needs no decomposition of its
//! own. (The other way round, from an uncentred decomposition to centred scores, loses all digits
//! once the mean is large against the spread.)
//!
//! With at least as many rows as features the `d x d` scatter is decomposed, else the centred rows
//! are, by singular values: the features then nearly span the rows, and squaring would lose half
//! the digits of the small directions, which count as much as the others. Moments always give the
//! former.
//!
//! Features may come in very different units. A direction of small ones is then far below the
//! rounding of the largest eigenvalue, but not rounding itself: how many directions count is
//! decided with every feature scaled to variance 1, and the decomposition keeps the digits of the
//! small ones.

use faer::{linalg::matmul::matmul, Accum, ColRef, Par};
use thiserror::Error;

use crate::linalg::gram::GramSum;
use crate::linalg::matrix::dot_in_order;
use crate::linalg::square_distance::norm;
use crate::linalg::symmetric_eigen::{is_graded, tridiagonalise};
use crate::linalg::Matrix;
use crate::rows::equilibrated::{Equilibrated, LEAST_SQUARE};
use crate::rows::moments::{mean_of, ClassScatters, Moments};
use crate::rows::{ClassedTable, Table};

/// Rows that are multiplied with targets at a time.
const BLOCK_ROWS: usize = 256;
/// Eigenvalues down to this share of the largest are right to nine digits or so.
const RESOLVED: f64 = 1e-6;
/// A part of the mean outside the span of the rows that is below this share of it is rounding.
const NEGLIGIBLE_MEAN: f64 = 1e-12;

/// An iterative decomposition gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the decomposition of the rows did not converge")]
pub struct SpectrumError;

/// The centred scatter's eigenvalues, with the mean in its eigenvectors. `r` is the rank, with
/// eigenvalues below `max(n, d)` times the rounding unit of the largest counted as zero; of
/// features whose variances are far apart, it is the rank of their correlations.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    count: usize,
    width: usize,
    /// Rows or features that vary, whichever are fewer: the largest rank that there could be.
    most: usize,
    values: Vec<f64>,
    mean: Vec<f64>,
    mean_outside: f64,
    axes: Matrix,
    /// For each axis, the sum of the squares that its variance is made of. Each square is rounded
    /// by itself, so this sum is what rounding of the variance is a share of.
    axis_squares: Vec<f64>,
}

/// Targets in the coordinates of a spectrum.
#[derive(Debug, Clone, PartialEq)]
pub struct Loadings {
    /// `t x r`: `V^T y` for each target.
    pub centred: Matrix,
    /// Mean of each target.
    pub means: Vec<f64>,
    /// `sum((y - mean)^2)` of each target.
    pub squares: Vec<f64>,
}

/// A spectrum with classes in its coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSpectrum {
    spectrum: Spectrum,
    counts: Vec<u64>,
    loadings: Loadings,
    quartic: f64,
}

impl Spectrum {
    /// The spectrum of some rows and the coordinates of `targets` (`rows.len() x t`), with the
    /// first `axes` principal axes.
    ///
    /// Time `O(n d min(n, d) + min(n, d)^3)`, memory `O(min(n, d) d)`.
    ///
    /// # Errors
    /// The eigenvalue solver did not converge.
    pub fn of(
        table: Table<'_>,
        rows: &[u32],
        targets: &Matrix,
        axes: usize,
    ) -> Result<(Self, Loadings), SpectrumError> {
        let mean = mean_of(table, rows);
        let (centred_targets, means, squares) = centre_columns(targets);
        let (spectrum, centred) = if rows.len() < table.width() {
            dual(&centred_rows(table, rows, &mean), &mean, &centred_targets, axes)?
        } else {
            let (scatter, products) = scatter_and_products(table, rows, &mean, &centred_targets);
            let offsets = Offsets { count: rows.len(), mean: &mean, products: &products };
            primal(scatter, &offsets, axes)?
        };
        Ok((spectrum, Loadings { centred, means, squares }))
    }

    /// Number of rows, `n`.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Number of features, `d`.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Non-zero eigenvalues of the centred scatter (sums, not averages), largest first.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// `sqrt(n) mean` in the eigenvectors.
    #[must_use]
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Length of the part of `sqrt(n) mean` that the eigenvectors do not span.
    #[must_use]
    pub fn mean_outside(&self) -> f64 {
        self.mean_outside
    }

    /// The first principal axes, as unit rows; as many as were asked for and there are.
    #[must_use]
    pub fn axes(&self) -> &Matrix {
        &self.axes
    }

    /// What rounding along each of these axes is a share of: `sum_j u_j^2 s_jj` for axis `u` and
    /// scatter `s`.
    #[must_use]
    pub fn axis_squares(&self) -> &[f64] {
        &self.axis_squares
    }
}

impl ClassSpectrum {
    /// The spectrum of rows, with the first `axes` principal axes.
    ///
    /// Time `O(n d min(n, d) + min(n, d)^3)`, memory `O(min(n, d) d)`.
    ///
    /// # Errors
    /// The eigenvalue solver did not converge.
    pub fn of(input: ClassedTable<'_>, axes: usize) -> Result<Self, SpectrumError> {
        if input.count() >= input.table.width() {
            let moments = Moments::of(input, ClassScatters::Pooled);
            let (scatter, beside) = (moments.scatter(), BesideScatter::of(&moments));
            // Freed here because moments are as large as the scatter and are needed no more.
            drop(moments);
            return Self::of_scatter(scatter, beside, axes);
        }
        let rows: Vec<u32> = input.classes.iter().flatten().copied().collect();
        let mean = mean_of(input.table, &rows);
        Self::of_centred(input.classes, &centred_rows(input.table, &rows, &mean), &mean, axes)
    }

    /// The spectrum of rows that are no more than features, with every feature scaled to a sum of
    /// squares of 1. For what does not depend on units.
    ///
    /// Time `O(n^2 d)`, memory `O(n d)`.
    ///
    /// # Errors
    /// The iteration for singular values did not converge.
    pub fn of_equilibrated(input: ClassedTable<'_>) -> Result<Self, SpectrumError> {
        let rows: Vec<u32> = input.classes.iter().flatten().copied().collect();
        let mean = mean_of(input.table, &rows);
        let mut centred = centred_rows(input.table, &rows, &mean);
        let mut column = vec![0.0; centred.nrows()];
        for j in 0..centred.ncols() {
            for (v, row) in column.iter_mut().zip(centred.rows()) {
                *v = row[j];
            }
            let length = norm(&column);
            if length > 0.0 {
                centred.rows_mut().for_each(|row| row[j] /= length);
            }
        }
        Self::of_centred(input.classes, &centred, &vec![0.0; centred.ncols()], 0)
    }

    fn of_centred(
        classes: &[Vec<u32>],
        centred: &Matrix,
        mean: &[f64],
        axes: usize,
    ) -> Result<Self, SpectrumError> {
        let quartic =
            centred.rows().map(|row| row.iter().map(|v| v * v).sum::<f64>().powi(2)).sum();
        let counts: Vec<u64> = classes.iter().map(|rows| rows.len() as u64).collect();
        let (means, squares) = indicator_moments(&counts);
        let mut targets = Matrix::zeros(centred.nrows(), counts.len());
        let class_of = classes.iter().enumerate().flat_map(|(c, rows)| rows.iter().map(move |_| c));
        for (class, target) in class_of.zip(targets.rows_mut()) {
            for (t, m) in target.iter_mut().zip(&means) {
                *t = -m;
            }
            target[class] += 1.0;
        }
        let (spectrum, loadings) = dual(centred, mean, &targets, axes)?;
        Ok(Self {
            spectrum,
            counts,
            loadings: Loadings { centred: loadings, means, squares },
            quartic,
        })
    }

    /// The spectrum of moments.
    ///
    /// Time `O(d^3)`, memory `O(d^2)`.
    ///
    /// # Errors
    /// The eigenvalue solver did not converge.
    pub fn of_moments(moments: &Moments, axes: usize) -> Result<Self, SpectrumError> {
        Self::of_scatter(moments.scatter(), BesideScatter::of(moments), axes)
    }

    fn of_scatter(
        scatter: Matrix,
        beside: BesideScatter,
        axes: usize,
    ) -> Result<Self, SpectrumError> {
        let BesideScatter { counts, mean, products, quartic } = beside;
        let count = counts.iter().sum::<u64>() as usize;
        let offsets = Offsets { count, mean: &mean, products: &products };
        let (spectrum, loadings) = primal(scatter, &offsets, axes)?;
        let (means, squares) = indicator_moments(&counts);
        let loadings = Loadings { centred: loadings, means, squares };
        Ok(Self { spectrum, counts, loadings, quartic })
    }

    #[must_use]
    pub fn spectrum(&self) -> &Spectrum {
        &self.spectrum
    }

    #[must_use]
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// The classes' indicators in the spectrum's coordinates.
    #[must_use]
    pub fn loadings(&self) -> &Loadings {
        &self.loadings
    }

    /// `sum(|x - mean|^4)`.
    #[must_use]
    pub fn quartic(&self) -> f64 {
        self.quartic
    }

    /// Whether every direction that there could be stands clear of the rounding of the largest.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        let values = self.spectrum.values();
        let (largest, least) = (values.first().copied(), values.last().copied());
        let ratio = largest.zip(least).map_or(0.0, |(largest, least)| least / largest);
        values.len() == self.spectrum.most && ratio >= RESOLVED
    }

    /// The share of each eigenvector's variance that lies between classes,
    /// `sum_c (V^T y_c)_k^2 / n_c`, in `[0, 1]`.
    #[must_use]
    pub fn between(&self) -> Vec<f64> {
        let mut between = vec![0.0; self.spectrum.values.len()];
        for (&count, row) in self.counts.iter().zip(self.loadings.centred.rows()) {
            for (sum, q) in between.iter_mut().zip(row) {
                *sum += q * q / count as f64;
            }
        }
        between
    }
}

/// The parts of moments, other than the scatter, that a spectrum is made of.
struct BesideScatter {
    counts: Vec<u64>,
    mean: Vec<f64>,
    /// `C x d`: for each class its rows' sum less as many means.
    products: Matrix,
    quartic: f64,
}

impl BesideScatter {
    fn of(moments: &Moments) -> Self {
        let mut products = moments.offsets();
        for (&count, row) in moments.counts().iter().zip(products.rows_mut()) {
            for v in row {
                *v *= count as f64;
            }
        }
        let counts = moments.counts().to_vec();
        Self { counts, mean: moments.mean(), products, quartic: moments.quartic() }
    }
}

/// Mean and sum of squares about it of each class's indicator.
fn indicator_moments(counts: &[u64]) -> (Vec<f64>, Vec<f64>) {
    let n = counts.iter().sum::<u64>() as f64;
    let mean = |&count: &u64| count as f64 / n;
    let square = |&count: &u64| count as f64 * ((n - count as f64) / n);
    (counts.iter().map(mean).collect(), counts.iter().map(square).collect())
}

/// The inputs of a spectrum other than the scatter.
struct Offsets<'a> {
    count: usize,
    mean: &'a [f64],
    /// `Y^T Xc` (`t x d`) for centred targets `Y`.
    products: &'a Matrix,
}

/// Spectrum and loadings from the lower triangle of the `d x d` scatter.
fn primal(
    mut scatter: Matrix,
    offsets: &Offsets<'_>,
    axes: usize,
) -> Result<(Spectrum, Matrix), SpectrumError> {
    let (count, width) = (offsets.count, scatter.ncols());
    let targets = offsets.products.nrows();
    let root = (count as f64).sqrt();
    let limit = count.saturating_sub(1);
    leave_out_vanishing(&mut scatter);
    let diagonal: Vec<f64> = (0..width).map(|j| scatter.row(j)[j]).collect();
    let varying = diagonal.iter().filter(|v| **v > 0.0).count();
    let noise = Noise::of(&scatter, count)?;
    let (tridiagonal, reflections) = tridiagonalise(scatter);
    // Targets and mean are brought to the eigenvectors' coordinates before these are computed,
    // which takes less memory.
    let mut turned = Matrix::from_fn(targets + 1, width, |t, j| {
        if t < targets {
            offsets.products.row(t)[j]
        } else {
            root * offsets.mean[j]
        }
    });
    reflections.to_coordinates(&mut turned);
    let reflections = (axes > 0).then_some(reflections);
    let diagonalised = tridiagonal.diagonalise(&mut turned).map_err(|_| SpectrumError)?;
    let values = noise.without(&diagonalised.values()[..limit.min(width)]);
    let rank = values.len();
    let mut loadings = Matrix::from_fn(targets, rank, |t, k| turned.row(t)[k]);
    divide_columns(&mut loadings, &values);
    let (mean, outside) = turned.row(targets).split_at(rank);
    let mean_outside = negligible_as_zero(outside, root, offsets.mean, rank == width);
    let axes = match reflections {
        Some(reflections) => {
            let mut leading = diagonalised.leading(axes.min(rank)).map_err(|_| SpectrumError)?;
            reflections.from_coordinates(&mut leading);
            leading
        }
        None => Matrix::zeros(0, width),
    };
    let (mean, most) = (mean.to_vec(), varying.min(limit));
    let axis_squares = axis_squares(&axes, &diagonal);
    let spectrum = Spectrum { count, width, most, values, mean, mean_outside, axes, axis_squares };
    Ok((spectrum, loadings))
}

/// Spectrum and loadings of centred targets from fewer rows than features.
fn dual(
    centred: &Matrix,
    mean: &[f64],
    targets: &Matrix,
    axes: usize,
) -> Result<(Spectrum, Matrix), SpectrumError> {
    let (count, width) = (centred.nrows(), centred.ncols());
    let svd = centred.view().thin_svd().map_err(|_| SpectrumError)?;
    let singular: Vec<f64> = svd.S().column_vector().iter().copied().collect();
    let largest = singular.first().copied().unwrap_or(0.0);
    let smallest = (largest * width as f64 * f64::EPSILON).max(f64::MIN_POSITIVE.sqrt());
    let limit = count.saturating_sub(1);
    let rank = singular.iter().take(limit).take_while(|v| **v > smallest).count();
    let values = singular[..rank].iter().map(|v| v * v).collect();
    let (left, right) = (svd.U().subcols(0, rank), svd.V().subcols(0, rank));

    let mut loadings = Matrix::zeros(targets.ncols(), rank);
    loadings.set_to_product(targets.view().transpose(), left);
    let root = (count as f64).sqrt();
    let scaled: Vec<f64> = mean.iter().map(|m| root * m).collect();
    let along = right.transpose() * ColRef::from_slice(&scaled);
    let spanned = right * &along;
    let outside: Vec<f64> = scaled.iter().zip(spanned.iter()).map(|(m, p)| m - p).collect();
    let mean_outside = negligible_as_zero(&outside, root, mean, false);
    let axes = Matrix::from_fn(axes.min(rank), width, |k, j| right[(j, k)]);
    let mean = along.iter().copied().collect();
    let mut diagonal = vec![0.0; width];
    for row in centred.rows() {
        for (sum, v) in diagonal.iter_mut().zip(row) {
            *sum += v * v;
        }
    }
    let axis_squares = axis_squares(&axes, &diagonal);
    let most = limit;
    let spectrum = Spectrum { count, width, most, values, mean, mean_outside, axes, axis_squares };
    Ok((spectrum, loadings))
}

/// Sets features to constants whose sums of squares are too small to have digits, because
/// reflections would turn them into NaN.
fn leave_out_vanishing(scatter: &mut Matrix) {
    let vanishing = |scatter: &Matrix, j: usize| scatter.row(j)[j] < LEAST_SQUARE;
    for j in 0..scatter.nrows() {
        if vanishing(scatter, j) {
            scatter.row_mut(j).fill(0.0);
            scatter.rows_mut().for_each(|row| row[j] = 0.0);
        }
    }
}

fn axis_squares(axes: &Matrix, diagonal: &[f64]) -> Vec<f64> {
    let square = |axis: &[f64]| axis.iter().zip(diagonal).map(|(u, s)| u * u * s).sum();
    axes.rows().map(square).collect()
}

/// Which eigenvalues of a scatter are nothing but rounding.
pub(super) enum Noise {
    /// Those that are not above this share of the largest.
    Below(f64),
    /// Those that come after this many.
    Beyond(usize),
}

impl Noise {
    /// The rounding of a scatter whose lower triangle is given and which is a sum of `squares`
    /// outer products.
    pub(super) fn of(scatter: &Matrix, squares: usize) -> Result<Self, SpectrumError> {
        if is_graded(scatter) {
            let factor = Equilibrated::of(scatter, squares).ok_or(SpectrumError)?;
            return Ok(Self::Beyond(factor.rank()));
        }
        Ok(Self::Below(squares.max(scatter.nrows()) as f64 * f64::EPSILON))
    }

    /// The eigenvalues, largest first, that are above rounding.
    pub(super) fn without(&self, values: &[f64]) -> Vec<f64> {
        let largest = values.first().copied().unwrap_or(0.0);
        let (least, most) = match self {
            Self::Below(share) => (largest * share, values.len()),
            Self::Beyond(rank) => (0.0, *rank),
        };
        let least = least.max(f64::MIN_POSITIVE);
        values.iter().take(most).copied().take_while(|v| *v > least).collect()
    }
}

/// The eigenvalues of a sum of `squares` outer products whose lower triangle is given, largest
/// first and without those that are rounding. Time `O(d^3)`.
///
/// # Errors
/// The eigenvalue solver did not converge.
pub fn eigenvalues(scatter: Matrix, squares: usize) -> Result<Vec<f64>, SpectrumError> {
    let noise = Noise::of(&scatter, squares)?;
    let (tridiagonal, _) = tridiagonalise(scatter);
    let diagonalised =
        tridiagonal.diagonalise(&mut Matrix::default()).map_err(|_| SpectrumError)?;
    Ok(noise.without(diagonalised.values()))
}

/// Some rows of a table with `mean` taken out.
#[must_use]
pub fn centred_rows(table: Table<'_>, rows: &[u32], mean: &[f64]) -> Matrix {
    let mut centred = Matrix::zeros(rows.len(), table.width());
    for (&row, out) in rows.iter().zip(centred.rows_mut()) {
        table.copy_row(row as usize, out);
        add_scaled(out, -1.0, mean);
    }
    centred
}

/// The lower triangle of `Xc^T Xc`, and `Y^T Xc`, both summed over blocks of rows.
fn scatter_and_products(
    table: Table<'_>,
    rows: &[u32],
    mean: &[f64],
    targets: &Matrix,
) -> (Matrix, Matrix) {
    let mut scatter = GramSum::new(table.width());
    let mut products = Matrix::zeros(targets.ncols(), table.width());
    for (block, rows) in rows.chunks(BLOCK_ROWS).enumerate() {
        let centred = centred_rows(table, rows, mean);
        for row in centred.rows() {
            scatter.push(|out| out.copy_from_slice(row));
        }
        matmul(
            products.view_mut(),
            Accum::Add,
            targets.view().subrows(block * BLOCK_ROWS, rows.len()).transpose(),
            centred.view(),
            1.0,
            Par::Seq,
        );
    }
    (scatter.into_lower(), products)
}

/// The columns with their means taken out, the means, and the sums of squares about them.
fn centre_columns(targets: &Matrix) -> (Matrix, Vec<f64>, Vec<f64>) {
    let mut centred = targets.clone();
    let (n, t) = (targets.nrows().max(1) as f64, targets.ncols());
    let first: Vec<f64> = targets.rows().next().map_or_else(|| vec![0.0; t], <[f64]>::to_vec);
    let mut means = first.clone();
    for row in targets.rows() {
        for ((m, y), f) in means.iter_mut().zip(row).zip(&first) {
            *m += (y - f) / n;
        }
    }
    let mut squares = vec![0.0; t];
    for row in centred.rows_mut() {
        add_scaled(row, -1.0, &means);
        for (sum, y) in squares.iter_mut().zip(row) {
            *sum += *y * *y;
        }
    }
    (centred, means, squares)
}

/// The length of the part of the mean that lies outside the span; zero where nothing can lie
/// outside, or where the part is only rounding.
fn negligible_as_zero(outside: &[f64], root: f64, mean: &[f64], spans_all: bool) -> f64 {
    let length = dot_in_order(outside, outside).sqrt();
    if spans_all || length <= NEGLIGIBLE_MEAN * root * dot_in_order(mean, mean).sqrt() {
        0.0
    } else {
        length
    }
}

fn divide_columns(loadings: &mut Matrix, values: &[f64]) {
    for row in loadings.rows_mut() {
        for (q, s) in row.iter_mut().zip(values) {
            *q /= s.sqrt();
        }
    }
}

fn add_scaled(sum: &mut [f64], factor: f64, v: &[f64]) {
    for (s, x) in sum.iter_mut().zip(v) {
        *s += factor * x;
    }
}
