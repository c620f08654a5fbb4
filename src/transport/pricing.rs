//! Which arc enters the basis of the network simplex: multiple partial pricing over the rows of the
//! costs.
//!
//! The most negative arc of each of the next rows makes a short list of candidates, from which a few
//! pivots take the best (priced again before each) until rows are looked at again. Against one row a
//! pivot this halves the pivots; against many rows a pivot it halves the reading.
//!
//! Large problems look at the short lists of rows until these hold no arc any more, and only then at whole
//! rows, most of which need not be read again.

use std::ops::Range;

use super::cost_rows::CostRows;
use super::lowest_difference::lowest_difference;
use super::shortlists::Shortlists;

/// Rows whose best arcs make a list, and pivots that one list serves. Measured on Gaussian points and on
/// class-conditional problems of real embeddings, 200 to 5000 points.
const LIST: usize = 16;
const PIVOTS_PER_LIST: usize = 8;
/// The same where rows have short lists of columns: looking is cheap, so pivots may be choosier.
const SHORT_LIST: usize = 128;
const PIVOTS_PER_SHORT_LIST: usize = 16;
/// How often a block of rows is looked at before the next one is computed, where rows are computed: more
/// pivots than by looking at all rows in turn, but half of the time (5000 points, 64-d).
const ROUNDS: usize = 4;

/// An arc that may enter the basis, with its reduced cost when last priced.
#[derive(Debug, Clone, Copy)]
pub struct Arc {
    pub row: u32,
    pub column: u32,
    pub cost: f64,
    pub reduced: f64,
}

/// The state of a search for entering arcs.
pub struct Pricing {
    next_row: usize,
    /// Of looking at the rows at hand.
    round: usize,
    found_in_round: bool,
    candidates: Vec<Arc>,
    /// Pivots that the list still serves.
    pivots_left: usize,
    /// Reduced costs below this share of the numbers they come from are rounding.
    noise: f64,
    /// Where arcs are looked for first; none once there are no more.
    shortlists: Option<Shortlists>,
    arch: pulp::Arch,
}

impl Pricing {
    #[must_use]
    pub fn new(shortlists: Option<Shortlists>) -> Self {
        Self {
            next_row: 0,
            round: 1,
            found_in_round: false,
            candidates: Vec::with_capacity(LIST),
            pivots_left: 0,
            noise: 4.0 * f64::EPSILON,
            shortlists,
            arch: pulp::Arch::new(),
        }
    }

    /// Take twice as large reduced costs for rounding from now on.
    pub fn tolerate_more(&mut self) {
        self.noise *= 2.0;
    }

    /// An arc of negative reduced cost; `None` if no arc has one.
    pub fn entering_arc(
        &mut self,
        costs: &mut CostRows<'_>,
        source_dual: &[f64],
        target_dual: &[f64],
    ) -> Option<Arc> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain_mut(|arc| {
            arc.reduced =
                arc.cost - source_dual[arc.row as usize] - target_dual[arc.column as usize];
            self.is_negative(arc, source_dual, target_dual)
        });
        if self.pivots_left == 0 || candidates.is_empty() {
            candidates.clear();
            self.pivots_left = PIVOTS_PER_SHORT_LIST;
            self.price_shortlists(source_dual, target_dual, &mut candidates);
            if candidates.is_empty() {
                self.shortlists = None;
                self.pivots_left = PIVOTS_PER_LIST;
                self.price_rows(costs, source_dual, target_dual, &mut candidates);
            }
        }
        self.pivots_left -= 1;
        let best = (0..candidates.len())
            .min_by(|&a, &b| candidates[a].reduced.total_cmp(&candidates[b].reduced));
        let entering = best.map(|at| candidates.swap_remove(at));
        self.candidates = candidates;
        entering
    }

    /// Look at the short lists of rows in turn until the list is full or all have been seen.
    fn price_shortlists(
        &mut self,
        source_dual: &[f64],
        target_dual: &[f64],
        candidates: &mut Vec<Arc>,
    ) {
        let Some(shortlists) = &self.shortlists else { return };
        for _ in 0..source_dual.len() {
            let i = self.next_row;
            let (lowest, j, cost) = shortlists.lowest(i, target_dual);
            let reduced = lowest - source_dual[i];
            let arc = Arc { row: i as u32, column: j as u32, cost, reduced };
            if self.is_negative(&arc, source_dual, target_dual) {
                candidates.push(arc);
            }
            self.next_row = (i + 1) % source_dual.len();
            if candidates.len() == SHORT_LIST {
                return;
            }
        }
    }

    /// Look at rows in turn until the list is full or all have been seen.
    fn price_rows(
        &mut self,
        costs: &mut CostRows<'_>,
        source_dual: &[f64],
        target_dual: &[f64],
        candidates: &mut Vec<Arc>,
    ) {
        let n = source_dual.len();
        let mut left = n;
        while left > 0 {
            let i = self.next_row;
            let row = costs.row(i);
            let (lowest, j) = lowest_difference(self.arch, row, target_dual);
            let arc = Arc {
                row: i as u32,
                column: j as u32,
                cost: row[j],
                reduced: lowest - source_dual[i],
            };
            if self.is_negative(&arc, source_dual, target_dual) {
                candidates.push(arc);
                self.found_in_round = true;
            }
            left += self.advance(&costs.at_hand(i), n);
            left -= 1;
            if candidates.len() == LIST {
                return;
            }
        }
    }

    /// Go on to the next row. Returns how many rows will be looked at once more.
    fn advance(&mut self, at_hand: &Range<usize>, n: usize) -> usize {
        self.next_row += 1;
        if self.next_row < at_hand.end {
            return 0;
        }
        let again = at_hand.len() < n && self.found_in_round && self.round < ROUNDS;
        self.found_in_round = false;
        if again {
            self.round += 1;
            self.next_row = at_hand.start;
            return at_hand.len();
        }
        self.round = 1;
        self.next_row = at_hand.end % n;
        0
    }

    fn is_negative(&self, arc: &Arc, source_dual: &[f64], target_dual: &[f64]) -> bool {
        let size = arc.cost.abs()
            + source_dual[arc.row as usize].abs()
            + target_dual[arc.column as usize].abs();
        arc.reduced < -self.noise * size
    }
}
