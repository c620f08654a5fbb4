//! The least sum of squares between two matrices when one may be turned: `min_Q |A - Q B|^2` over
//! rotations and reflections `Q` of the rows (Schonemann, Psychometrika 31, 1966).
//!
//! With `A B^T = U S V^T`, the rows of `U^T A` and `V^T B` are matched; the longer side keeps what
//! has no partner. A sum of squares: nothing cancels where the sides are close.
//!
//! Rows whose lengths are many orders of magnitude apart are turned in pairs until they are matched
//! (Kogbetliantz, Quart. Appl. Math. 13, 1955): the long ones are then never added to the short
//! ones but by as much as is needed, and these keep their digits. A decomposition of the whole
//! would leave in each a rounding of the longest.

use std::ops::RangeInclusive;

use faer::linalg::solvers::SvdError;

use crate::linalg::matrix::dot;
use crate::linalg::square_distance::norm;
use crate::linalg::Matrix;

/// Lengths of rows further apart than this are matched in pairs.
const GRADED: f64 = 1e6;
/// Entries whose squares are floats, with room for sums of them and for much smaller ones.
const SQUARABLE: RangeInclusive<f64> = 1e-120..=1e120;
/// The most turns of every pair. Ten are usual, and twenty for rows that depend on each other.
const SWEEPS: usize = 100;
/// A share of the sum of squares that is not worth another turn of every pair.
const NEGLIGIBLE: f64 = 1e-15;
/// Products of rows below this share of their lengths, times the root of the width, are rounding.
const ROUNDING: f64 = 16.0 * f64::EPSILON;
/// Smaller products have no digits left: rows that depend on others become ever shorter.
const LEAST_PRODUCT: f64 = 1e-290;

/// The root of the least sum of squares.
///
/// Time `O(d r^2)` for up to `r` rows of `d` entries, some tens of that for lengths far apart.
///
/// # Errors
/// No convergence.
pub fn distance(mut left: Matrix, mut right: Matrix) -> Result<f64, SvdError> {
    let scale = scale(&left, &right);
    for v in left.values_mut().iter_mut().chain(right.values_mut()) {
        *v *= scale;
    }
    let rows = left.nrows().max(right.nrows());
    let (left, right) = if is_graded(&left) || is_graded(&right) {
        turned_in_pairs(padded(left, rows), padded(right, rows))?
    } else {
        let (left, right) = turned_by_vectors(&left, &right)?;
        (padded(left, rows), padded(right, rows))
    };
    Ok(differences(&left, &right) / scale)
}

/// The root of the sum of squares between matched rows, of which one may be reflected.
fn differences(left: &Matrix, right: &Matrix) -> f64 {
    let differences = left.rows().zip(right.rows()).map(|(l, r)| {
        let sign = if dot(l, r) < 0.0 { -1.0 } else { 1.0 };
        norm(&l.iter().zip(r).map(|(l, r)| l - sign * r).collect::<Vec<f64>>())
    });
    norm(&differences.collect::<Vec<f64>>())
}

/// A power of two that brings the largest entry to where squares of it are floats.
fn scale(left: &Matrix, right: &Matrix) -> f64 {
    let entries = left.values().iter().chain(right.values());
    let largest = entries.fold(0.0_f64, |acc, v| acc.max(v.abs()));
    if largest == 0.0 || SQUARABLE.contains(&largest) {
        1.0
    } else {
        (-largest.log2().floor()).clamp(-1000.0, 1000.0).exp2()
    }
}

fn is_graded(rows: &Matrix) -> bool {
    let lengths = rows.rows().map(norm).filter(|length| *length > 0.0);
    let (least, most) = lengths.fold((f64::INFINITY, 0.0_f64), |(l, m), v| (l.min(v), m.max(v)));
    most / GRADED > least
}

/// The matrix with rows of zeros appended until it has `rows` of them.
fn padded(matrix: Matrix, rows: usize) -> Matrix {
    if matrix.nrows() == rows {
        return matrix;
    }
    let mut padded = Matrix::zeros(rows, matrix.ncols());
    padded.values_mut()[..matrix.values().len()].copy_from_slice(matrix.values());
    padded
}

fn turned_by_vectors(left: &Matrix, right: &Matrix) -> Result<(Matrix, Matrix), SvdError> {
    if left.nrows() == 0 || right.nrows() == 0 {
        return Ok((left.clone(), right.clone()));
    }
    let svd = left.times_transposed(right).view().svd()?;
    let mut turned = (left.clone(), right.clone());
    turned.0.set_to_product(svd.U().transpose(), left.view());
    turned.1.set_to_product(svd.V().transpose(), right.view());
    Ok(turned)
}

/// Both sides with as many rows, each row of one at right angles to all of the other but its
/// partner: but for what is rounding, or would not change the sum of squares.
fn turned_in_pairs(left: Matrix, right: Matrix) -> Result<(Matrix, Matrix), SvdError> {
    let rows = left.nrows();
    let (mut left, mut right) = (TurnedRows::new(left), TurnedRows::new(right));
    let pairs = || (0..rows).flat_map(|p| (p + 1..rows).map(move |q| (p, q)));
    for _ in 0..SWEEPS {
        // Counted before any is turned: a turn may bring a large product to a pair that is past.
        let across: f64 = pairs()
            .map(|(p, q)| {
                let (b, c) = products_across(&left, &right, p, q);
                b.abs() + c.abs()
            })
            .sum();
        let rest = differences(&left.rows, &right.rows);
        if 2.0 * across <= NEGLIGIBLE * rest * rest {
            return Ok((left.rows, right.rows));
        }
        for (p, q) in pairs() {
            turn_pair(&mut left, &mut right, p, q);
        }
    }
    Err(SvdError::NoConvergence)
}

/// Rows that are turned, with their lengths.
struct TurnedRows {
    rows: Matrix,
    lengths: Vec<f64>,
}

impl TurnedRows {
    fn new(rows: Matrix) -> Self {
        Self { lengths: rows.rows().map(norm).collect(), rows }
    }

    /// Rows `p` and `q` become `cosine p + sine q` and `cosine q - sine p`.
    fn turn(&mut self, p: usize, q: usize, (cosine, sine): (f64, f64)) {
        let width = self.rows.ncols();
        let (before, after) = self.rows.values_mut().split_at_mut(q * width);
        for (x, y) in before[p * width..][..width].iter_mut().zip(&mut after[..width]) {
            (*x, *y) = (cosine * *x + sine * *y, cosine * *y - sine * *x);
        }
        for row in [p, q] {
            self.lengths[row] = norm(self.rows.row(row));
        }
    }
}

/// The product of row `p` of the left side with row `q` of the right one, and the other way round;
/// zero where it is rounding. What they sum to over all pairs is the most by which turns can lower
/// half the sum of squares.
fn products_across(left: &TurnedRows, right: &TurnedRows, p: usize, q: usize) -> (f64, f64) {
    let rounding = ROUNDING * (left.rows.ncols() as f64).sqrt();
    let across = |i: usize, j: usize| {
        let value = dot(left.rows.row(i), right.rows.row(j));
        let size = left.lengths[i] * right.lengths[j];
        if value.abs() <= (rounding * size).max(LEAST_PRODUCT) {
            0.0
        } else {
            value
        }
    };
    (across(p, q), across(q, p))
}

/// Turn rows `p` and `q` of both sides so that neither product across is more than rounding.
fn turn_pair(left: &mut TurnedRows, right: &mut TurnedRows, p: usize, q: usize) {
    let (b, c) = products_across(left, right, p, q);
    if b == 0.0 && c == 0.0 {
        return;
    }
    let product = |i: usize| dot(left.rows.row(i), right.rows.row(i));
    let (a, d) = (product(p), product(q));
    // A turn of the left rows makes the four products symmetric,
    let (cosine, sine) = symmetrising(a, b, c, d);
    left.turn(p, q, (cosine, sine));
    let (a, b, d) = (cosine * a + sine * c, cosine * b + sine * d, cosine * d - sine * b);
    // and one of both sides makes them diagonal.
    if b != 0.0 {
        let (cosine, sine) = diagonalising(a, b, d);
        left.turn(p, q, (cosine, -sine));
        right.turn(p, q, (cosine, -sine));
    }
}

/// Cosine and sine of the turn of the rows of `[[a, b], [c, d]]` that makes it symmetric.
fn symmetrising(a: f64, b: f64, c: f64, d: f64) -> (f64, f64) {
    let length = (a + d).hypot(c - b);
    if length == 0.0 {
        return (1.0, 0.0);
    }
    let sign = if a + d < 0.0 { -1.0 } else { 1.0 };
    (sign * (a + d) / length, sign * (c - b) / length)
}

/// Cosine and sine of the smaller turn that makes `[[a, b], [b, d]]` diagonal.
fn diagonalising(a: f64, b: f64, d: f64) -> (f64, f64) {
    /// Beyond this cotangent, adding 1 to its square changes nothing, or the square is infinite.
    const FAR: f64 = 1e9;
    let cotangent = 0.5 * (d - a) / b;
    let tangent = if cotangent.abs() > FAR {
        0.5 / cotangent
    } else {
        cotangent.signum() / (cotangent.abs() + cotangent.hypot(1.0))
    };
    let cosine = 1.0 / tangent.hypot(1.0);
    (cosine, tangent * cosine)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    fn matrix(
        rows: usize,
        columns: usize,
        rng: &mut impl Rng,
        unit: impl Fn(usize) -> f64,
    ) -> Matrix {
        Matrix::from_fn(rows, columns, |_, j| unit(j) * rng.random_range(-1.0..1.0))
    }

    /// Rows of any rank, in columns of any units: the turns end, and turning a side first changes
    /// nothing.
    #[test]
    fn turns_of_pairs_end_and_find_the_least_distance() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
        for _ in 0..3000 {
            let (left, right, columns) =
                (rng.random_range(0..6), rng.random_range(0..6), rng.random_range(1..6));
            let exponents: Vec<i32> = (0..columns).map(|_| rng.random_range(-12..13)).collect();
            let other: Vec<i32> = (0..columns).map(|_| rng.random_range(-12..13)).collect();
            let unit = |exponents: &[i32], j: usize| 10f64.powi(exponents[j]);
            let mut one = matrix(left, columns, &mut rng, |j| unit(&exponents, j));
            let two = matrix(right, columns, &mut rng, |j| unit(&other, j));
            if left > 1 && rng.random_bool(0.3) {
                let first = one.row(0).to_vec();
                one.row_mut(left - 1).copy_from_slice(&first);
            }
            let rows = left.max(right);
            let turned = turned_in_pairs(padded(one.clone(), rows), padded(two.clone(), rows));
            let (l, r) = turned.unwrap();
            let found = distance(one.clone(), two.clone()).unwrap();
            // No shorter than the least distance of any turn, as the trace formula has it.
            let square = |m: &Matrix| m.values().iter().map(|v| v * v).sum::<f64>();
            let nuclear: f64 = if left > 0 && right > 0 {
                one.times_transposed(&two).view().singular_values().unwrap().iter().sum()
            } else {
                0.0
            };
            let largest = square(&one) + square(&two);
            assert!((found * found - (largest - 2.0 * nuclear)).abs() <= 1e-13 * largest);
            for (before, after) in [(&one, &l), (&two, &r)] {
                assert!((square(before) - square(after)).abs() <= 1e-13 * square(before));
            }
        }
    }

    /// A turn of a later pair brings the longest rows to a pair that the sweep has passed.
    #[test]
    fn long_rows_are_matched_wherever_they_stand() {
        let row = |at: usize, value: f64| (0..4).map(move |j| if j == at { value } else { 0.0 });
        let matrix = |rows: &[(usize, f64)]| {
            let values: Vec<f64> = rows.iter().flat_map(|&(at, v)| row(at, v)).collect();
            Matrix::from_fn(rows.len(), 4, |i, j| values[4 * i + j])
        };
        let left = matrix(&[(2, 1.0), (3, 1.0), (1, 2e98)]);
        let right = matrix(&[(0, 1.0), (1, 1e97), (2, 1.0), (3, 1.0)]);
        let found = distance(left, right).unwrap();
        assert!((found - 1.9e98).abs() < 1e85, "{found:e}");
    }
}
