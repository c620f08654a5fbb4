//! The transferability bound of Mehra, Zhang and Hamm (arXiv 2307.00823), tightened and certified:
//! `target loss <= source_loss + label_mismatch + distribution_mismatch` for a linear head on
//! frozen features after transforms of class prior, label set and feature space.
//!
//! [`certificate`] evaluates the inequality for any transforms, with its proof; it can be read
//! without any other file of this folder. [`population`] carries it from the evaluation rows to
//! what they were drawn from. [`solution`] is a set of transforms, and its bound on any rows.
//! `search` looks for transforms whose bound is low. Whatever the search does, the result is a
//! bound: nothing in [`certificate`] depends on how good a solution is.

pub mod certificate;
mod error;
mod label_map;
pub mod matching;
pub mod population;
pub mod search;
mod settings;
pub mod solution;

use crate::bound::matching::Matched;
use crate::bound::population::Population;
use crate::rows::Table;

pub use certificate::ClassTerms;
pub use error::BoundError;
pub use label_map::{LabelMap, LabelMapError};
pub use search::source_cache::SharedSource;
pub use search::{target_rows, transfer_bound, transfer_bound_from};
pub use settings::{GroundCost, Lipschitz, Settings, Transform};

/// One task's rows by class: `fit[c]` and `evaluation[c]` are row numbers of class `c` in `table`.
/// Without a split both hold the same rows.
#[derive(Debug, Clone)]
pub struct LabelledRows<'a> {
    pub table: Table<'a>,
    pub fit: Vec<Vec<u32>>,
    pub evaluation: Vec<Vec<u32>>,
}

impl LabelledRows<'_> {
    /// Whether rows are evaluated on that nothing is learned from.
    #[must_use]
    pub fn is_split(&self) -> bool {
        self.fit != self.evaluation
    }

    /// The same rows without a split: all serve to learn from and to evaluate on.
    #[must_use]
    pub fn unsplit(&self) -> Self {
        if !self.is_split() {
            return self.clone();
        }
        let both = self.fit.iter().zip(&self.evaluation);
        let all = both.map(|(fit, evaluation)| {
            let mut rows = [&fit[..], &evaluation[..]].concat();
            rows.sort_unstable();
            rows
        });
        let all: Vec<Vec<u32>> = all.collect();
        Self { table: self.table, fit: all.clone(), evaluation: all }
    }
}

/// The bound on the evaluation rows, with its parts. Losses are in nats.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    pub bound: f64,
    pub source_loss: f64,
    pub label_mismatch: f64,
    pub distribution_mismatch: f64,
    /// Lipschitz constant of the head; `None` for the margin cost, which needs none.
    pub lipschitz: Option<f64>,
    pub target_loss: f64,
    pub target_accuracy: f64,
    pub trivial_loss: f64,
    /// The bound is above the trivial loss, so it says nothing.
    pub vacuous: bool,
    /// The head guesses by how frequent the target's classes are among the fit rows.
    pub guesses: bool,
    pub certified: bool,
    /// What holds for the population of the target, where that was asked for.
    pub population: Option<Population>,
    /// How well true labels are predicted, where they were given beside pseudo-labels and each
    /// class has a pseudo-class.
    pub matched: Option<Matched>,
    /// Strength of the L2 penalty that was used; `None` where nothing was fitted.
    pub l2: Option<f64>,
    pub n_source: u32,
    pub n_target: u32,
    pub source_classes: u32,
    pub target_classes: u32,
    /// One entry per target class, in class order; the terms sum to the totals.
    pub by_class: Vec<ClassTerms>,
}

/// What a bound says beside guessing by how frequent the target's classes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    BetterThanGuessing,
    NoBetterThanGuessing,
    Vacuous,
}

/// A bound that is this share of the trivial loss away from it is no better than guessing.
const AS_GOOD_AS_GUESSING: f64 = 1e-3;

impl Bound {
    /// What the bound says beside guessing.
    #[must_use]
    pub fn state(&self) -> State {
        let margin = self.trivial_loss * AS_GOOD_AS_GUESSING;
        if self.guesses || (self.bound - self.trivial_loss).abs() <= margin {
            State::NoBetterThanGuessing
        } else if self.bound > self.trivial_loss {
            State::Vacuous
        } else {
            State::BetterThanGuessing
        }
    }

    /// What the loss over the target's population is not above, where a claim about it was asked
    /// for.
    #[must_use]
    pub fn bound_high(&self) -> Option<f64> {
        let above = |population: Population| (population.loss_high - self.target_loss).max(0.0);
        self.population.map(|population| self.bound + above(population))
    }
}
