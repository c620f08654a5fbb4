//! NCTI, the neural collapse transferability index (Wang et al., "How Far Pre-trained Models Are
//! from Neural Collapse on the Target Dataset Informs their Transferability", ICCV 2023).
//!
//! How far features are from the geometry that fine-tuning would end in. The published score
//! depends on which other models are in the pool, so it comes in two steps: the [parts] of one
//! model, and [combine] over a pool. With `H` the `N x (C - 1)` centred coordinates of the rows
//! along the discriminant directions, in which the shrunk covariance within classes is the
//! identity, and `P_c` the class posteriors of the rows of class `c`,
//!
//! ```text
//! seli        = |H|_*              nuclear norm: the class means span all directions
//! ncc         = 1/N sum_i p(y_i | x_i)    the nearest class centre is the right one
//! variability = -sum_c |P_c|_*     rows of one class are classified alike
//! NCTI        = minmax(seli) + minmax(ncc) + minmax(variability)
//! ```
//!
//! Higher is better for all; `ncc` lies in (0, 1), NCTI in [0, 3]. Rows are first projected to
//! their 64 largest principal axes (fewer where there are fewer), and the discriminant's shrinkage
//! is `max(exp(-v), 1e-10)`, with `v` the variance along the 32 largest. `seli` and `variability`
//! grow with `N`: a pool must be measured on the same rows.
//!
//! Public code differs: `minmax` is of `log sum_c |P_c|_*`, which is another order of differences
//! than the paper's; where the shrinkage is at its floor the discriminant changes to a solver that
//! scales by `N - C` instead of `N`; fewer than 64 rows or features fail; a part that is equal over
//! the pool divides 0 by 0.

use serde::Deserialize;

use crate::estimators::discriminant::Discriminant;
use crate::estimators::discriminant::{DiscriminantError, LEAST_SHRINKAGE};
use crate::linalg::Matrix;
use crate::rows::class_scatter::{ClassScatter, RowReader};
use crate::rows::{Basis, ClassRows, ClassedTable};
use crate::scores::{check_classes, min_max, RowScore, ScoreError};
use faer::Side;

/// NCTI has no settings.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl RowScore for Settings {
    fn parts(&self) -> &'static [&'static str] {
        &["seli", "ncc", "variability"]
    }

    fn of_rows(&self, rows: ClassedTable<'_>) -> Result<Vec<f64>, ScoreError> {
        let Parts { seli, ncc, variability } = parts(rows)?;
        Ok(vec![seli, ncc, variability])
    }
}

const NAME: &str = "NCTI";
/// How many principal axes rows are projected on.
const PRINCIPAL_AXES: usize = 64;
/// How many axes count towards the shrinkage.
const SHRINKAGE_AXES: usize = 32;

/// What NCTI measures of one model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    pub seli: f64,
    pub ncc: f64,
    pub variability: f64,
}

/// NCTI's parts. `O(N d min(N, d) + min(N, d)^3 + N C^2)` time.
///
/// # Errors
/// Fewer than two classes, or rows that do not vary within classes.
pub fn parts(rows: ClassedTable<'_>) -> Result<Parts, ScoreError> {
    check_classes(NAME, rows.classes.len())?;
    let all = rows.classes.concat();
    let basis = Basis::fit_all(rows.table, &all, PRINCIPAL_AXES)
        .map_err(|_| ScoreError::Decomposition { score: NAME })?;
    if basis.rank() == 0 {
        return Err(ScoreError::ConstantFeatures { score: NAME });
    }
    let projected = basis.project_classes(rows.table, rows.classes);
    let shrinkage = (-leading_variance(&projected, basis.gain())).exp().max(LEAST_SHRINKAGE);
    measure(&projected, shrinkage)
        .map_err(|reason| ScoreError::Discriminant { score: NAME, reason })
}

/// NCTI of each member of a pool. A part that is equal for all members adds 0 to each: it tells
/// none from another. So a pool of one gets 0.
#[must_use]
pub fn combine(pool: &[Parts]) -> Vec<f64> {
    let seli = min_max(pool.iter().map(|parts| parts.seli));
    let ncc = min_max(pool.iter().map(|parts| parts.ncc));
    let variability = min_max(pool.iter().map(|parts| parts.variability));
    seli.iter().zip(ncc).zip(variability).map(|((s, n), v)| s + n + v).collect()
}

/// Variance of the features along their largest axes. Principal coordinates are centred.
fn leading_variance(projected: &ClassRows, gain: f64) -> f64 {
    let rows = projected.matrix();
    let square: f64 =
        rows.rows().map(|row| row.iter().take(SHRINKAGE_AXES).map(|z| z * z).sum::<f64>()).sum();
    square / (rows.nrows() as f64 * gain * gain)
}

fn measure(projected: &ClassRows, shrinkage: f64) -> Result<Parts, DiscriminantError> {
    let width = projected.width();
    let counts: Vec<usize> = (0..projected.classes()).map(|c| projected.count(c)).collect();
    let read = |class: usize, i: usize, out: &mut [f64]| {
        out.copy_from_slice(&projected.class(class)[i * width..][..width]);
    };
    let rows = RowReader { counts: &counts, width, read: &read };
    let scatter = ClassScatter::of(&rows);
    let discriminant = Discriminant::fit(&scatter, shrinkage)?;
    let (mut ncc, mut variability) = (0.0, Ok(0.0));
    let mut posteriors = Matrix::default();
    discriminant.for_each_posterior(&rows, |class, i, log_posteriors| {
        if i == 0 {
            posteriors = Matrix::zeros(counts[class], counts.len());
        }
        for (p, log_p) in posteriors.row_mut(i).iter_mut().zip(log_posteriors) {
            *p = log_p.exp();
        }
        ncc += posteriors.row(i)[class];
        if i + 1 == counts[class] {
            variability = variability.and_then(|sum| Ok(sum - nuclear_norm(&posteriors)?));
        }
    });
    Ok(Parts {
        seli: nuclear_norm_along(&discriminant.directions()?, &scatter)?,
        ncc: ncc / scatter.total(),
        variability: variability?,
    })
}

fn nuclear_norm(matrix: &Matrix) -> Result<f64, DiscriminantError> {
    let singular = matrix.view().singular_values().map_err(|_| DiscriminantError::Decomposition)?;
    Ok(singular.iter().sum())
}

/// The nuclear norm of the centred rows' coordinates along `directions`, from `V T V^T` with `T`
/// the total scatter. Its eigenvalues are the squared singular values, and none is small: in these
/// coordinates every direction varies within classes.
fn nuclear_norm_along(
    directions: &Matrix,
    scatter: &ClassScatter,
) -> Result<f64, DiscriminantError> {
    let mut within = Matrix::zeros(directions.nrows(), directions.ncols());
    within.set_to_product(directions.view(), scatter.within.view());
    let mut gram = within.times_transposed(directions);
    let mean = scatter.mean();
    let centred = Matrix::from_fn(scatter.counts.len(), mean.len(), |c, j| {
        (scatter.counts[c] as f64).sqrt() * (scatter.means.row(c)[j] - mean[j])
    });
    let means = centred.times_transposed(directions);
    let between = means.transposed_times(&means);
    for (g, b) in gram.values_mut().iter_mut().zip(between.values()) {
        *g += b;
    }
    let eigenvalues = gram
        .view()
        .self_adjoint_eigenvalues(Side::Lower)
        .map_err(|_| DiscriminantError::Decomposition)?;
    Ok(eigenvalues.iter().map(|v| v.max(0.0).sqrt()).sum())
}
