//! The curvature of a logistic loss, class by class, to precondition its minimisation.
//!
//! Leaving out how classes act on each other, the second derivative in class `c`'s weights and bias
//! is `l2 I + sum_i q_ic [x_i 1] [x_i 1]^T` with `q_ic = w_i p_ic (1 - p_ic)`. Few rows carry most
//! of a class's `q`: its own and those it may be taken for. They are kept exactly, the others by
//! their mean square, which leaves a diagonal plus a matrix of low rank, factored in rows or in
//! columns, whichever are fewer.
//!
//! Time to build `O(K r d min(r, d))` with `r` the rows that are kept; `O(K r d)` or `O(K d^2)` to
//! apply.

use faer::linalg::solvers::{Llt, Solve};
use faer::{MatMut, Side};

use crate::linalg::gram::add_gram;
use crate::linalg::matrix::dot;
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::AffineRows;

/// Rows kept for a class, in units of the mean number of rows a class has, and of the width:
/// beyond, a factor in columns gains little.
const CLASS_SIZES: usize = 2;
const WIDTHS: usize = 2;
/// Share of a mistaken row's slope that counts as curvature: a row that is wrong beyond doubt has
/// next to none of its own, and a step by none would be boundless.
const LEAST_SHARE: f64 = 0.05;
/// Share of all rows' mean square that is added to that of the rows left out.
const LEAST_REST: f64 = 1e-3;
/// The factors of all classes take this much memory at most, or this share of the table if that is
/// more.
const FACTOR_BYTES: usize = 4 << 20;
const FACTOR_SHARE: usize = 50;
/// Kept rows whose values are computed at a time.
const BLOCK_ROWS: usize = 256;

/// An approximate inverse of the second derivative.
pub struct Curvature {
    diagonal: Diagonal,
    factors: Factors,
    parallelism: Parallelism,
}

/// The part of the curvature that is taken as diagonal: that of the rows left out, and the penalty.
/// Each class has its own, which is made when it is asked for.
struct Diagonal {
    /// Total `q` of the rows left out, for each class.
    rest: Vec<f64>,
    /// Mean square of each column.
    square: Vec<f64>,
    l2: f64,
}

impl Diagonal {
    /// The diagonal of one class. Its last entry is that of the bias.
    fn of(&self, class: usize) -> Vec<f64> {
        let rest = self.rest[class];
        let weights = self.square.iter().map(|s| self.l2 + rest * s);
        weights.chain([rest]).map(|d| d.max(f64::MIN_POSITIVE)).collect()
    }
}

/// Cholesky factors per class; `None` where there is none, so that the diagonal must do.
enum Factors {
    /// Factors of `diagonal + V^T V`.
    Columns(Vec<Option<Llt<f64>>>),
    /// Factors of `I + V diagonal^-1 V^T`, with the rows of `V`.
    Rows(Vec<(Option<Llt<f64>>, Vec<Kept>)>),
}

/// A row that is kept for a class, and the root of its `q`.
type Kept = (u32, f64);

/// The rows to keep for each class, chosen while rows come in blocks.
pub struct KeptRows {
    /// How many a class keeps.
    limit: usize,
    classes: Vec<Candidates>,
}

#[derive(Clone, Default)]
struct Candidates {
    /// Rows and their `q`.
    rows: Vec<(u32, f64)>,
    total: f64,
    /// No more than the least that is among the largest so far.
    least: f64,
}

impl KeptRows {
    #[must_use]
    pub fn new(rows: &AffineRows<'_>) -> Self {
        let classes = vec![Candidates::default(); rows.classes().max(1)];
        Self { limit: Self::limit(rows), classes }
    }

    /// How many rows a class keeps.
    #[must_use]
    pub fn limit(rows: &AffineRows<'_>) -> usize {
        let (n, classes, size) = (rows.nrows(), rows.classes().max(1), rows.width() + 1);
        let affordable = rows.table_bytes() / FACTOR_SHARE;
        let affordable = affordable.max(FACTOR_BYTES) / (classes * size_of::<f64>());
        (CLASS_SIZES * n / classes + 1).min(WIDTHS * size).min(affordable.isqrt().max(1)).min(n)
    }

    /// Whether that is more than there are columns, so that a factor in columns holds all of them.
    #[must_use]
    pub fn exceed_columns(rows: &AffineRows<'_>) -> bool {
        Self::limit(rows) > rows.width() + 1
    }

    /// Consider consecutive rows, of which the first has number `start`: their weights, and
    /// `slopes[i, c] = p_ic - [c is the class of i]`.
    pub fn add(&mut self, start: usize, slopes: &[f64], row_weight: &[f64]) {
        let count = self.classes.len();
        for ((i, slopes), weight) in
            (start as u32..).zip(slopes.chunks_exact(count)).zip(row_weight)
        {
            for (class, slope) in self.classes.iter_mut().zip(slopes) {
                class.add(i, curvature(*slope, *weight), self.limit);
            }
        }
    }

    /// Consider the rows that another considered.
    pub fn merge(&mut self, other: Self) {
        for (class, theirs) in self.classes.iter_mut().zip(other.classes) {
            let total = class.total + theirs.total;
            for (row, q) in theirs.rows {
                class.add(row, q, self.limit);
            }
            class.total = total;
        }
    }
}

impl Candidates {
    /// Rows come in order, so of equal ones the first stay.
    fn add(&mut self, row: u32, q: f64, limit: usize) {
        self.total += q;
        if q <= self.least {
            return;
        }
        self.rows.push((row, q));
        if self.rows.len() > 2 * limit {
            keep_largest(&mut self.rows, limit);
            self.least = self.rows.iter().fold(f64::INFINITY, |least, k| least.min(k.1));
        }
    }
}

impl Curvature {
    /// `square` is the weighted mean square of each column of `rows`.
    #[must_use]
    pub fn new(
        rows: &AffineRows<'_>,
        kept: KeptRows,
        square: &[f64],
        l2: f64,
        parallelism: Parallelism,
    ) -> Self {
        let KeptRows { limit, mut classes } = kept;
        let by_columns = KeptRows::exceed_columns(rows);
        let rest = classes.iter_mut().map(|class| {
            keep_largest(&mut class.rows, limit);
            let rest = class.total - class.rows.iter().map(|k| k.1).sum::<f64>();
            rest.max(0.0) + LEAST_REST * class.total
        });
        let diagonal = Diagonal { rest: rest.collect(), square: square.to_vec(), l2 };
        let factors = parallelism.collect(classes.len(), |c| {
            factor(rows, &classes[c].rows, &diagonal.of(c), by_columns)
        });
        let factors = if by_columns {
            Factors::Columns(factors)
        } else {
            let roots = |class: Candidates| class.rows.into_iter().map(|(i, q)| (i, q.sqrt()));
            let kept = classes.into_iter().map(|class| roots(class).collect());
            Factors::Rows(factors.into_iter().zip(kept).collect())
        };
        Self { diagonal, factors, parallelism }
    }

    /// Multiply a gradient in (weights, then biases) by the inverse, in place.
    pub fn divide(&self, rows: &AffineRows<'_>, gradient: &mut [f64]) {
        let (width, classes) = (rows.width(), self.diagonal.rest.len());
        let (weight, bias) = gradient.split_at_mut(classes * width);
        let mut vectors = Matrix::from_fn(classes, width + 1, |c, j| {
            if j < width {
                weight[c * width + j]
            } else {
                bias[c]
            }
        });
        match &self.factors {
            Factors::Columns(factors) => self.divide_by_columns(factors, &mut vectors),
            Factors::Rows(factors) => self.divide_by_rows(factors, rows, &mut vectors),
        }
        for (c, vector) in vectors.rows().enumerate() {
            weight[c * width..][..width].copy_from_slice(&vector[..width]);
            bias[c] = vector[width];
        }
    }

    fn divide_by_columns(&self, factors: &[Option<Llt<f64>>], vectors: &mut Matrix) {
        let mut vectors: Vec<&mut [f64]> = vectors.rows_mut().collect();
        self.parallelism.for_each(&mut vectors, |c, vector| match &factors[c] {
            Some(factor) => solve(factor, vector),
            None => divide_each(vector, &self.diagonal.of(c)),
        });
    }

    /// `(D + V^T V)^-1 = D^-1 - D^-1 V^T (I + V D^-1 V^T)^-1 V D^-1`.
    fn divide_by_rows(
        &self,
        factors: &[(Option<Llt<f64>>, Vec<Kept>)],
        rows: &AffineRows<'_>,
        vectors: &mut Matrix,
    ) {
        let width = rows.width();
        for (c, vector) in vectors.rows_mut().enumerate() {
            divide_each(vector, &self.diagonal.of(c));
        }
        // Products are taken with rows as they are read, and the vectors are brought to those.
        let bias: Vec<f64> = vectors.rows().map(|vector| vector[width]).collect();
        let lifted = rows.lift(vectors.view().subcols(0, width), &bias);
        let lifted = |c: usize| match &lifted {
            Some(map) => (map.weight.row(c), map.bias[c]),
            None => (&vectors.row(c)[..width], bias[c]),
        };
        let input_width = rows.input_width();
        let mut correction = Matrix::zeros(bias.len(), input_width);
        let mut bias_correction = vec![0.0; bias.len()];
        let outputs = correction.rows_mut().zip(&mut bias_correction);
        let mut outputs: Vec<(&mut [f64], &mut f64)> = outputs.collect();
        self.parallelism.for_each(&mut outputs, |c, (correction, bias)| {
            let (Some(factor), kept) = &factors[c] else { return };
            let mut buffer = vec![0.0; input_width];
            let (vector, shift) = lifted(c);
            let along =
                |(row, root): &Kept| root * (dot(rows.input(*row, &mut buffer), vector) + shift);
            let mut products: Vec<f64> = kept.iter().map(along).collect();
            solve(factor, &mut products);
            for ((row, root), product) in kept.iter().zip(products) {
                let factor = root * product;
                for (sum, x) in correction.iter_mut().zip(rows.input(*row, &mut buffer)) {
                    *sum += factor * x;
                }
                **bias += factor;
            }
        });
        let correction = rows.lower(correction.view(), &bias_correction).unwrap_or(correction);
        for (c, (correction, bias)) in correction.rows().zip(&bias_correction).enumerate() {
            let diagonal = self.diagonal.of(c);
            let correction = correction.iter().chain(std::iter::once(bias));
            for ((v, c), d) in vectors.row_mut(c).iter_mut().zip(correction).zip(&diagonal) {
                *v -= c / d;
            }
        }
    }
}

pub(super) fn divide_each(vector: &mut [f64], by: &[f64]) {
    for (v, d) in vector.iter_mut().zip(by) {
        *v /= d;
    }
}

fn solve(factor: &Llt<f64>, vector: &mut [f64]) {
    let size = vector.len();
    factor.solve_in_place(MatMut::from_column_major_slice_mut(vector, size, 1));
}

/// The `limit` rows with the largest `q`, in order of rows.
fn keep_largest(kept: &mut Vec<(u32, f64)>, limit: usize) {
    if limit < kept.len() {
        kept.select_nth_unstable_by(limit, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        kept.truncate(limit);
        kept.sort_unstable_by_key(|k| k.0);
    }
}

/// `q` of one row and class.
fn curvature(slope: f64, weight: f64) -> f64 {
    let slope = slope.abs();
    weight * slope * (1.0 - (1.0 - LEAST_SHARE) * slope)
}

fn factor(
    rows: &AffineRows<'_>,
    kept: &[(u32, f64)],
    diagonal: &[f64],
    by_columns: bool,
) -> Option<Llt<f64>> {
    let scale: Vec<f64> =
        diagonal.iter().map(|d| if by_columns { 1.0 } else { 1.0 / d.sqrt() }).collect();
    let mut scaled = Matrix::zeros(kept.len(), diagonal.len());
    for (some, from) in kept.chunks(BLOCK_ROWS).zip((0..).step_by(BLOCK_ROWS)) {
        let numbers: Vec<u32> = some.iter().map(|k| k.0).collect();
        let values = rows.gather(&numbers);
        let out = scaled.rows_mut().skip(from);
        for ((out, (_, q)), row) in out.zip(some).zip(values.rows()) {
            let root = q.sqrt();
            for ((o, x), s) in out.iter_mut().zip(row.iter().chain(&[1.0])).zip(&scale) {
                *o = root * x * s;
            }
        }
    }
    let size = if by_columns { diagonal.len() } else { kept.len() };
    let mut square = Matrix::zeros(size, size);
    for (k, d) in diagonal.iter().enumerate().take(size) {
        square.row_mut(k)[k] = if by_columns { *d } else { 1.0 };
    }
    let left = if by_columns { scaled.view().transpose() } else { scaled.view() };
    add_gram(&mut square, 1.0, left);
    square.view().llt(Side::Lower).ok()
}
