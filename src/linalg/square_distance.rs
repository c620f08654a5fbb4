//! Squared Euclidean norms and distances, summed coordinate by coordinate: a distance is exactly
//! zero for equal rows, the same whichever row comes first, and has a relative error of at most
//! about `d` roundings however close the rows are.

/// Partial sums, so that the processor need not wait for one addition before the next.
const LANES: usize = 8;

/// `sum_j (a_j - b_j)^2`.
#[must_use]
pub fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    sum(a, b, |a, b| (a - b) * (a - b))
}

/// `sum_j (a_j - b_j)^2`, summed from the first coordinate to the last.
#[must_use]
pub fn square_distance_in_order(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// `sum_j a_j^2`.
#[must_use]
pub fn square_norm(a: &[f64]) -> f64 {
    sum(a, a, |a, _| a * a)
}

/// `sqrt(sum_j a_j^2)` without overflow or underflow.
#[must_use]
pub fn norm(a: &[f64]) -> f64 {
    let largest = a.iter().fold(0.0_f64, |acc, v| acc.max(v.abs()));
    if largest == 0.0 {
        return 0.0;
    }
    largest * a.iter().map(|v| (v / largest) * (v / largest)).sum::<f64>().sqrt()
}

fn sum(a: &[f64], b: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest = a_lanes.remainder().iter().zip(b_lanes.remainder());
    for (a, b) in a_lanes.zip(b_lanes) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += term(*a, *b);
        }
    }
    rest.fold(sums.iter().sum(), |sum, (a, b)| sum + term(*a, *b))
}
