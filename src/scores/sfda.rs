//! SFDA, self-challenging Fisher discriminant analysis (Shao et al., ECCV 2022, arXiv 2207.03036).
//!
//! 1. Fit a regularised [linear discriminant](crate::estimators::discriminant), with the shrinkage
//!    `max(exp(-5 sigma_max(S_w)), 1e-10)`. It gives each row the posterior `p_i` of its class.
//! 2. ConfMix: the less sure a row is, the further it moves to the rows of other classes,
//!    `x'_i = p_i x_i + (1 - p_i) nu_{y_i}`, with `nu_c` the mean of all rows that are not of class
//!    `c`.
//! 3. Fit again to `x'`, with the same shrinkage:
//!
//! ```text
//! SFDA = 1/N sum_i log p'(y_i | x'_i)
//! ```
//!
//! In nats; higher is better; at most 0. Not invariant to the features' scale, which decides the
//! shrinkage. With fewer rows than features, at a scale that leaves next to no shrinkage, every
//! class has directions of its own and the score is 0 for any features: it then ranks nothing.
//!
//! Public code differs: it leaves the logarithm out ("in case of instability"; here it is taken of
//! the scores, and is finite), so many models tie near 1; it puts `p` through a second softmax
//! before mixing, so that even sure rows are mixed (0.23 of the row for 10 classes); it gives other
//! classes equal weight in `nu`; it overwrites the caller's rows; and three steps of power
//! iteration estimate `sigma_max`.

use serde::Deserialize;

use crate::estimators::discriminant::Discriminant;
use crate::estimators::discriminant::{adaptive_shrinkage, DiscriminantError};
use crate::linalg::Matrix;
use crate::rows::class_scatter::{ClassScatter, RowReader};
use crate::rows::ClassedTable;
use crate::scores::{check_classes, with_reader, RowScore, ScoreError};

/// SFDA has no settings.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl RowScore for Settings {
    fn of_rows(&self, rows: ClassedTable<'_>) -> Result<Vec<f64>, ScoreError> {
        Ok(vec![sfda(rows)?])
    }
}

const NAME: &str = "SFDA";

/// SFDA of features. `O(N d^2 + d^3)` time, `O(d^2 + N)` memory.
///
/// # Errors
/// Fewer than two classes, or rows that do not vary within classes.
pub fn sfda(rows: ClassedTable<'_>) -> Result<f64, ScoreError> {
    check_classes(NAME, rows.classes.len())?;
    with_reader(rows, |reader| challenge(&reader))
        .map_err(|reason| ScoreError::Discriminant { score: NAME, reason })
}

fn challenge(rows: &RowReader<'_>) -> Result<f64, DiscriminantError> {
    let scatter = ClassScatter::of(rows);
    let shrinkage = adaptive_shrinkage(&scatter)?;
    let mut confidence: Vec<Vec<f64>> = rows.counts.iter().map(|&n| vec![0.0; n]).collect();
    Discriminant::fit(&scatter, shrinkage)?.for_each_posterior(rows, |class, i, log_posteriors| {
        confidence[class][i] = log_posteriors[class].exp();
    });
    let others = means_of_others(&scatter);
    let mix = |class: usize, i: usize, out: &mut [f64]| {
        (rows.read)(class, i, out);
        let p = confidence[class][i];
        for (v, other) in out.iter_mut().zip(others.row(class)) {
            *v = p * *v + (1.0 - p) * other;
        }
    };
    let mixed = RowReader { read: &mix, ..*rows };
    let discriminant = Discriminant::fit(&ClassScatter::of(&mixed), shrinkage)?;
    let mut sum = 0.0;
    discriminant
        .for_each_posterior(&mixed, |class, _, log_posteriors| sum += log_posteriors[class]);
    Ok(sum / scatter.total())
}

/// For each class the mean of the rows of all others.
fn means_of_others(scatter: &ClassScatter) -> Matrix {
    let (total, mean) = (scatter.total(), scatter.mean());
    Matrix::from_fn(scatter.counts.len(), mean.len(), |c, j| {
        let count = scatter.counts[c] as f64;
        (total * mean[j] - count * scatter.means.row(c)[j]) / (total - count)
    })
}
