//! Which source class is assigned to which target class, where no label map is given.
//!
//! A label map is a `K_T x K_S` matrix whose rows are points on the simplex. Learned maps are
//! one-hot: each target class has one source class, and where there are enough source classes no
//! two share one, so the label mismatch is zero. Two are offered; the fit takes the better:
//!
//! * [`closest`]: the assignment that minimises the summed squared distance between class means.
//! * [`separated`]: the source classes that are easiest to tell apart (farthest-first in the
//!   within-class metric), assigned to target classes by closeness. With a source of many classes
//!   this matters more than which class stands for which: a head on well separated classes loses
//!   little and leaves room to imitate the target.

use faer::linalg::triangular_solve::solve_lower_triangular_in_place;
use faer::Par;

use crate::linalg::matrix::cholesky_in_place;
use crate::linalg::square_distance::square_distance_in_order;
use crate::linalg::Matrix;
use crate::rows::class_scatter::ClassScatter;
use crate::transport::exact::assignment;
use crate::transport::TransportError;

/// Weight of the sphere in the within-class covariance: a class has far fewer rows than features.
const SHRINKAGE: f64 = 0.3;

/// One-hot map that minimises the summed squared distance of class means. Where there are more
/// target classes than candidate source classes, each source class takes at most
/// `ceil(K_T / candidates)`.
///
/// # Errors
/// The assignment solver's, on means that are not finite.
pub fn closest(
    source_means: &Matrix,
    target_means: &Matrix,
    candidates: &[u32],
) -> Result<Vec<u32>, TransportError> {
    let wanted = target_means.nrows();
    let seats_each = wanted.div_ceil(candidates.len());
    let cost = Matrix::from_fn(wanted, candidates.len(), |y, k| {
        square_distance_in_order(source_means.row(candidates[k] as usize), target_means.row(y))
    });
    let seats: Vec<usize> = (0..seats_each).flat_map(|_| nearest_to_any(&cost)).collect();
    let size = seats.len();
    // Rows beyond the target classes are empty seats; they cost the same wherever they are.
    let mut square = vec![0.0; size * size];
    for (y, row) in square.chunks_exact_mut(size).take(wanted).enumerate() {
        for (value, &k) in row.iter_mut().zip(&seats) {
            *value = cost.row(y)[k];
        }
    }
    let seat_of = assignment::assign(&square, size)?;
    Ok(seat_of[..wanted].iter().map(|&seat| candidates[seats[seat as usize]]).collect())
}

/// The columns that are among the `nrows` cheapest of some row, ascending: a best assignment uses
/// no other, because of a row's `nrows` cheapest columns the other rows leave one free.
fn nearest_to_any(cost: &Matrix) -> Vec<usize> {
    let (wanted, columns) = (cost.nrows(), cost.ncols());
    let mut used = vec![wanted >= columns; columns];
    if wanted < columns {
        for row in cost.rows() {
            let mut order: Vec<usize> = (0..columns).collect();
            order.select_nth_unstable_by(wanted - 1, |&a, &b| {
                row[a].total_cmp(&row[b]).then(a.cmp(&b))
            });
            for &k in &order[..wanted] {
                used[k] = true;
            }
        }
    }
    (0..columns).filter(|&k| used[k]).collect()
}

/// The `wanted` of the candidates that are farthest apart by their `distance`: start from each
/// class, add the class whose nearest chosen class is farthest, keep the set whose closest pair is
/// farthest apart. `candidates` as they are where there are no more than `wanted`.
#[must_use]
pub fn separated(distance: &Matrix, candidates: &[u32], wanted: usize) -> Vec<u32> {
    if candidates.len() <= wanted {
        return candidates.to_vec();
    }
    let mut best = (f64::NEG_INFINITY, Vec::new());
    for first in 0..candidates.len() {
        let (spread, chosen) = farthest_first(distance, first, wanted);
        if spread > best.0 {
            best = (spread, chosen);
        }
    }
    let mut classes: Vec<u32> = best.1.into_iter().map(|k| candidates[k]).collect();
    classes.sort_unstable();
    classes
}

fn farthest_first(distance: &Matrix, first: usize, wanted: usize) -> (f64, Vec<usize>) {
    let mut chosen = vec![first];
    let mut nearest = distance.row(first).to_vec();
    let mut spread = f64::INFINITY;
    while chosen.len() < wanted {
        let mut next = 0;
        for (k, d) in nearest.iter().enumerate() {
            if *d > nearest[next] {
                next = k;
            }
        }
        spread = spread.min(nearest[next]);
        chosen.push(next);
        for (n, d) in nearest.iter_mut().zip(distance.row(next)) {
            *n = n.min(*d);
        }
    }
    (spread, chosen)
}

/// Squared distances of the candidates' means in the metric of the pooled within-class covariance,
/// shrunk to a sphere. Falls back to plain squared distances where rows do not vary within classes.
#[must_use]
pub fn within_class_distances(source: ClassScatter, candidates: &[u32]) -> Matrix {
    let (n, d) = (source.total(), source.means.ncols());
    let scale = 1.0 / n.max(1.0);
    let mut covariance = source.within;
    let sphere = (0..d).map(|j| covariance.row(j)[j]).sum::<f64>() * scale / d.max(1) as f64;
    for v in covariance.values_mut() {
        *v *= (1.0 - SHRINKAGE) * scale;
    }
    for j in 0..d {
        covariance.row_mut(j)[j] += SHRINKAGE * sphere;
    }
    let mut means =
        Matrix::from_fn(candidates.len(), d, |k, j| source.means.row(candidates[k] as usize)[j]);
    if cholesky_in_place(covariance.view_mut().transpose_mut()) {
        solve_lower_triangular_in_place(
            covariance.view().transpose(),
            means.view_mut().transpose_mut(),
            Par::Seq,
        );
    }
    let products = means.times_transposed(&means);
    Matrix::from_fn(means.nrows(), means.nrows(), |k, l| {
        products.row(k)[k] - products.row(k)[l] - products.row(l)[k] + products.row(l)[l]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::class_scatter::RowReader;

    #[test]
    fn closest_is_one_to_one_where_it_can_be() {
        let source = Matrix::from_fn(3, 1, |i, _| i as f64);
        let target = Matrix::from_fn(2, 1, |i, _| 1.0 + 0.1 * i as f64);
        assert_eq!(closest(&source, &target, &[0, 1, 2]).unwrap(), [1, 2]);
    }

    #[test]
    fn closest_shares_evenly_where_it_must() {
        let source = Matrix::from_fn(2, 1, |i, _| i as f64);
        let target = Matrix::from_fn(4, 1, |i, _| i as f64);
        let mut map = closest(&source, &target, &[0, 1]).unwrap();
        map.sort_unstable();
        assert_eq!(map, [0, 0, 1, 1]);
    }

    #[test]
    fn separated_takes_the_ends() {
        let positions = [0.0, 0.1, 5.0, 5.1, 10.0];
        let source = ClassScatter::of(&RowReader {
            counts: &[2; 5],
            width: 1,
            read: &|class, i, out| out[0] = positions[class] + 0.01 * i as f64,
        });
        let candidates = [0, 1, 2, 3, 4];
        let chosen = separated(&within_class_distances(source, &candidates), &candidates, 3);
        assert!(chosen.contains(&4) && (chosen.contains(&2) || chosen.contains(&3)));
        assert!(chosen.contains(&0) || chosen.contains(&1));
    }
}
