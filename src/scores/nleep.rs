//! N-LEEP (Li et al., "Ranking neural network checkpoints", CVPR 2021, arXiv 2011.11200).
//!
//! [LEEP](super::leep()) with the components of a Gaussian mixture in place of source classes:
//! features are reduced to the principal axes with 80 % of their variance, a mixture of about five
//! components a target class is fitted to them, and a row's posterior over the components stands
//! for its source probabilities. In nats, at most 0, higher is better.
//!
//! Rows are put in an order of their own before anything is drawn, so the score does not depend on
//! how the table is sorted.
//!
//! A mixture with many components for its rows fits each of them, and the score rises towards 0
//! whatever the labels are: compare values only at the same number of rows and components.
//!
//! Coordinates are scaled together so that their mean variance is 1; that makes the score
//! independent of the features' scale, and the ridge on covariances (1e-6) relative. Public code
//! differs: the ridge is absolute, several leave the logarithm out, several are unseeded, and the
//! numbers of components are 5 in all, or between a tenth and a fifth of the rows.

use serde::Deserialize;

use crate::estimators::gaussian_mixture;
use crate::estimators::gaussian_mixture::Covariance;
use crate::rows::basis::Scale;
use crate::rows::row_order::{canonical, sorted_by_norm, CanonicalClasses};
use crate::rows::{Basis, ClassedTable};
use crate::scores::leep::mean_log_expectation;
use crate::scores::{RowScore, ScoreError};

/// Components for each target class, unless a number is given.
const COMPONENTS_PER_CLASS: usize = 5;
/// Unless a number is given, components have at least this many rows on average.
const ROWS_PER_COMPONENT: usize = 2;

/// What mixture is fitted, and to which axes.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// `None`: five for each class, but not more than half the rows.
    pub components: Option<usize>,
    /// Share of the variance that the principal axes keep, within `(0, 1]`.
    pub energy: f64,
    pub covariance: Covariance,
    /// Stop when the mean log likelihood of a row changes by less than this in an iteration.
    pub tolerance: f64,
    pub max_iterations: usize,
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let mixture = gaussian_mixture::Settings::new(0, 0);
        Self {
            components: None,
            energy: 0.8,
            covariance: mixture.covariance,
            tolerance: mixture.tolerance,
            max_iterations: mixture.max_iterations,
            seed: mixture.seed,
        }
    }
}

impl RowScore for Settings {
    fn of_rows(&self, rows: ClassedTable<'_>) -> Result<Vec<f64>, ScoreError> {
        let found = nleep(rows, self)?;
        if found.converged {
            Ok(vec![found.value])
        } else {
            Err(ScoreError::Iterations { score: "N-LEEP", iterations: found.iterations })
        }
    }
}

/// N-LEEP and how the fit of its mixture ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nleep {
    pub value: f64,
    /// Whether the mixture's fit converged.
    pub converged: bool,
    pub iterations: usize,
}

/// N-LEEP of features. Time and memory are those of [`Basis::fit`] and [`gaussian_mixture::fit`].
///
/// # Errors
/// Fewer than two classes, fewer than four rows, constant features, an energy outside `(0, 1]`, or
/// more components than distinct rows.
pub fn nleep(classes: ClassedTable<'_>, settings: &Settings) -> Result<Nleep, ScoreError> {
    const SCORE: &str = "N-LEEP";
    let count = classes.count();
    if classes.classes.len() < 2 {
        return Err(ScoreError::FewClasses { score: SCORE, found: classes.classes.len() });
    }
    if count < 2 * ROWS_PER_COMPONENT {
        return Err(ScoreError::FewRows {
            score: SCORE,
            found: count,
            needed: 2 * ROWS_PER_COMPONENT,
        });
    }
    if !(settings.energy > 0.0 && settings.energy <= 1.0) {
        return Err(ScoreError::Energy { found: settings.energy });
    }
    let (rows, positions) = canonical_order(classes);
    let basis = Basis::fit_energy(classes.table, &rows, Scale::Kept, settings.energy)
        .map_err(|_| ScoreError::Decomposition { score: SCORE })?;
    if basis.rank() == 0 {
        return Err(ScoreError::ConstantFeatures { score: SCORE });
    }
    let components = settings.components.unwrap_or_else(|| {
        (COMPONENTS_PER_CLASS * classes.classes.len()).min(count / ROWS_PER_COMPONENT)
    });
    let fit = gaussian_mixture::fit(
        &basis.project(classes.table, &rows),
        &gaussian_mixture::Settings {
            covariance: settings.covariance,
            tolerance: settings.tolerance,
            max_iterations: settings.max_iterations,
            ..gaussian_mixture::Settings::new(components, settings.seed)
        },
    )?;
    let posterior = fit.responsibilities.by_row(count);
    let value = mean_log_expectation(&positions, components, |row, theta| {
        theta.fill(0.0);
        for &(k, p) in &posterior[row as usize] {
            theta[k as usize] = p;
        }
    });
    Ok(Nleep { value, converged: fit.converged, iterations: fit.iterations })
}

/// All rows in an order that neither the table's order nor the classes' decides, and where in it
/// each class's rows are.
fn canonical_order(classes: ClassedTable<'_>) -> (Vec<u32>, Vec<Vec<u32>>) {
    let CanonicalClasses { parts: [of_class], .. } = canonical([classes]);
    let rows = sorted_by_norm(classes.table, &of_class.concat()).rows;
    let mut position = vec![0; classes.table.nrows()];
    for (at, &row) in (0..).zip(&rows) {
        position[row as usize] = at;
    }
    let positions = |rows: &Vec<u32>| {
        let mut positions: Vec<u32> = rows.iter().map(|&row| position[row as usize]).collect();
        positions.sort_unstable();
        positions
    };
    let classes = of_class.iter().map(positions).collect();
    (rows, classes)
}
