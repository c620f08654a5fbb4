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

use crate::estimators::head::probe::Probe;
use crate::parallelism::Parallelism;
use crate::rows::row_order::{canonical, CanonicalClasses};
use crate::rows::ClassedTable;
use crate::scores::{check_classes, LearnedScore, ScoreError};

pub use crate::estimators::head::probe::Settings;

const NAME: &str = "the linear probe";

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
    let probe = Probe::fit(fit.with_classes(fit.classes), settings, parallelism)
        .map_err(|reason| ScoreError::Optimize { score: NAME, reason })?;
    let trained = probe.performance(fit, parallelism);
    let performance = probe.performance(evaluate, parallelism);
    let found = LinearProbe {
        loss: performance.loss,
        accuracy: performance.accuracy(),
        train_loss: trained.loss,
        l2: probe.l2,
    };
    Ok((found, performance.hits))
}
