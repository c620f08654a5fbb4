//! Exact nearest neighbours by brute force.
//!
//! A neighbour's rank is decided by its squared distance in `f64`, summed coordinate by coordinate
//! ([`square_distance`]), and among equal distances by its place: the first comes first. To find
//! the few pairs for which that sum is needed, all squared distances are first bounded from both
//! sides by a matrix product in `f32`, which costs half of one in `f64`, over blocks of rows. With
//! `u = 2^-24` a product of rows of `d` coordinates is within `d u |p| |q|` of its exact value in
//! whatever order it is summed (Jeannerod and Rump, 2013); rounding rows to `f32` and comparing in
//! `f32` cost a few `u` more. So every squared distance lies within `(d + 16) u (|p|^2 + |q|^2)` of
//! what the product says, and a row is out only where k others are certainly nearer. The result is
//! that of `f64` throughout, ties included.
//!
//! `O(n m d)` time; for neighbours within one set each pair is multiplied once. Many rows that
//! differ by less than `f32` can tell, but do differ, cost a sum in `f64` for each of their pairs.
//! Memory `O(n k)` and a few blocks: neither the distances nor a second copy of the table are ever
//! held.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use serde::Deserialize;
use thiserror::Error;

use crate::linalg::square_distance::{norm, square_distance};
use crate::rows::Table;

/// Rows on each side of a product.
const BLOCK_ROWS: usize = 1024;
/// Half an ulp of 1 in `f32`.
const ROUNDING: f64 = 1.0 / (1u32 << 24) as f64;
/// What conversion to `f32`, comparison in `f32` and the exact sum may add to a product's own
/// rounding, in units of `ROUNDING`. They need less than 7.
const OTHER_ROUNDINGS: f64 = 16.0;
/// Products this small may have lost digits to underflow; rows are scaled to norms of about 1.
const UNDERFLOW: f64 = 1e-30;

/// Why there are no neighbours.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum NeighbourError {
    #[error("k must be at least 1; it is 0")]
    NoNeighbours,
    #[error("there are {found} rows to be neighbours of, but k = {k} needs at least {needed}")]
    FewRows { found: usize, k: usize, needed: usize },
    #[error(
        "a row is zero and has no direction, so no cosine; drop it or use the Euclidean metric"
    )]
    ZeroRow { row: u32 },
}

/// Some rows of a table.
#[derive(Debug, Clone, Copy)]
pub struct TableRows<'t, 'r> {
    pub table: Table<'t>,
    pub rows: &'r [u32],
}

/// What nearness means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Euclidean,
    /// The angle: Euclidean distance after dividing each row by its norm.
    Cosine,
}

/// The `k` nearest of the other rows for each of some rows: flat, `k` for each row in the order
/// given, as indices into `rows`, nearest first. A row is told from others by its place, so
/// duplicates of it count as neighbours.
///
/// # Errors
/// `k` is 0 or leaves too few rows; with the cosine, a zero row.
pub fn among(
    rows: TableRows<'_, '_>,
    k: usize,
    metric: Metric,
) -> Result<Vec<u32>, NeighbourError> {
    check_count(rows.rows.len(), k, k + 1)?;
    let mut points = ScaledRows::new(rows, metric)?;
    let mean = points.mean();
    let radius = points.radius(&mean);
    let shift = Shift::new(mean, radius);
    points.apply(&shift);
    let mut search = NeighbourSearch::new(&points, &points, k);
    let blocks = points.blocks();
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (at, query_block) in blocks.iter().enumerate() {
        points.fill(query_block.clone(), &shift, &mut left);
        search.multiply(&left, query_block, &left, query_block, Roles::Both);
        for point_block in &blocks[at + 1..] {
            points.fill(point_block.clone(), &shift, &mut right);
            search.multiply(&left, query_block, &right, point_block, Roles::Both);
        }
    }
    Ok(search.finish())
}

/// The `k` nearest of `points` for each of `queries`, in the form of [`among`].
///
/// # Errors
/// Those of [`among`].
pub fn between(
    points: TableRows<'_, '_>,
    queries: TableRows<'_, '_>,
    k: usize,
    metric: Metric,
) -> Result<Vec<u32>, NeighbourError> {
    check_count(points.rows.len(), k, k)?;
    let mut points = ScaledRows::new(points, metric)?;
    let mut queries = ScaledRows::new(queries, metric)?;
    let mean = points.mean();
    let radius = points.radius(&mean).max(queries.radius(&mean));
    let shift = Shift::new(mean, radius);
    points.apply(&shift);
    queries.apply(&shift);
    let mut search = NeighbourSearch::new(&queries, &points, k);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for query_block in queries.blocks() {
        queries.fill(query_block.clone(), &shift, &mut left);
        for point_block in points.blocks() {
            points.fill(point_block.clone(), &shift, &mut right);
            search.multiply(&left, &query_block, &right, &point_block, Roles::Apart);
        }
    }
    Ok(search.finish())
}

fn check_count(found: usize, k: usize, needed: usize) -> Result<(), NeighbourError> {
    if k == 0 {
        return Err(NeighbourError::NoNeighbours);
    }
    if found < needed {
        return Err(NeighbourError::FewRows { found, k, needed });
    }
    Ok(())
}

/// Rows with the factors that bring them to comparable scale.
struct ScaledRows<'t, 'r> {
    table: Table<'t>,
    rows: &'r [u32],
    /// Factor of each row. For the Euclidean metric one power of two for all, which rounds nothing.
    factors: Vec<f64>,
    /// Squared norms of the rows as they enter products.
    squares: Vec<f64>,
}

/// Translation and scaling that keep products small: distances feel neither.
struct Shift {
    mean: Vec<f64>,
    /// A power of two.
    scale: f64,
}

impl<'t, 'r> ScaledRows<'t, 'r> {
    fn new(rows: TableRows<'t, 'r>, metric: Metric) -> Result<Self, NeighbourError> {
        let TableRows { table, rows } = rows;
        let mut row = vec![0.0; table.width()];
        let mut factors = vec![1.0; rows.len()];
        if metric == Metric::Cosine {
            for (&at, factor) in rows.iter().zip(&mut factors) {
                table.copy_row(at as usize, &mut row);
                *factor = 1.0 / norm(&row);
                if !factor.is_finite() {
                    return Err(NeighbourError::ZeroRow { row: at });
                }
            }
        }
        Ok(Self { table, rows, factors, squares: vec![0.0; rows.len()] })
    }

    fn read(&self, at: usize, out: &mut [f64]) {
        self.table.copy_row(self.rows[at] as usize, out);
        for o in out {
            *o *= self.factors[at];
        }
    }

    fn mean(&self) -> Vec<f64> {
        let mut mean = vec![0.0; self.table.width()];
        let mut row = mean.clone();
        for at in 0..self.rows.len() {
            self.read(at, &mut row);
            for (m, v) in mean.iter_mut().zip(&row) {
                *m += v;
            }
        }
        for m in &mut mean {
            *m /= self.rows.len() as f64;
        }
        mean
    }

    /// The largest distance of a row to `centre`.
    fn radius(&self, centre: &[f64]) -> f64 {
        let mut row = vec![0.0; self.table.width()];
        let mut radius: f64 = 0.0;
        for at in 0..self.rows.len() {
            self.read(at, &mut row);
            for (v, c) in row.iter_mut().zip(centre) {
                *v -= c;
            }
            radius = radius.max(norm(&row));
        }
        radius
    }

    fn apply(&mut self, shift: &Shift) {
        for factor in &mut self.factors {
            *factor *= shift.scale;
        }
        let mut block = Vec::new();
        for range in self.blocks() {
            self.fill(range.clone(), shift, &mut block);
            for (square, row) in
                self.squares[range].iter_mut().zip(block.chunks_exact(self.table.width().max(1)))
            {
                *square = row.iter().map(|v| f64::from(*v) * f64::from(*v)).sum();
            }
        }
    }

    fn blocks(&self) -> Vec<Range<usize>> {
        let count = self.rows.len();
        (0..count).step_by(BLOCK_ROWS).map(|at| at..count.min(at + BLOCK_ROWS)).collect()
    }

    /// Some rows as they enter products.
    fn fill(&self, range: Range<usize>, shift: &Shift, out: &mut Vec<f32>) {
        let mut row = vec![0.0; self.table.width()];
        out.clear();
        for at in range {
            self.read(at, &mut row);
            out.extend(row.iter().zip(&shift.mean).map(|(v, m)| (v - m) as f32));
        }
    }
}

impl Shift {
    /// Take `mean` out and bring rows at `radius` from it to a norm between 1/2 and 1.
    fn new(mut mean: Vec<f64>, radius: f64) -> Self {
        let exponent = if radius > 0.0 { -radius.log2().ceil() } else { 0.0 };
        let scale = exponent.clamp(-1000.0, 1000.0).exp2();
        for m in &mut mean {
            *m *= scale;
        }
        Self { mean, scale }
    }
}

/// A row that may be among the nearest.
#[derive(Debug, Clone, Copy)]
struct Neighbour {
    noted: Noted,
    /// Bounds on the squared distance; equal once it is known.
    lower: f64,
    upper: f64,
}

/// What is kept of it: every query has dozens.
#[derive(Debug, Clone, Copy)]
struct Noted {
    at: u32,
    product: f32,
}

/// What rows are in a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Roles {
    /// Points are queries too, and each pair of blocks comes once.
    Both,
    /// Queries are rows of their own.
    Apart,
}

struct NeighbourSearch<'s, 'q, 'p, 'r> {
    queries: &'s ScaledRows<'q, 'r>,
    points: &'s ScaledRows<'p, 'r>,
    k: usize,
    /// Relative error of a bound.
    margin: f64,
    candidates: Vec<Vec<Noted>>,
    /// At least `k` rows are within this squared distance of the query.
    within: Vec<f64>,
    /// `within` as the scan of products needs it: a point is worth a look if
    /// `product >= reach[query] + half[point]`. Infinite once none can be.
    reach: Vec<f32>,
    /// Half the squared norms of the queries and of the points, rounded down.
    query_half: Vec<f32>,
    point_half: Vec<f32>,
    products: Vec<f32>,
    /// Two rows in `f64`.
    pair: (Vec<f64>, Vec<f64>),
}

impl<'s, 'q, 'p, 'r> NeighbourSearch<'s, 'q, 'p, 'r> {
    fn new(queries: &'s ScaledRows<'q, 'r>, points: &'s ScaledRows<'p, 'r>, k: usize) -> Self {
        let width = points.table.width();
        let margin = (width as f64 + OTHER_ROUNDINGS) * ROUNDING;
        let half = |side: &ScaledRows<'_, '_>| {
            side.squares.iter().map(|s| round_down(0.5 * (1.0 - margin) * s)).collect()
        };
        let count = queries.rows.len();
        Self {
            k,
            margin,
            candidates: vec![Vec::new(); count],
            within: vec![f64::INFINITY; count],
            reach: vec![f32::NEG_INFINITY; count],
            query_half: half(queries),
            point_half: half(points),
            products: Vec::new(),
            pair: (vec![0.0; width], vec![0.0; width]),
            queries,
            points,
        }
    }

    /// Multiply two blocks and note candidates.
    fn multiply(
        &mut self,
        left: &[f32],
        query_block: &Range<usize>,
        right: &[f32],
        point_block: &Range<usize>,
        roles: Roles,
    ) {
        let width = self.points.table.width();
        let (n, m) = (query_block.len(), point_block.len());
        let mut products = std::mem::take(&mut self.products);
        products.resize(n * m, 0.0);
        matmul(
            MatMut::from_row_major_slice_mut(&mut products, n, m),
            Accum::Replace,
            MatRef::from_row_major_slice(left, n, width),
            MatRef::from_row_major_slice(right, m, width).transpose(),
            1.0,
            Par::Seq,
        );
        let mut hits = Vec::new();
        for (query, row) in query_block.clone().zip(products.chunks_exact(m)) {
            // Each pair within a block once, and no row with itself.
            let skip = if roles == Roles::Both && query_block == point_block {
                query + 1 - query_block.start
            } else {
                0
            };
            let points = point_block.start + skip..point_block.end;
            self.scan(query, &row[skip..], points, roles, &mut hits);
            for &(point, product) in &hits {
                self.offer(query, point as usize, product);
                if roles == Roles::Both {
                    self.offer(point as usize, query, product);
                }
            }
        }
        self.products = products;
    }

    /// The points whose products say that they may be near the query, or it near them.
    fn scan(
        &self,
        query: usize,
        products: &[f32],
        points: Range<usize>,
        roles: Roles,
        hits: &mut Vec<(u32, f32)>,
    ) {
        const LANES: usize = 16;
        hits.clear();
        let (reach, half) = (self.reach[query], self.query_half[query]);
        let point_half = &self.point_half[points.clone()];
        let far = [f32::INFINITY; LANES];
        let chunks = products.chunks(LANES).zip(point_half.chunks(LANES));
        for (chunk, (products, point_half)) in chunks.enumerate() {
            let start = points.start + chunk * LANES;
            let point_reach = if roles == Roles::Both {
                &self.reach[start..start + products.len()]
            } else {
                &far[..products.len()]
            };
            let is_hit = |product: f32, point_half: f32, point_reach: f32| {
                (product >= reach + point_half) | (product >= point_reach + half)
            };
            let entries = products.iter().zip(point_half).zip(point_reach);
            let any = entries.clone().fold(false, |any, ((p, h), r)| any | is_hit(*p, *h, *r));
            if any {
                for (at, ((p, h), r)) in entries.enumerate() {
                    if is_hit(*p, *h, *r) {
                        hits.push(((start + at) as u32, *p));
                    }
                }
            }
        }
    }

    fn offer(&mut self, query: usize, point: usize, product: f32) {
        if self.reach[query] == f32::INFINITY {
            return;
        }
        let noted = Noted { at: point as u32, product };
        if self.bounded(query, noted).lower > self.within[query] {
            return;
        }
        self.candidates[query].push(noted);
        if self.candidates[query].len() >= self.room() {
            self.tighten(query);
        }
    }

    fn bounded(&self, query: usize, noted: Noted) -> Neighbour {
        let norms = self.queries.squares[query] + self.points.squares[noted.at as usize];
        let middle = norms - 2.0 * f64::from(noted.product);
        let slack = self.margin * norms + UNDERFLOW;
        Neighbour { noted, lower: middle - slack, upper: middle + slack }
    }

    fn all_bounded(&self, query: usize) -> Vec<Neighbour> {
        self.candidates[query].iter().map(|noted| self.bounded(query, *noted)).collect()
    }

    /// Candidates of one query before they are thinned out.
    fn room(&self) -> usize {
        2 * self.k + 22
    }

    /// Drop candidates that `k` others certainly beat.
    fn tighten(&mut self, query: usize) {
        let mut candidates = self.all_bounded(query);
        self.drop_beaten(query, &mut candidates);
        if candidates.len() > self.room() / 2 {
            self.resolve(query, &mut candidates);
            candidates.truncate(self.k);
            self.drop_beaten(query, &mut candidates);
        }
        self.candidates[query].clear();
        self.candidates[query].extend(candidates.iter().map(|candidate| candidate.noted));
        self.reach[query] = if self.within[query] > 0.0 {
            let square = self.queries.squares[query];
            round_down(0.5 * ((1.0 - self.margin) * square - self.within[query] - UNDERFLOW))
        } else {
            // Points come in ascending order, so later duplicates of the query lose every tie.
            f32::INFINITY
        };
    }

    fn drop_beaten(&mut self, query: usize, candidates: &mut Vec<Neighbour>) {
        if candidates.len() < self.k {
            return;
        }
        candidates.select_nth_unstable_by(self.k - 1, |a, b| a.upper.total_cmp(&b.upper));
        let within = self.within[query].min(candidates[self.k - 1].upper);
        candidates.retain(|candidate| candidate.lower <= within);
        self.within[query] = within;
    }

    /// Compute distances, and sort by them.
    fn resolve(&mut self, query: usize, candidates: &mut [Neighbour]) {
        let (query_row, point_row) = (&mut self.pair.0, &mut self.pair.1);
        self.queries.read(query, query_row);
        for candidate in &mut *candidates {
            self.points.read(candidate.noted.at as usize, point_row);
            let square = square_distance(query_row, point_row);
            (candidate.lower, candidate.upper) = (square, square);
        }
        let order = |a: &Neighbour, b: &Neighbour| {
            a.lower.total_cmp(&b.lower).then(a.noted.at.cmp(&b.noted.at))
        };
        candidates.sort_unstable_by(order);
    }

    fn finish(mut self) -> Vec<u32> {
        let mut nearest = Vec::with_capacity(self.k * self.queries.rows.len());
        for query in 0..self.queries.rows.len() {
            let mut candidates = self.all_bounded(query);
            self.drop_beaten(query, &mut candidates);
            self.resolve(query, &mut candidates);
            nearest.extend(candidates.iter().take(self.k).map(|candidate| candidate.noted.at));
        }
        nearest
    }
}

fn round_down(value: f64) -> f32 {
    (value as f32).next_down()
}
