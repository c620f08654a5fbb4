//! How a bound is fitted and measured: what a caller may choose.

use std::sync::Arc;

use serde::Deserialize;

use crate::bound::matching::Truth;
use crate::bound::LabelMap;
use crate::estimators::head::LinearHead;
use crate::parallelism::Parallelism;
use crate::rows::basis::Scale;

/// Which transforms are learned (the paper's FixedAll, LearnedA, LearnedAll).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transform {
    /// The assigned or given label map; features as they are.
    Identity,
    /// The assigned or given label map; head and feature map learned.
    Features,
    /// Label map, head and feature map learned.
    All,
}

/// What it costs to move a source row to a target row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroundCost {
    Margin,
    Head,
    Euclidean,
}

/// Where the Lipschitz constant of `Head` and `Euclidean` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// `None` assigns source classes to target classes by their means; with [`Transform::All`]
    /// other assignments are tried as well.
    pub label_map: Option<LabelMap>,
    pub standardize: bool,
    /// Use at most so many fit rows and so many evaluation rows of a class, drawn by `seed`.
    pub max_rows_per_class: Option<usize>,
    /// Use at most so many of the target's fit rows of a class, drawn by `seed`.
    pub max_target_rows_per_class: Option<usize>,
    /// How often the claims about the target's population may be wrong; `None` makes none.
    pub population_error: Option<f64>,
    /// The true labels of the target's rows, where the labels to bound are pseudo-labels.
    pub truth: Option<Arc<Truth>>,
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
            max_target_rows_per_class: None,
            population_error: None,
            truth: None,
            seed: 0,
            parallelism: Parallelism::Sequential,
        }
    }
}

impl Settings {
    /// What becomes of the scale of features.
    #[must_use]
    pub fn scale(&self) -> Scale {
        Scale::guarded_if(self.standardize)
    }

    /// Whether the ground cost is proven, not measured on rows.
    #[must_use]
    pub fn is_certified(&self) -> bool {
        self.ground_cost == GroundCost::Margin || self.lipschitz == Lipschitz::Certified
    }
}
