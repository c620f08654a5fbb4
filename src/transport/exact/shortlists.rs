//! Short lists: for each row of a cost matrix, the few columns that an optimum is likely to use.
//! They are those of lowest reduced cost by the current potentials. Entering arcs are looked for in
//! the lists until these hold none. Only then are whole rows read again, and a row whose best arc
//! is missing from its list gets a new list.
//!
//! Reference: Gottschlich and Schuhmacher, "The shortlist method for fast computation of the earth
//! mover's distance", PLOS ONE 2014. Their lists are made once and hold the columns of lowest cost;
//! fewer columns are enough where they are chosen by reduced cost.

use crate::transport::costs::cost_rows::CostRows;
use crate::transport::exact::lowest_difference::lowest_difference;

/// A list has at least about this many columns. Shorter lists miss more of the arcs that enter, and
/// whole rows are then read more often.
const COLUMNS: usize = 32;
/// With more columns than rows, a row sends mass to several columns. A list has this many columns
/// for each column that a row serves on average.
const COLUMNS_PER_ARC: usize = 4;
/// The length of a list is found by sampling, so it may be longer than wanted by this share.
const SPARE: f64 = 0.5;
/// One column in this many is sampled to estimate which reduced cost is the last on a list, because
/// selecting it among all columns would take most of the time.
const SAMPLING: usize = 7;

/// Columns whose reduced costs are compared with the limit together, as one vector.
const CHUNK: usize = 8;

/// The columns on each row's list, with their costs.
pub struct Shortlists {
    /// About how many columns a list has.
    wanted: usize,
    /// Where the room of each list starts, and where that of the last one ends.
    starts: Vec<usize>,
    /// How many columns each list has.
    lengths: Vec<u32>,
    /// The lists one after the other, each with its room.
    columns: Vec<u32>,
    costs: Vec<f64>,
    /// Memory that is used again for each list that is made.
    reduced: Vec<f64>,
    sample: Vec<f64>,
    arch: pulp::Arch,
}

impl Shortlists {
    /// Lists for each row the columns whose cost less `dual` is lowest.
    #[must_use]
    pub fn new(costs: &mut CostRows<'_>, dual: &[f64]) -> Self {
        let (n, m) = (costs.nrows(), costs.ncols());
        let wanted = COLUMNS.max(COLUMNS_PER_ARC * m / n);
        let room = (wanted + (SPARE * wanted as f64) as usize).min(m);
        let mut lists = Self {
            wanted,
            starts: (0..=n).map(|i| i * room).collect(),
            lengths: vec![0; n],
            columns: vec![0; n * room],
            costs: vec![0.0; n * room],
            reduced: vec![0.0; m],
            sample: Vec::with_capacity(m / SAMPLING + 1),
            arch: pulp::Arch::new(),
        };
        for i in 0..n {
            let row = costs.row(i);
            let (_, lowest) = lowest_difference(lists.arch, row, dual);
            lists.renew(i, row, lowest, dual);
        }
        lists
    }

    /// Lists that are known, one after the other: `starts` has where each starts, and where the
    /// last one ends.
    #[must_use]
    pub fn known(starts: Vec<usize>, columns: Vec<u32>, costs: Vec<f64>) -> Self {
        Self {
            wanted: 0,
            lengths: starts.windows(2).map(|list| (list[1] - list[0]) as u32).collect(),
            starts,
            columns,
            costs,
            reduced: Vec::new(),
            sample: Vec::new(),
            arch: pulp::Arch::new(),
        }
    }

    /// Makes new lists for the rows whose lowest arc may enter the basis, which
    /// `is_negative(row, column, cost, reduced)` decides. Returns whether there are such rows.
    pub fn renew_where(
        &mut self,
        costs: &mut CostRows<'_>,
        source_dual: &[f64],
        target_dual: &[f64],
        is_negative: impl Fn(usize, usize, f64, f64) -> bool,
    ) -> bool {
        let mut found = false;
        for (i, own) in source_dual.iter().enumerate() {
            let row = costs.row(i);
            let (lowest, j) = lowest_difference(self.arch, row, target_dual);
            if is_negative(i, j, row[j], lowest - own) {
                self.renew(i, row, j, target_dual);
                found = true;
            }
        }
        found
    }

    /// Makes a list of `lowest`, the column of the row's lowest arc, and of the columns that come
    /// next.
    fn renew(&mut self, i: usize, row: &[f64], lowest: usize, dual: &[f64]) {
        for ((r, c), v) in self.reduced.iter_mut().zip(row).zip(dual) {
            *r = c - v;
        }
        self.sample.clear();
        self.sample.extend(self.reduced.iter().step_by(SAMPLING));
        let at = (self.wanted / SAMPLING).min(self.sample.len() - 1);
        let limit = *self.sample.select_nth_unstable_by(at, f64::total_cmp).1;
        let list = self.starts[i]..self.starts[i + 1];
        let (columns, costs) = (&mut self.columns[list.clone()], &mut self.costs[list]);
        (columns[0], costs[0]) = (lowest as u32, row[lowest]);
        // Most columns are not low, so they are passed over in chunks.
        let passes = |r: &f64| *r <= limit;
        let chunks = self.reduced.chunks(CHUNK).zip((0..).step_by(CHUNK));
        let some = chunks.filter(|(chunk, _)| chunk.iter().fold(false, |any, r| any | passes(r)));
        let low = some.flat_map(|(chunk, first)| {
            let low = chunk.iter().zip(first..).filter(|(r, j)| passes(r) && *j != lowest);
            low.map(|(_, j)| j)
        });
        let mut length = 1;
        for (j, (column, cost)) in low.zip(columns.iter_mut().zip(costs).skip(1)) {
            (*column, *cost) = (j as u32, row[j]);
            length += 1;
        }
        self.lengths[i] = length;
    }

    /// The columns on a row's list and their costs. The first is the one whose arc was lowest when
    /// the list was made.
    #[must_use]
    pub fn row(&self, i: usize) -> (&[u32], &[f64]) {
        let list = self.starts[i]..self.starts[i] + self.lengths[i] as usize;
        (&self.columns[list.clone()], &self.costs[list])
    }

    /// The lowest cost less `dual` in a row's list, with its column and cost, if it is below
    /// `limit`; the first of equal ones.
    #[must_use]
    pub fn lowest_below(&self, limit: f64, i: usize, dual: &[f64]) -> Option<(f64, usize, f64)> {
        let (columns, costs) = self.row(i);
        let lower = |a: f64, b: f64| if a < b { a } else { b };
        // Four chains, so that one minimum need not wait for the one before.
        let mut lowest = [limit; 4];
        let (columns_by_four, columns_rest) = columns.as_chunks::<4>();
        let (costs_by_four, costs_rest) = costs.as_chunks::<4>();
        for (j, c) in columns_by_four.iter().zip(costs_by_four) {
            for ((low, &j), c) in lowest.iter_mut().zip(j).zip(c) {
                *low = lower(c - dual[j as usize], *low);
            }
        }
        for (&j, c) in columns_rest.iter().zip(costs_rest) {
            lowest[0] = lower(c - dual[j as usize], lowest[0]);
        }
        let value = lower(lower(lowest[0], lowest[1]), lower(lowest[2], lowest[3]));
        if value == limit {
            return None;
        }
        let mut arcs = columns.iter().zip(costs);
        let (&j, &c) = arcs.find(|(&j, c)| *c - dual[j as usize] == value)?;
        Some((value, j as usize, c))
    }
}
