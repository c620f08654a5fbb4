//! The transferability bound of Mehra, Zhang and Hamm (arXiv 2307.00823), tightened and certified:
//! `target loss <= source_loss + label_mismatch + distribution_mismatch` for a linear head on
//! frozen features after transforms of class prior, label set and feature space.
//!
//! [`certificate`] evaluates the inequality for any transforms, with its proof; it can be read
//! without any other file of this folder. [`solution`] is a set of transforms, and its bound on any
//! rows. `search` looks for transforms whose bound is low. Whatever the search does, the result is
//! a bound: nothing in [`certificate`] depends on how good a solution is.

pub mod certificate;
mod error;
mod label_map;
pub mod search;
mod settings;
pub mod solution;

use crate::rows::Table;

pub use certificate::ClassTerms;
pub use error::BoundError;
pub use label_map::{LabelMap, LabelMapError};
pub use search::source_cache::SharedSource;
pub use search::{transfer_bound, transfer_bound_from};
pub use settings::{GroundCost, Lipschitz, Settings, Transform};

/// One task's rows by class: `fit[c]` and `evaluation[c]` are row numbers of class `c` in `table`.
/// Without a split both hold the same rows.
#[derive(Debug, Clone)]
pub struct LabelledRows<'a> {
    pub table: Table<'a>,
    pub fit: Vec<Vec<u32>>,
    pub evaluation: Vec<Vec<u32>>,
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
    pub certified: bool,
    /// Strength of the L2 penalty that was used; `None` where nothing was fitted.
    pub l2: Option<f64>,
    pub n_source: u32,
    pub n_target: u32,
    pub source_classes: u32,
    pub target_classes: u32,
    /// One entry per target class, in class order; the terms sum to the totals.
    pub by_class: Vec<ClassTerms>,
}
