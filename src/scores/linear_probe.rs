//! The linear probe: multinomial logistic regression on standardised features, fitted to some rows
//! and evaluated on others.
//!
//! The objective is the mean cross-entropy plus `l2 / 2 |W|^2`, with `W` the weights of the
//! standardised features and the bias free: scikit-learn's `LogisticRegression(C)` with
//! `l2 = 1 / (C N)`, or `2 / (C N)` for two classes, of which that fits one row of weights. Without
//! a given `l2` it is chosen along a path by the loss on a quarter of each class's fit rows that is
//! set aside, and the probe is fitted again to all of them. Which rows those are depends on the
//! seed and on what the rows hold, not on their order or on what classes are called.
//!
//! Losses are in nats, at least 0, lower is better; `accuracy`, in [0, 1], is the score: higher is
//! better. Features that do not vary on the fit rows are ignored. Public code often stops early
//! instead (PARC: 20 iterations at a tolerance of 0.1), so that its figures depend on the solver.

use serde::Deserialize;

use crate::estimators::head::softmax::softmax_rows;
use crate::estimators::head::{logistic, LinearHead};
use crate::parallelism::Parallelism;
use crate::rows::basis::Scale;
use crate::rows::row_order::{canonical, CanonicalClasses};
use crate::rows::{AffineRows, Basis, ClassedTable};
use crate::sampling::{set_aside, SetAside, Stream};
use crate::scores::{check_classes, LearnedScore, ScoreError};

const NAME: &str = "the linear probe";
/// Strengths tried, strongest first: each starts from the one before, and the first that is worse
/// ends the path.
const PATH: [f64; 6] = [10.0, 1.0, 0.1, 0.01, 0.001, 1e-4];
/// The least gradient along the path at which a fit ends: there, losses only have to be told apart.
const PATH_TOLERANCE: f64 = 1e-5;
/// Rows whose losses are computed at a time.
const BLOCK_ROWS: usize = 256;

/// A fitted probe's figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearProbe {
    /// Mean cross-entropy on the evaluation rows.
    pub loss: f64,
    /// Share of the evaluation rows whose largest logit is their class's.
    pub accuracy: f64,
    /// Mean cross-entropy on the fit rows, without the penalty.
    pub train_loss: f64,
    pub l2: f64,
}

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

impl LearnedScore for Settings {
    fn parts(&self) -> &'static [&'static str] {
        &["loss", "accuracy", "train_loss", "l2"]
    }

    /// Without a split, the probe is evaluated on the rows that it is fitted to.
    fn of_split(
        &self,
        fit: ClassedTable<'_>,
        evaluation: Option<ClassedTable<'_>>,
        parallelism: Parallelism,
    ) -> Result<Vec<f64>, ScoreError> {
        let probe = match evaluation {
            Some(evaluation) => linear_probe(fit, evaluation, *self, parallelism)?,
            None => linear_probe(fit, fit, *self, parallelism)?,
        };
        Ok(vec![probe.loss, probe.accuracy, probe.train_loss, probe.l2])
    }

    fn hits(
        &self,
        fit: ClassedTable<'_>,
        evaluation: Option<ClassedTable<'_>>,
        parallelism: Parallelism,
    ) -> Result<Vec<(u32, bool)>, ScoreError> {
        let (_, mut hits) = match evaluation {
            Some(evaluation) => evaluated(fit, evaluation, *self, parallelism)?,
            None => evaluated(fit, fit, *self, parallelism)?,
        };
        hits.sort_unstable();
        Ok(hits)
    }
}

impl Default for Settings {
    /// The loss is then right to six digits or so.
    fn default() -> Self {
        Self { l2: None, tolerance: 1e-7, seed: 0 }
    }
}

/// Fit to `fit` and evaluate on `evaluate`, whose classes are numbered alike; there, a class may
/// have no rows. `O(N d C)` an iteration. Memory is `O(N + d C)`, and a few MiB or per cent of the
/// table in which rows and a preconditioner are held.
///
/// # Errors
/// Fewer than two classes, different classes, no evaluation rows, an `l2` or a tolerance that is
/// not above 0, or no convergence.
pub fn linear_probe(
    fit: ClassedTable<'_>,
    evaluate: ClassedTable<'_>,
    settings: Settings,
    parallelism: Parallelism,
) -> Result<LinearProbe, ScoreError> {
    Ok(evaluated(fit, evaluate, settings, parallelism)?.0)
}

/// The probe's figures, and which of the evaluation rows are classified right, by their numbers.
fn evaluated(
    fit: ClassedTable<'_>,
    evaluate: ClassedTable<'_>,
    settings: Settings,
    parallelism: Parallelism,
) -> Result<(LinearProbe, Vec<(u32, bool)>), ScoreError> {
    check_classes(NAME, fit.classes.len())?;
    if evaluate.classes.len() != fit.classes.len() {
        return Err(ScoreError::EvaluationClasses {
            found: evaluate.classes.len(),
            expected: fit.classes.len(),
        });
    }
    if evaluate.count() == 0 {
        return Err(ScoreError::FewRows { score: NAME, found: 0, needed: 1 });
    }
    if let Some(l2) = settings.l2 {
        super::check_positive("l2", l2)?;
    }
    super::check_positive("tolerance", settings.tolerance)?;
    // In an order that neither the table nor the names of classes decide: the rows that are set
    // aside are drawn by their places, and sums in another order round differently.
    let parts = [fit.with_classes(fit.classes), evaluate.with_classes(evaluate.classes)];
    let CanonicalClasses { parts: [fit_rows, evaluation_rows], .. } = canonical(parts);
    let (fit, evaluate) = (fit.with_classes(&fit_rows), evaluate.with_classes(&evaluation_rows));
    // Not rotated to principal axes: that leaves out axes with next to no variance on the fit rows,
    // which may have some on the others.
    let basis = Basis::unrotated(fit.table, &fit.classes.concat(), Scale::Standardised);
    let mut head = LinearHead::zeros(fit.classes.len(), fit.table.width());
    let l2 = match settings.l2 {
        Some(l2) => l2,
        None => choose_strength(&mut head, &basis, fit, settings, parallelism)?,
    };
    let rows = basis.coordinates(fit.table, fit.classes);
    fit_head(&mut head, &rows, l2, settings.tolerance, parallelism)?;
    drop(rows);
    let probe = Probe { head: &head, basis: &basis };
    let trained = probe.performance(fit, parallelism);
    let Performance { loss, hits } = probe.performance(evaluate, parallelism);
    let right = hits.iter().filter(|(_, right)| *right).count();
    let accuracy = right as f64 / hits.len() as f64;
    Ok((LinearProbe { loss, accuracy, train_loss: trained.loss, l2 }, hits))
}

/// Fit from where the head is.
fn fit_head(
    head: &mut LinearHead,
    rows: &AffineRows<'_>,
    l2: f64,
    tolerance: f64,
    parallelism: Parallelism,
) -> Result<(), ScoreError> {
    match logistic::fit(head, rows, &rows.prior(), l2, tolerance, parallelism) {
        Ok(_) => Ok(()),
        Err(reason) => Err(ScoreError::Optimize { score: NAME, reason }),
    }
}

/// The strength with the least loss on fit rows that are set aside. Leaves the head at that
/// strength.
fn choose_strength(
    head: &mut LinearHead,
    basis: &Basis,
    fit: ClassedTable<'_>,
    settings: Settings,
    parallelism: Parallelism,
) -> Result<f64, ScoreError> {
    let SetAside { learn, aside } = set_aside(fit.classes, settings.seed, Stream::ProbeAside);
    let learn = basis.coordinates(fit.table, &learn);
    let tolerance = settings.tolerance.max(PATH_TOLERANCE);
    let mut best = (f64::INFINITY, PATH[0]);
    for l2 in PATH {
        let before = head.clone();
        fit_head(head, &learn, l2, tolerance, parallelism)?;
        let loss = Probe { head, basis }.performance(fit.with_classes(&aside), parallelism).loss;
        if loss > best.0 {
            *head = before;
            break;
        }
        best = (loss, l2);
    }
    Ok(best.1)
}

/// A head in the coordinates that it was fitted in.
#[derive(Clone, Copy)]
struct Probe<'a> {
    head: &'a LinearHead,
    basis: &'a Basis,
}

/// How well a head predicts some rows.
struct Performance {
    /// Mean cross-entropy.
    loss: f64,
    /// Whether the largest logit of each row, by its number, is its class's; the first of equal
    /// ones counts.
    hits: Vec<(u32, bool)>,
}

impl Probe<'_> {
    /// Rows are converted a block at a time.
    fn performance(self, rows: ClassedTable<'_>, parallelism: Parallelism) -> Performance {
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
            let mut logits = self.head.logits(&self.basis.project(rows.table, block));
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
}
