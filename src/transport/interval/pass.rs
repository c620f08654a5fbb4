//! One pass over all pairs of points, a tile at a time, so that memory is linear in the points: the
//! c-transform of target potentials, which makes them feasible, and for each source point the few
//! target points of lowest reduced cost.

use std::cmp::Ordering;

use crate::parallelism::Parallelism;
use crate::transport::costs::distance_rows::{DistanceRows, TileMemory};

/// Source points that are looked at together.
const ROWS: usize = 128;
/// Reduced costs that are compared with a limit together, as one vector.
const CHUNK: usize = 8;
/// A list that is being made may grow to so many times its length before it is cut.
const GROWTH: usize = 3;

/// What a pass finds for each source point.
#[derive(Debug, Clone, PartialEq)]
pub struct Pass {
    /// The c-transform, `min_j cost[i, j] - dual[j]`.
    pub lowest: Vec<f64>,
    /// How many columns each list has.
    pub length: usize,
    /// The columns of the lowest reduced costs of each row, list after list, the lowest first.
    pub columns: Vec<u32>,
    /// Their costs.
    pub costs: Vec<f64>,
}

impl Pass {
    /// Reads all pairs once. Lists have `length` columns, at least one, or all that there are.
    #[must_use]
    pub fn over(
        distances: &DistanceRows<'_>,
        dual: &[f64],
        length: usize,
        parallelism: Parallelism,
    ) -> Self {
        let n = distances.nrows();
        let length = length.min(distances.ncols());
        let (mut columns, mut costs) = (vec![0; n * length], vec![0.0; n * length]);
        let mut lowest = vec![0.0; n];
        let lists = columns.chunks_mut(ROWS * length).zip(costs.chunks_mut(ROWS * length));
        let mut blocks: Vec<Block<'_>> = lowest
            .chunks_mut(ROWS)
            .zip(lists)
            .map(|(lowest, (columns, costs))| Block { lowest, columns, costs })
            .collect();
        parallelism.for_each_with(&mut blocks, |memory, at, block| {
            block.find(distances, dual, length, at, memory);
        });
        Self { lowest, length, columns, costs }
    }

    /// The list of a source point, and its costs.
    #[must_use]
    pub fn list(&self, i: usize) -> (&[u32], &[f64]) {
        let list = i * self.length..(i + 1) * self.length;
        (&self.columns[list.clone()], &self.costs[list])
    }
}

/// What is found for some consecutive source points.
struct Block<'a> {
    lowest: &'a mut [f64],
    columns: &'a mut [u32],
    costs: &'a mut [f64],
}

#[derive(Default)]
struct Memory {
    tile: TileMemory,
    lists: Vec<List>,
}

impl Block<'_> {
    /// Finds it for block number `at`. Each block begins with other columns, so that of columns
    /// that are equally low not all blocks list the same.
    fn find(
        &mut self,
        distances: &DistanceRows<'_>,
        dual: &[f64],
        length: usize,
        at: usize,
        memory: &mut Memory,
    ) {
        let rows = self.lowest.len();
        let Memory { tile, lists } = memory;
        lists.resize_with(rows, List::default);
        lists.iter_mut().for_each(List::clear);
        let arch = pulp::Arch::new();
        distances.for_each_tile(at * ROWS..at * ROWS + rows, at, tile, |start, costs| {
            let count = costs.len() / rows;
            let dual = &dual[start..start + count];
            for (row, list) in costs.chunks_exact(count).zip(lists.iter_mut()) {
                arch.dispatch(|| list.look_at(row, dual, start, length));
            }
        });
        let out = self.columns.chunks_exact_mut(length).zip(self.costs.chunks_exact_mut(length));
        for ((list, lowest), (columns, costs)) in lists.iter_mut().zip(&mut *self.lowest).zip(out) {
            list.cut(length);
            list.found.sort_unstable_by(Listed::order);
            *lowest = list.found[0].reduced;
            for ((listed, column), cost) in list.found.iter().zip(columns).zip(costs) {
                (*column, *cost) = (listed.column, listed.cost);
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Listed {
    reduced: f64,
    column: u32,
    cost: f64,
}

impl Listed {
    fn order(&self, other: &Self) -> Ordering {
        self.reduced.total_cmp(&other.reduced).then(self.column.cmp(&other.column))
    }
}

/// The columns of lowest reduced cost that a row has shown so far, and some more.
#[derive(Debug, Default)]
struct List {
    /// What a reduced cost must be below to be among the lowest.
    limit: f64,
    found: Vec<Listed>,
}

impl List {
    fn clear(&mut self) {
        self.limit = f64::INFINITY;
        self.found.clear();
    }

    #[inline(always)]
    fn look_at(&mut self, row: &[f64], dual: &[f64], start: usize, length: usize) {
        let (row_chunks, row_rest) = row.as_chunks::<CHUNK>();
        let (dual_chunks, dual_rest) = dual.as_chunks::<CHUNK>();
        let chunks = row_chunks.iter().zip(dual_chunks).zip((start..).step_by(CHUNK));
        for ((costs, dual), first) in chunks {
            let mut reduced = [0.0; CHUNK];
            for ((r, c), v) in reduced.iter_mut().zip(costs).zip(dual) {
                *r = c - v;
            }
            // Most columns are not low, so they are passed over in chunks.
            if reduced.iter().fold(false, |any, r| any | (*r < self.limit)) {
                self.take(costs, &reduced, first, length);
            }
        }
        let first = start + CHUNK * row_chunks.len();
        for ((c, v), column) in row_rest.iter().zip(dual_rest).zip(first..) {
            self.take(&[*c], &[c - v], column, length);
        }
    }

    fn take(&mut self, costs: &[f64], reduced: &[f64], first: usize, length: usize) {
        for ((&cost, &reduced), column) in costs.iter().zip(reduced).zip(first as u32..) {
            if reduced < self.limit {
                self.found.push(Listed { reduced, column, cost });
            }
        }
        if self.found.len() >= GROWTH * length + CHUNK {
            self.cut(length);
            let highest = self.found.iter().map(|listed| listed.reduced);
            self.limit = highest.fold(f64::NEG_INFINITY, f64::max);
        }
    }

    /// Leaves the `length` lowest.
    fn cut(&mut self, length: usize) {
        if self.found.len() > length {
            self.found.select_nth_unstable_by(length - 1, Listed::order);
            self.found.truncate(length);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Matrix;
    use crate::transport::costs::distance_rows::Power;

    /// Points of which many are equally far from each other, in several blocks and tiles.
    #[test]
    fn lists_are_the_lowest_reduced_costs() {
        let points = |n: usize, shift: f64| {
            Matrix::from_fn(n, 2, |i, k| ((i * (7 + 6 * k)) % 23) as f64 + shift)
        };
        let (x, y) = (points(300, 0.0), points(1100, 0.5));
        let distances = DistanceRows::new(x.view().into(), y.view().into(), Power::One);
        let dual: Vec<f64> = (0..1100).map(|j| f64::from(j % 5)).collect();
        let matrix = distances.matrix(Parallelism::Sequential);
        for length in [1, 10, 5000] {
            let found = Pass::over(&distances, &dual, length, Parallelism::Sequential);
            for (i, row) in matrix.chunks_exact(1100).enumerate() {
                let reduced = |j: usize| row[j] - dual[j];
                let mut sorted: Vec<f64> = (0..1100).map(reduced).collect();
                sorted.sort_by(f64::total_cmp);
                let (columns, costs) = found.list(i);
                assert_eq!(columns.len(), length.min(1100));
                assert!((found.lowest[i] - sorted[0]).abs() < 1e-12);
                for (k, (&j, cost)) in columns.iter().zip(costs).enumerate() {
                    assert!((cost - row[j as usize]).abs() < 1e-12);
                    assert!((reduced(j as usize) - sorted[k]).abs() < 1e-12, "{i} {k}");
                }
            }
        }
    }
}
