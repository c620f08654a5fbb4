//! A source with what is fitted to it alone, made when first needed and kept for its next target:
//! class means, distances of classes, bases and heads. What is kept is what would be made again, so
//! bounds do not depend on which targets came before, or on which thread was first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::bound::search::canonical::Canonical;
use crate::bound::{BoundError, LabelledRows};
use crate::estimators::head::LinearHead;
use crate::linalg::Matrix;
use crate::rows::Basis;

/// A source for several targets. All of them must be bounded with the same settings, but for the
/// label map.
pub struct SharedSource<'t> {
    pub(super) rows: LabelledRows<'t>,
    pub(super) canonical: Canonical<'t>,
    /// The means of the classes over the fit rows, in standardised features.
    pub(super) means: OnceLock<Matrix>,
    /// The distances between the classes that may stand for a target class, in the within-class
    /// metric.
    pub(super) distances: OnceLock<Matrix>,
    /// The bases that rows are put into, by the active classes they were fitted to.
    pub(super) bases: Kept<Vec<u32>, Arc<Basis>>,
    pub(super) heads: Kept<HeadKey, LinearHead>,
}

/// What a head depends on: the classes, the priors of the rows to learn from and of all fit rows,
/// how many rows it is fitted to, and the strength.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HeadKey {
    active: Vec<u32>,
    priors: [Vec<u64>; 2],
    rows: usize,
    l2: u64,
}

impl HeadKey {
    pub(super) fn new(active: &[u32], priors: [&[f64]; 2], rows: usize, l2: f64) -> Self {
        let bits = |prior: &[f64]| prior.iter().map(|p| p.to_bits()).collect();
        Self { active: active.to_vec(), priors: priors.map(bits), rows, l2: l2.to_bits() }
    }
}

impl<'t> SharedSource<'t> {
    #[must_use]
    pub fn new(rows: LabelledRows<'t>) -> Self {
        Self {
            canonical: Canonical::new(&rows),
            rows,
            means: OnceLock::new(),
            distances: OnceLock::new(),
            bases: Kept::new(),
            heads: Kept::new(),
        }
    }
}

/// Results by what they were made from.
pub(super) struct Kept<K, V>(Mutex<BTreeMap<K, Arc<Cell<V>>>>);

type Cell<V> = OnceLock<Result<V, BoundError>>;

impl<K: Ord, V: Clone> Kept<K, V> {
    fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// Returns what `make` gives, or gave for this key before. Others wait for the key, not for the
    /// whole map.
    pub(super) fn get(
        &self,
        key: K,
        make: impl FnOnce() -> Result<V, BoundError>,
    ) -> Result<V, BoundError> {
        let cell = {
            let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry(key).or_default())
        };
        cell.get_or_init(make).clone()
    }
}
