//! For each row of a cost matrix the few columns that are likely to be used, by the potentials that a start
//! gives: entering arcs are looked for among them before whole rows are read.
//!
//! Reference: Gottschlich and Schuhmacher, "The shortlist method for fast computation of the earth mover's
//! distance", PLOS ONE 2014. Theirs takes the columns of lowest cost; after a start with potentials those of lowest
//! reduced cost are fewer.

use super::cost_rows::CostRows;

/// About how many columns a row has, and how many at most.
const COLUMNS: usize = 64;
const MOST: usize = 256;
/// One in so many columns is looked at to guess what the list's last one costs.
const SAMPLING: usize = 7;

/// Columns and their costs, row after row.
pub struct Shortlists {
    /// Where each row's end.
    ends: Vec<u32>,
    columns: Vec<u32>,
    costs: Vec<f64>,
}

impl Shortlists {
    /// The columns whose cost less `dual` is about as low as that of the `COLUMNS`-th.
    #[must_use]
    pub fn new(costs: &mut CostRows<'_>, dual: &[f64]) -> Self {
        let (n, m) = (costs.nrows(), costs.ncols());
        let mut lists = Self {
            ends: Vec::with_capacity(n),
            columns: Vec::with_capacity(n * COLUMNS),
            costs: Vec::with_capacity(n * COLUMNS),
        };
        let mut reduced = vec![0.0; m];
        let mut sample = Vec::with_capacity(m / SAMPLING + 1);
        for i in 0..n {
            let row = costs.row(i);
            for ((r, c), v) in reduced.iter_mut().zip(row).zip(dual) {
                *r = c - v;
            }
            sample.clear();
            sample.extend(reduced.iter().copied().step_by(SAMPLING));
            let at = (COLUMNS / SAMPLING).min(sample.len() - 1);
            let limit = *sample.select_nth_unstable_by(at, f64::total_cmp).1;
            let low = reduced.iter().enumerate().filter(|(_, r)| **r <= limit);
            for (j, _) in low.take(MOST) {
                lists.columns.push(j as u32);
                lists.costs.push(row[j]);
            }
            lists.ends.push(lists.columns.len() as u32);
        }
        lists
    }

    /// The lowest cost less `dual` in a row's list, with its column and cost; the first of equal ones.
    #[must_use]
    pub fn lowest(&self, row: usize, dual: &[f64]) -> (f64, usize, f64) {
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        let end = self.ends[row] as usize;
        let mut best = (f64::INFINITY, 0, 0.0);
        for (&j, &c) in self.columns[start..end].iter().zip(&self.costs[start..end]) {
            let reduced = c - dual[j as usize];
            if reduced < best.0 {
                best = (reduced, j as usize, c);
            }
        }
        best
    }
}
