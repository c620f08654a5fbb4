//! Which arc enters the basis of the network simplex: multiple partial pricing over the rows of the
//! costs.
//!
//! A list of candidates is made of the most negative arc of each of the next rows. Some pivots then
//! take the best candidate each, after pricing all of them again, before rows are read for a new
//! list. Compared with reading one row for every pivot, this halves the number of pivots; compared
//! with reading many rows for every pivot, it halves the reading.
//!
//! Where rows are long, only a short list of columns is read for each. Once no short list holds an
//! arc of negative reduced cost, new lists are made by the current potentials; the basis is optimal
//! when the new lists hold none either.

use crate::transport::costs::cost_rows::CostRows;
use crate::transport::exact::lowest_difference::lowest_difference;
use crate::transport::exact::shortlists::Shortlists;

/// Rows whose best arcs make a list, and pivots that one list serves. Measured on Gaussian points
/// and on class-conditional problems of real embeddings, 200 to 5000 points.
const LIST: usize = 16;
const PIVOTS_PER_LIST: usize = 8;
/// Rows whose best arcs make a list, and pivots that one list serves, where rows have short lists
/// of columns: reading is cheap then, so that a longer list of candidates pays.
const SHORT_LIST: usize = 64;
const PIVOTS_PER_SHORT_LIST: usize = 16;

/// Reduced costs below this share of the numbers they come from may be what two computations of one
/// cost differ by.
const ROUNDED_COSTS: f64 = 1e-12;

/// An arc that may enter the basis, with its reduced cost when last priced.
#[derive(Debug, Clone, Copy)]
pub struct PricedArc {
    pub row: u32,
    pub column: u32,
    pub cost: f64,
    pub reduced: f64,
}

/// The search for entering arcs, which goes on from row to row where the last one ended.
pub struct Pricing {
    next_row: usize,
    candidates: Vec<PricedArc>,
    /// Pivots that the list still serves.
    pivots_left: usize,
    /// Reduced costs below this share of the numbers they come from are rounding.
    noise: f64,
    /// Reduced costs that are not below zero by more than this are left alone.
    threshold: f64,
    /// The lists that are read in place of whole rows.
    shortlists: Option<Shortlists>,
    arch: pulp::Arch,
}

impl Pricing {
    #[must_use]
    pub fn new(shortlists: Option<Shortlists>) -> Self {
        Self {
            next_row: 0,
            candidates: Vec::with_capacity(SHORT_LIST),
            pivots_left: 0,
            noise: 4.0 * f64::EPSILON,
            threshold: 0.0,
            shortlists,
            arch: pulp::Arch::new(),
        }
    }

    /// The search among listed pairs alone for arcs that lower the value by more than `threshold`
    /// for each unit of mass. The costs of one pair may come from two computations that round
    /// differently.
    #[must_use]
    pub fn approximate(shortlists: Shortlists, threshold: f64) -> Self {
        Self { threshold, noise: ROUNDED_COSTS, ..Self::new(Some(shortlists)) }
    }

    /// Take twice as large reduced costs for rounding from now on.
    pub fn tolerate_more(&mut self) {
        self.noise *= 2.0;
    }

    /// Makes new short lists for the rows that have an arc of negative reduced cost, and returns
    /// whether there are such rows. Returns false without short lists, because whole rows have been
    /// read then.
    pub fn renew_shortlists(
        &mut self,
        costs: &mut CostRows<'_>,
        source_dual: &[f64],
        target_dual: &[f64],
    ) -> bool {
        let Some(mut shortlists) = self.shortlists.take() else { return false };
        let found =
            shortlists.renew_where(costs, source_dual, target_dual, |i, j, cost, reduced| {
                let arc = PricedArc { row: i as u32, column: j as u32, cost, reduced };
                self.is_negative(&arc, source_dual, target_dual)
            });
        self.shortlists = Some(shortlists);
        found
    }

    /// An arc of negative reduced cost; `None` if no arc that is looked at has one.
    pub fn entering_arc(
        &mut self,
        costs: &mut CostRows<'_>,
        source_dual: &[f64],
        target_dual: &[f64],
    ) -> Option<PricedArc> {
        self.search(source_dual, target_dual, |pricing, i| match &pricing.shortlists {
            Some(lists) => lists.lowest_below(source_dual[i], i, target_dual),
            None => {
                let row = costs.row(i);
                let (lowest, j) = lowest_difference(pricing.arch, row, target_dual);
                Some((lowest, j, row[j]))
            }
        })
    }

    /// An arc of negative reduced cost that is on a list; `None` if there is none.
    pub fn listed_arc(&mut self, source_dual: &[f64], target_dual: &[f64]) -> Option<PricedArc> {
        self.search(source_dual, target_dual, |pricing, i| {
            pricing.shortlists.as_ref()?.lowest_below(source_dual[i], i, target_dual)
        })
    }

    /// The best of the candidates, which are the best arcs of the next rows. `lowest` gives a row's
    /// lowest cost less `target_dual`, with its column and cost.
    fn search(
        &mut self,
        source_dual: &[f64],
        target_dual: &[f64],
        mut lowest: impl FnMut(&Self, usize) -> Option<(f64, usize, f64)>,
    ) -> Option<PricedArc> {
        let mut candidates = std::mem::take(&mut self.candidates);
        candidates.retain_mut(|arc| {
            arc.reduced =
                arc.cost - source_dual[arc.row as usize] - target_dual[arc.column as usize];
            self.is_negative(arc, source_dual, target_dual)
        });
        if self.pivots_left == 0 || candidates.is_empty() {
            candidates.clear();
            let (length, pivots) = match self.shortlists {
                Some(_) => (SHORT_LIST, PIVOTS_PER_SHORT_LIST),
                None => (LIST, PIVOTS_PER_LIST),
            };
            self.pivots_left = pivots;
            for _ in 0..source_dual.len() {
                let i = self.next_row;
                self.next_row = (i + 1) % source_dual.len();
                let best = lowest(self, i).map(|(lowest, j, cost)| PricedArc {
                    row: i as u32,
                    column: j as u32,
                    cost,
                    reduced: lowest - source_dual[i],
                });
                candidates
                    .extend(best.filter(|arc| self.is_negative(arc, source_dual, target_dual)));
                if candidates.len() == length {
                    break;
                }
            }
        }
        self.pivots_left -= 1;
        let best = (0..candidates.len())
            .min_by(|&a, &b| candidates[a].reduced.total_cmp(&candidates[b].reduced));
        let entering = best.map(|at| candidates.swap_remove(at));
        self.candidates = candidates;
        entering
    }

    fn is_negative(&self, arc: &PricedArc, source_dual: &[f64], target_dual: &[f64]) -> bool {
        let size = arc.cost.abs()
            + source_dual[arc.row as usize].abs()
            + target_dual[arc.column as usize].abs();
        arc.reduced < -self.noise * size - self.threshold
    }
}
