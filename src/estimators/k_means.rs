//! k-means clustering: greedy k-means++ seeds (Arthur and Vassilvitskii, 2007), then Lloyd's
//! iterations until no row changes its cluster. Used for labels where there are none, and to start
//! mixtures.

use rand::RngExt;
use thiserror::Error;

use crate::linalg::square_distance::{square_distance, square_norm};
use crate::linalg::Matrix;
use crate::rows::basis::Scale;
use crate::rows::row_order::sorted_by_norm;
use crate::rows::{Basis, Table};
use crate::sampling::{generator, Stream};

/// Lloyd's iterations end by themselves, usually after some tens.
const MAX_ITERATIONS: usize = 1000;
/// Rows converted to `f64` at a time.
const BLOCK_ROWS: usize = 256;

/// Why there are no clusters.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ClusterError {
    #[error(
        "there are {rows} rows, too few for {clusters} clusters; ask for between 1 and {rows}"
    )]
    FewRows { rows: usize, clusters: usize },
    #[error(
        "only {distinct} rows differ from each other, too few for {clusters} clusters; ask \
        for at most {distinct}"
    )]
    FewDistinctRows { distinct: usize, clusters: usize },
    #[error(
        "k-means still moved rows after {iterations} iterations; ask for fewer clusters or \
        another seed"
    )]
    NotConverged { iterations: usize },
}

/// Rows by nearest centre.
#[derive(Debug, Clone, PartialEq)]
pub struct KMeans {
    /// `clusters x d`: the mean row of each cluster.
    pub centres: Matrix,
    /// The cluster of each row, in the order in which rows were given. When `converged`, no cluster
    /// is empty.
    pub labels: Vec<u32>,
    pub iterations: usize,
    /// Whether another iteration would change nothing.
    pub converged: bool,
}

/// Cluster some rows of a table, each named once. The same seed gives the same clusters however the
/// table is sorted, since rows are put in an order of their own before any are drawn.
///
/// `O(N d K)` time an iteration, and `O(N d K log K)` for the seeds; `O(N + K d)` memory: rows are
/// converted in blocks.
///
/// # Errors
/// No clusters are asked for, or more than there are distinct rows.
pub fn k_means(
    table: Table<'_>,
    rows: &[u32],
    clusters: usize,
    seed: u64,
) -> Result<KMeans, ClusterError> {
    let ordered = sorted_by_norm(table, rows).rows;
    // Far from the origin the products below would cancel.
    let centring = Basis::unrotated(table, &ordered, Scale::Kept);
    let mean = centring.mean();
    let read = |at: usize, out: &mut [f64]| {
        table.copy_row(ordered[at] as usize, out);
        for (o, m) in out.iter_mut().zip(mean) {
            *o -= m;
        }
    };
    let mut means = cluster(rows.len(), table.width(), read, clusters, seed)?;
    for centre in means.centres.rows_mut() {
        for (c, m) in centre.iter_mut().zip(mean) {
            *c += m;
        }
    }
    let mut label_of = vec![0; table.nrows()];
    for (&row, label) in ordered.iter().zip(&means.labels) {
        label_of[row as usize] = *label;
    }
    means.labels = rows.iter().map(|&row| label_of[row as usize]).collect();
    Ok(means)
}

/// Cluster the rows of a matrix whose mean is near zero, in the order they have.
///
/// # Errors
/// Those of [`k_means`].
pub fn k_means_centred(rows: &Matrix, clusters: usize, seed: u64) -> Result<KMeans, ClusterError> {
    let read = |at: usize, out: &mut [f64]| out.copy_from_slice(rows.row(at));
    cluster(rows.nrows(), rows.ncols(), read, clusters, seed)
}

/// Labels for rows that have none: their k-means clusters.
///
/// # Errors
/// Those of [`k_means`], and no convergence.
pub fn pseudo_labels(
    table: Table<'_>,
    rows: &[u32],
    clusters: usize,
    seed: u64,
) -> Result<Vec<u32>, ClusterError> {
    Ok(converged(table, rows, clusters, seed)?.labels)
}

/// Labels for rows to learn from and for others, `fit` and `others`: the k-means clusters of the
/// former, and for each of the latter the cluster whose centre is nearest.
///
/// # Errors
/// Those of [`pseudo_labels`].
pub fn pseudo_labels_of_split(
    table: Table<'_>,
    (fit, others): (&[u32], &[u32]),
    clusters: usize,
    seed: u64,
) -> Result<(Vec<u32>, Vec<u32>), ClusterError> {
    let means = converged(table.reborrow(), fit, clusters, seed)?;
    let mut labels = vec![u32::MAX; others.len()];
    let read = |at: usize, out: &mut [f64]| table.copy_row(others[at] as usize, out);
    assign(&means.centres, &read, &mut labels);
    Ok((means.labels, labels))
}

fn converged(
    table: Table<'_>,
    rows: &[u32],
    clusters: usize,
    seed: u64,
) -> Result<KMeans, ClusterError> {
    let means = k_means(table, rows, clusters, seed)?;
    if means.converged {
        Ok(means)
    } else {
        Err(ClusterError::NotConverged { iterations: means.iterations })
    }
}

fn cluster(
    count: usize,
    width: usize,
    read: impl Fn(usize, &mut [f64]),
    clusters: usize,
    seed: u64,
) -> Result<KMeans, ClusterError> {
    if clusters == 0 || clusters > count {
        return Err(ClusterError::FewRows { rows: count, clusters });
    }
    let mut centres = seeds(count, width, &read, clusters, seed)?;
    let mut labels = vec![u32::MAX; count];
    let (mut iterations, mut converged) = (0, false);
    while !converged && iterations < MAX_ITERATIONS {
        iterations += 1;
        let step = assign(&centres, &read, &mut labels);
        converged = !step.moved;
        if !converged {
            centres = step.centres(&centres, &read);
        }
    }
    Ok(KMeans { centres, labels, iterations, converged })
}

/// Greedy k-means++: each seed is the best of a few rows drawn with probability proportional to
/// their squared distance to the seeds before it; the best leaves the smallest sum of such
/// distances.
fn seeds(
    count: usize,
    width: usize,
    read: &impl Fn(usize, &mut [f64]),
    clusters: usize,
    seed: u64,
) -> Result<Matrix, ClusterError> {
    let mut rng = generator(seed, Stream::ClusterSeeds);
    let mut centres = Matrix::zeros(clusters, width);
    let mut row = vec![0.0; width];
    let mut squares = Vec::with_capacity(count);
    for at in 0..count {
        read(at, &mut row);
        squares.push(square_norm(&row));
    }
    let mut nearest = vec![f64::INFINITY; count];
    let mut drawn = Matrix::zeros(2 + (clusters as f64).ln() as usize, width);
    read(rng.random_range(0..count), centres.row_mut(0));
    for k in 1..clusters {
        let mut total = 0.0;
        for (at, nearest) in nearest.iter_mut().enumerate() {
            read(at, &mut row);
            // Summed coordinate by coordinate: a row equal to a seed must get exactly zero.
            *nearest = nearest.min(square_distance(&row, centres.row(k - 1)));
            total += *nearest;
        }
        if total <= 0.0 {
            return Err(ClusterError::FewDistinctRows { distinct: k, clusters });
        }
        for row in drawn.rows_mut() {
            read(draw(&nearest, rng.random::<f64>() * total), row);
        }
        let best = best_seed(&drawn, read, &squares, &nearest);
        centres.row_mut(k).copy_from_slice(drawn.row(best));
    }
    Ok(centres)
}

/// The candidate that leaves the smallest sum of squared distances, where `nearest` are those to
/// the seeds so far and `squares` the rows' squared norms.
fn best_seed(
    candidates: &Matrix,
    read: &impl Fn(usize, &mut [f64]),
    squares: &[f64],
    nearest: &[f64],
) -> usize {
    let norms: Vec<f64> = candidates.rows().map(square_norm).collect();
    let mut sums = vec![0.0; candidates.nrows()];
    let blocks = squares.chunks(BLOCK_ROWS).zip(nearest.chunks(BLOCK_ROWS));
    for (block, (squares, nearest)) in blocks.enumerate() {
        let products =
            read_block(read, block, squares.len(), candidates.ncols()).times_transposed(candidates);
        for ((products, square), nearest) in products.rows().zip(squares).zip(nearest) {
            for ((sum, product), norm) in sums.iter_mut().zip(products).zip(&norms) {
                *sum += nearest.min((square + norm - 2.0 * product).max(0.0));
            }
        }
    }
    // `min_by` takes the first of equals.
    (0..sums.len()).min_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap_or(0)
}

fn read_block(
    read: &impl Fn(usize, &mut [f64]),
    block: usize,
    count: usize,
    width: usize,
) -> Matrix {
    let mut rows = Matrix::zeros(count, width);
    for (at, row) in rows.rows_mut().enumerate() {
        read(block * BLOCK_ROWS + at, row);
    }
    rows
}

/// The first index at which the running sum of `mass` exceeds `level`; never one without mass.
fn draw(mass: &[f64], level: f64) -> usize {
    let (mut sum, mut last) = (0.0, 0);
    for (at, mass) in mass.iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
        sum += mass;
        last = at;
        if sum > level {
            break;
        }
    }
    last
}

/// What an assignment of rows to centres leaves behind.
struct Step {
    moved: bool,
    /// Sum and number of each cluster's rows.
    sums: Matrix,
    counts: Vec<usize>,
    /// Squared distance of each row to its centre.
    distances: Vec<f64>,
}

/// Give each row the label of its nearest centre, the first among equals.
fn assign(centres: &Matrix, read: &impl Fn(usize, &mut [f64]), labels: &mut [u32]) -> Step {
    let (clusters, width) = (centres.nrows(), centres.ncols());
    let half_squares: Vec<f64> = centres.rows().map(|c| 0.5 * square_norm(c)).collect();
    let mut step = Step {
        moved: false,
        sums: Matrix::zeros(clusters, width),
        counts: vec![0; clusters],
        distances: Vec::with_capacity(labels.len()),
    };
    for (block, labels) in labels.chunks_mut(BLOCK_ROWS).enumerate() {
        let rows = read_block(read, block, labels.len(), width);
        let products = rows.times_transposed(centres);
        for ((row, products), label) in rows.rows().zip(products.rows()).zip(labels) {
            let (mut best, mut largest) = (0, f64::NEG_INFINITY);
            for (k, (product, half)) in products.iter().zip(&half_squares).enumerate() {
                if product - half > largest {
                    (best, largest) = (k, product - half);
                }
            }
            step.moved |= *label != best as u32;
            *label = best as u32;
            step.counts[best] += 1;
            for (sum, v) in step.sums.row_mut(best).iter_mut().zip(row) {
                *sum += v;
            }
            step.distances.push(square_norm(row) - 2.0 * largest);
        }
    }
    step
}

impl Step {
    /// The mean row of each cluster. A cluster without rows starts anew at the row that is farthest
    /// from its centre.
    fn centres(&self, before: &Matrix, read: &impl Fn(usize, &mut [f64])) -> Matrix {
        let mut centres = Matrix::zeros(before.nrows(), before.ncols());
        let mut farthest = self.farthest_first().into_iter();
        for (k, centre) in centres.rows_mut().enumerate() {
            if self.counts[k] == 0 {
                if let Some(at) = farthest.next() {
                    read(at, centre);
                }
                continue;
            }
            for (c, sum) in centre.iter_mut().zip(self.sums.row(k)) {
                *c = sum / self.counts[k] as f64;
            }
        }
        centres
    }

    /// The rows farthest from their centres, as many as there are empty clusters.
    fn farthest_first(&self) -> Vec<usize> {
        let empty = self.counts.iter().filter(|count| **count == 0).count();
        if empty == 0 {
            return Vec::new();
        }
        let mut order: Vec<usize> = (0..self.distances.len()).collect();
        order.sort_by(|&a, &b| self.distances[b].total_cmp(&self.distances[a]));
        order.truncate(empty);
        order
    }
}
