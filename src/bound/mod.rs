//! The transferability bound of Mehra, Zhang and Hamm (arXiv 2307.00823), tightened and certified:
//! `target loss <= source_loss + label_mismatch + distribution_mismatch` for a linear head on frozen
//! features after transforms of class prior, label set and feature space.
//!
//! One file per part: [`terms`] evaluates the inequality for any transforms (the certificate),
//! [`label_map`] chooses which source classes stand for which target class, [`joint_descent`] and
//! [`pull_back`] fit the maps, `descent_path` and `head_path` choose their strength by rows set aside,
//! [`fit`] picks among their choices. Whatever the fit does, the
//! result is a bound: nothing in [`terms`] depends on how good the fit is.

pub mod canonical;
mod descent_path;
pub mod fit;
mod head_path;
pub mod joint_descent;
pub mod label_map;
pub mod pull_back;
pub mod shared_source;
pub mod solution;
pub mod terms;

use thiserror::Error;

use crate::features::Table;
use crate::head::LinearHead;
use crate::matrix::Matrix;
use crate::optimize::OptimizeError;
use crate::parallelism::Parallelism;
use crate::transport::TransportError;

pub use fit::{transfer_bound, transfer_bound_from};
pub use shared_source::SharedSource;
pub use terms::ClassTerms;

/// One task's rows by class: `fit[c]` and `evaluation[c]` are row numbers of class `c` in `table`.
/// Without a split both hold the same rows.
#[derive(Debug, Clone)]
pub struct LabelledRows<'a> {
    pub table: Table<'a>,
    pub fit: Vec<Vec<u32>>,
    pub evaluation: Vec<Vec<u32>>,
}

/// Which transforms are learned (the paper's FixedAll, LearnedA, LearnedAll).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// The assigned or given label map; features as they are.
    Identity,
    /// The assigned or given label map; head and feature map learned.
    Features,
    /// Label map, head and feature map learned.
    All,
}

/// What it costs to move a source row to a target row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroundCost {
    Margin,
    Head,
    Euclidean,
}

/// Where the Lipschitz constant of `Head` and `Euclidean` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lipschitz {
    Certified,
    /// The paper's: the largest gradient norm seen on rows. Certifies nothing.
    Empirical,
}

/// How a bound is fitted and measured.
#[derive(Debug, Clone)]
pub struct Settings {
    pub transform: Transform,
    pub ground_cost: GroundCost,
    pub lipschitz: Lipschitz,
    /// Strength of the L2 penalty; `None` chooses by the bound on fit rows set aside.
    pub l2: Option<f64>,
    /// A source head to keep as it is, one row per source class; `None` fits one.
    pub head: Option<LinearHead>,
    /// `K_T x K_S`, rows on the simplex; `None` learns one.
    pub label_map: Option<Matrix>,
    pub standardize: bool,
    /// Use at most so many fit rows and so many evaluation rows of a class, drawn by `seed`.
    pub max_rows_per_class: Option<usize>,
    pub seed: u64,
    /// Results do not depend on it.
    pub parallelism: Parallelism,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            transform: Transform::All,
            ground_cost: GroundCost::Margin,
            lipschitz: Lipschitz::Certified,
            l2: None,
            head: None,
            label_map: None,
            standardize: true,
            max_rows_per_class: None,
            seed: 0,
            parallelism: Parallelism::Sequential,
        }
    }
}

impl Settings {
    /// Whether the ground cost is proven, not measured on rows.
    #[must_use]
    pub fn is_certified(&self) -> bool {
        self.ground_cost == GroundCost::Margin || self.lipschitz == Lipschitz::Certified
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

/// Why there is no bound. Class numbers index the caller's classes.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum BoundError {
    #[error("the {side} embedding has {found} features, but the {other} has {expected}")]
    Width { side: &'static str, other: &'static str, found: usize, expected: usize },
    #[error("the {side} has {found} class(es) with rows; a bound needs at least two")]
    FewClasses { side: &'static str, found: usize },
    #[error("{side} class {class} has {found} but no {missing}")]
    EmptyClass {
        side: &'static str,
        /// The caller's class number.
        class: u32,
        found: &'static str,
        missing: &'static str,
    },
    #[error("the label map's row for target class {class} sums to {sum}, not to 1")]
    LabelMap { class: u32, sum: f64 },
    #[error(
        "the logits of the {side} rows overflow; scale the embedding down (or the head, where one is given)"
    )]
    Overflow { side: &'static str },
    #[error(
        "the bound of {bound} does not hold: {found}; this is a defect, please report it with the input"
    )]
    Uncertified { bound: f64, found: String },
    #[error("the eigenvalue decomposition of the {side} features did not converge")]
    Decomposition { side: &'static str },
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Optimize(#[from] OptimizeError),
}
