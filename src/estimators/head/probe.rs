//! A linear head fitted to labelled rows: multinomial logistic regression on standardised features.
//!
//! The objective is the mean cross-entropy plus `l2 / 2 |W|^2`, with `W` the weights of the
//! standardised features and the bias free. Without a given `l2` it is chosen along a path by the
//! loss on a quarter of each class's rows that is set aside, and the head is fitted again to all of
//! them. Which rows those are depends on the seed and on what the rows hold, so whoever fits gives
//! rows and classes in an order of their own (`rows::row_order`). Features that do not vary on the
//! fit rows are ignored.

use serde::Deserialize;

use crate::estimators::head::softmax::softmax_rows;
use crate::estimators::head::{logistic, LinearHead};
use crate::linalg::error::OptimizeError;
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::basis::Scale;
use crate::rows::{AffineRows, Basis, ClassedTable, Table};
use crate::sampling::{set_aside, SetAside, Stream};

/// Strengths tried, strongest first: each starts from the one before, and the first that is worse
/// ends the path.
const PATH: [f64; 6] = [10.0, 1.0, 0.1, 0.01, 0.001, 1e-4];
/// The least gradient along the path at which a fit ends: there, losses only have to be told apart.
const PATH_TOLERANCE: f64 = 1e-5;
/// Rows whose losses are computed at a time.
const BLOCK_ROWS: usize = 256;

/// What is asked of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Settings {
    /// Strength of the penalty; `None` chooses it.
    pub l2: Option<f64>,
    /// Largest entry of the gradient at which a fit ends.
    pub tolerance: f64,
    /// The seed chooses the rows that are set aside.
    pub seed: u64,
}

impl Default for Settings {
    /// The loss is then right to six digits or so.
    fn default() -> Self {
        Self { l2: None, tolerance: 1e-7, seed: 0 }
    }
}

/// A head in the coordinates that it was fitted in.
#[derive(Debug, Clone)]
pub struct Probe {
    head: LinearHead,
    basis: Basis,
    /// The strength of its penalty.
    pub l2: f64,
}

/// How well a head predicts some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Performance {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Whether the largest logit of each row, by its number, is its class's; the first of equal
    /// ones counts.
    pub hits: Vec<(u32, bool)>,
}

impl Performance {
    /// The share of rows that are hits.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        let right = self.hits.iter().filter(|(_, right)| *right).count();
        right as f64 / self.hits.len() as f64
    }
}

impl Probe {
    /// Fit to some rows of each class. `O(N d C)` an iteration.
    ///
    /// # Errors
    /// No convergence.
    pub fn fit(
        rows: ClassedTable<'_>,
        settings: Settings,
        parallelism: Parallelism,
    ) -> Result<Self, OptimizeError> {
        // Not rotated to principal axes: that leaves out axes with next to no variance on the fit
        // rows, which may have some on the others.
        let basis = Basis::unrotated(rows.table, &rows.classes.concat(), Scale::Standardised);
        let head = LinearHead::zeros(rows.classes.len(), rows.table.width());
        let mut probe = Self { head, basis, l2: 0.0 };
        probe.l2 = match settings.l2 {
            Some(l2) => l2,
            None => probe.choose_strength(rows, settings, parallelism)?,
        };
        let coordinates = probe.basis.coordinates(rows.table, rows.classes);
        fit_head(&mut probe.head, &coordinates, probe.l2, settings.tolerance, parallelism)?;
        drop(coordinates);
        Ok(probe)
    }

    /// The strength with the least loss on rows that are set aside. Leaves the head at that
    /// strength.
    fn choose_strength(
        &mut self,
        rows: ClassedTable<'_>,
        settings: Settings,
        parallelism: Parallelism,
    ) -> Result<f64, OptimizeError> {
        let SetAside { learn, aside } =
            set_aside(rows.classes, settings.seed, Stream::ProbeAside, 0);
        let learn = self.basis.coordinates(rows.table, &learn);
        let tolerance = settings.tolerance.max(PATH_TOLERANCE);
        let mut best = (f64::INFINITY, PATH[0]);
        for l2 in PATH {
            let before = self.head.clone();
            fit_head(&mut self.head, &learn, l2, tolerance, parallelism)?;
            let loss = self.performance(rows.with_classes(&aside), parallelism).loss;
            if loss > best.0 {
                self.head = before;
                break;
            }
            best = (loss, l2);
        }
        Ok(best.1)
    }

    /// How well the classes of rows are predicted. Rows are converted a block at a time.
    #[must_use]
    pub fn performance(&self, rows: ClassedTable<'_>, parallelism: Parallelism) -> Performance {
        let arch = pulp::Arch::new();
        let blocks: Vec<(usize, &[u32])> = rows
            .classes
            .iter()
            .enumerate()
            .flat_map(|(class, numbers)| {
                numbers.chunks(BLOCK_ROWS).map(move |block| (class, block))
            })
            .collect();
        let sums = parallelism.collect(blocks.len(), |k| {
            let (class, block) = blocks[k];
            let mut logits = self.logits(rows.table, block);
            let is_right = |row: &[f64]| {
                let before = row[..class].iter().all(|s| *s < row[class]);
                before && row.iter().all(|s| *s <= row[class])
            };
            let right: Vec<bool> = logits.rows().map(is_right).collect();
            let hits: Vec<(u32, bool)> = block.iter().copied().zip(right).collect();
            let (classes, mut loss) = (logits.ncols(), 0.0);
            softmax_rows(arch, logits.values_mut(), classes, |_| class, |_, row| loss += row);
            (loss, hits)
        });
        let total = rows.count() as f64;
        let loss: f64 = sums.iter().map(|(loss, _)| loss).sum();
        let hits = sums.into_iter().flat_map(|(_, hits)| hits).collect();
        Performance { loss: loss / total, hits }
    }

    /// The probabilities of the classes, one row for each of `rows`.
    #[must_use]
    pub fn probabilities(&self, table: Table<'_>, rows: &[u32]) -> Matrix {
        let mut probabilities = self.logits(table, rows);
        let classes = probabilities.ncols();
        let arch = pulp::Arch::new();
        softmax_rows(arch, probabilities.values_mut(), classes, |_| 0, |_, _| {});
        probabilities
    }

    fn logits(&self, table: Table<'_>, rows: &[u32]) -> Matrix {
        self.head.logits(&self.basis.project(table, rows))
    }
}

/// Fit from where the head is.
fn fit_head(
    head: &mut LinearHead,
    rows: &AffineRows<'_>,
    l2: f64,
    tolerance: f64,
    parallelism: Parallelism,
) -> Result<(), OptimizeError> {
    logistic::fit(head, rows, &rows.prior(), l2, tolerance, parallelism).map(|_| ())
}
