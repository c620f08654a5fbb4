//! For each row of a cost matrix the few columns that are likely to be used, by the potentials that a start
//! gives: entering arcs are looked for among them before whole rows are read.
//!
//! Reference: Gottschlich and Schuhmacher, "The shortlist method for fast computation of the earth mover's
//! distance", PLOS ONE 2014. Theirs takes the columns of lowest cost; after a start with potentials those of lowest
//! reduced cost are fewer.

use super::cost_rows::CostRows;

/// How many columns a row has on average.
const COLUMNS: usize = 64;
/// Rows by which the reduced cost is set that a column may have.
const SAMPLED_ROWS: usize = 64;

/// Columns and their costs, row after row.
pub struct Shortlists {
    /// Where each row's end.
    ends: Vec<u32>,
    columns: Vec<u32>,
    costs: Vec<f64>,
}

impl Shortlists {
    /// The columns whose cost less `dual` is within a margin of the row's lowest; the margin is the same for
    /// all rows.
    #[must_use]
    pub fn new(costs: &mut CostRows<'_>, dual: &[f64]) -> Self {
        let (n, m) = (costs.nrows(), costs.ncols());
        let margin = margin(costs, dual);
        let mut lists = Self {
            ends: Vec::with_capacity(n),
            columns: Vec::with_capacity(n * COLUMNS),
            costs: Vec::with_capacity(n * COLUMNS),
        };
        let mut reduced = vec![0.0; m];
        for i in 0..n {
            let row = costs.row(i);
            let mut lowest = f64::INFINITY;
            for ((r, c), v) in reduced.iter_mut().zip(row).zip(dual) {
                *r = c - v;
                lowest = lowest.min(*r);
            }
            let limit = lowest + margin;
            for (j, r) in reduced.iter().enumerate() {
                if *r <= limit {
                    lists.columns.push(j as u32);
                    lists.costs.push(row[j]);
                }
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

/// How far above a row's lowest its `COLUMNS`-th is: the mean over some rows.
fn margin(costs: &mut CostRows<'_>, dual: &[f64]) -> f64 {
    let n = costs.nrows();
    let sampled: Vec<usize> = (0..n).step_by(n.div_ceil(SAMPLED_ROWS)).collect();
    let mut sum = 0.0;
    for &i in &sampled {
        let mut reduced: Vec<f64> = costs.row(i).iter().zip(dual).map(|(c, v)| c - v).collect();
        let at = COLUMNS.min(reduced.len() - 1);
        let (below, last, _) = reduced.select_nth_unstable_by(at, f64::total_cmp);
        let lowest = below.iter().fold(*last, |low, r| low.min(*r));
        sum += *last - lowest;
    }
    sum / sampled.len() as f64
}
