//! PARC, the pairwise annotation representation comparison (Bolya, Mittapalli and Hoffman, NeurIPS
//! 2021, arXiv 2111.06977).
//!
//! For every pair of rows, `1 - corr` of their features and `1 - corr` of their one-hot labels;
//! PARC is 100 times Spearman's correlation of the two over all pairs, as the authors report it.
//! Within `[-100, 100]`, higher is better, around 0 for labels that have nothing to do with the
//! features. Features are reduced to their 32 principal axes, then each is standardised.
//!
//! The second distance has two values, 0 within a class and `C / (C - 1)` across, so the
//! correlation needs no more than the ranks of the pairs within classes, as a Mann-Whitney
//! statistic does.
//!
//! The correlation of two rows over coordinates changes when a principal axis is turned around,
//! which principal axes leave open. Here the row farthest along an axis is at its positive end; the
//! value does not depend on the solver or the order of rows. Public code differs: randomised
//! principal axes with a fixed seed, 500 rows drawn beforehand, NaN for a row without variance; and
//! rounding splits the label distance's two values, 0 and `C / (C - 1)`, into more (`np.corrcoef`
//! of one-hot rows has three), which are then ranked as if they differed: that moves it by up to
//! 0.2. Here correlations that are equal but for rounding, as those of equal rows are, tie. The
//! paper's best figures add the network's depth, which is not part of this.

use serde::Deserialize;
use thiserror::Error;

use crate::linalg::Matrix;
use crate::rows::basis::Scale;
use crate::rows::row_order::{canonical, sorted_by_norm, CanonicalClasses};
use crate::rows::{Basis, ClassedTable};
use crate::sampling::{limit_rows, Stream};
use crate::scores::{RowScore, ScoreError};

const SCORE: &str = "PARC";
/// Why rows cannot be compared in pairs.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PairError {
    #[error(
        "none of the {classes} classes has two rows, so PARC has no pair within a class; \
        give it more rows"
    )]
    NoPairs { classes: usize },
    #[error(
        "a row is the same in all coordinates, so PARC cannot correlate it with others; \
        drop it, or keep two or more coordinates"
    )]
    ConstantRow { row: u32 },
}

/// Rows compared at a time.
const BLOCK_ROWS: usize = 256;
/// Correlations that are closer than this tie: they may be those of equal rows, rounded in another
/// place.
const CLOSEST: f64 = 1.0 / (1_u64 << 44) as f64;
/// A row whose coordinates deviate from their mean by less than this share of its norm does not
/// vary.
const NEGLIGIBLE_VARIATION: f64 = 1e-12;

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Settings {
    /// The most principal axes in whose coordinates rows are compared; `None` compares the features
    /// themselves. The paper takes 32.
    #[serde(rename = "pca")]
    pub axes: Option<usize>,
    /// The most rows that are compared with each other, drawn evenly from all of them. The paper
    /// takes 500.
    pub max_rows: usize,
    /// The seed that draws which rows are compared.
    pub seed: u64,
}

impl RowScore for Settings {
    fn of_rows(&self, rows: ClassedTable<'_>) -> Result<Vec<f64>, ScoreError> {
        Ok(vec![parc(rows, *self)?])
    }
}

/// PARC of the rows that are drawn.
///
/// `O(n d min(n, d) + n^2 log n)` time and `O(n^2)` memory (8 bytes a pair) for the `n` rows drawn.
///
/// # Errors
/// Among the rows drawn: fewer than two classes, no class with two rows, a row that is the same in
/// all coordinates, or constant features.
pub fn parc(classes: ClassedTable<'_>, settings: Settings) -> Result<f64, ScoreError> {
    let (rows, labels) = draw(classes, settings.max_rows, settings.seed);
    check_pairs(&labels)?;
    let coordinates = coordinates(classes, &rows, settings.axes)?;
    let directions = directions(coordinates, &rows)?;
    let (mut correlations, mut within) = pairs(&directions, &labels);
    spearman_with_binary(&mut correlations, &mut within)
        .map(|rho| 100.0 * rho)
        .ok_or(ScoreError::ConstantFeatures { score: SCORE })
}

/// Rows and their classes, in class order. The draw depends neither on the table's order nor on the
/// names of classes.
fn draw(classes: ClassedTable<'_>, max_rows: usize, seed: u64) -> (Vec<u32>, Vec<u32>) {
    let CanonicalClasses { parts: [of_class], .. } = canonical([classes]);
    let mut class_of = vec![0; classes.table.nrows()];
    for (c, rows) in (0..).zip(&of_class) {
        for &row in rows {
            class_of[row as usize] = c;
        }
    }
    // Equal rows of different classes stay in the order of these.
    let ordered = sorted_by_norm(classes.table, &of_class.concat()).rows;
    let mut drawn = limit_rows(&[ordered], Some(max_rows), seed, Stream::ComparedRows).concat();
    drawn.sort_by_key(|&row| class_of[row as usize]);
    drawn.into_iter().map(|row| (row, class_of[row as usize])).unzip()
}

fn check_pairs(labels: &[u32]) -> Result<(), ScoreError> {
    let classes: Vec<&[u32]> = labels.chunk_by(|a, b| a == b).collect();
    if classes.len() < 2 {
        return Err(ScoreError::FewClasses { score: SCORE, found: classes.len() });
    }
    if classes.iter().all(|rows| rows.len() < 2) {
        return Err(PairError::NoPairs { classes: classes.len() }.into());
    }
    Ok(())
}

/// Standardised coordinates of the rows.
fn coordinates(
    classes: ClassedTable<'_>,
    rows: &[u32],
    axes: Option<usize>,
) -> Result<Matrix, ScoreError> {
    let table = classes.table;
    let Some(axes) = axes else {
        return Ok(Basis::unrotated(table, rows, Scale::Standardised).project(table, rows));
    };
    let basis = Basis::fit_all(table, rows, axes)
        .map_err(|_| ScoreError::Decomposition { score: SCORE })?;
    let mut coordinates = basis.project(table, rows);
    let mut farthest = vec![0.0_f64; coordinates.ncols()];
    let mut squares = vec![0.0; coordinates.ncols()];
    for row in coordinates.rows() {
        for ((far, square), v) in farthest.iter_mut().zip(&mut squares).zip(row) {
            if v.abs() > far.abs() {
                *far = *v;
            }
            *square += v * v;
        }
    }
    let count = rows.len() as f64;
    for row in coordinates.rows_mut() {
        for ((v, far), square) in row.iter_mut().zip(&farthest).zip(&squares) {
            *v *= far.signum() / (square / count).sqrt();
        }
    }
    Ok(coordinates)
}

/// Each row less its own mean, with norm 1: products of these are correlations.
fn directions(mut coordinates: Matrix, rows: &[u32]) -> Result<Matrix, ScoreError> {
    if coordinates.ncols() == 0 {
        return Err(ScoreError::ConstantFeatures { score: SCORE });
    }
    let width = coordinates.ncols() as f64;
    for (row, &number) in coordinates.rows_mut().zip(rows) {
        let size = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        let mean = row.iter().sum::<f64>() / width;
        for v in row.iter_mut() {
            *v -= mean;
        }
        let deviation = row.iter().map(|v| v * v).sum::<f64>().sqrt();
        if deviation <= NEGLIGIBLE_VARIATION * size {
            return Err(PairError::ConstantRow { row: number }.into());
        }
        for v in row.iter_mut() {
            *v /= deviation;
        }
    }
    Ok(coordinates)
}

/// The correlations of all pairs, and those of pairs within a class.
fn pairs(directions: &Matrix, labels: &[u32]) -> (Vec<f64>, Vec<f64>) {
    let count = directions.nrows();
    let mut all = Vec::with_capacity(count * (count - 1) / 2);
    let mut within = Vec::new();
    for start in (0..count).step_by(BLOCK_ROWS) {
        let end = count.min(start + BLOCK_ROWS);
        let mut products = Matrix::zeros(end - start, end);
        let view = directions.view();
        products.set_to_product(view.subrows(start, end - start), view.subrows(0, end).transpose());
        for v in products.values_mut() {
            *v = (*v / CLOSEST).round() * CLOSEST;
        }
        for (i, row) in (start..end).zip(products.rows()) {
            all.extend_from_slice(&row[..i]);
            // Rows stand in class order.
            let first = labels.partition_point(|label| *label < labels[i]);
            within.extend_from_slice(&row[first..i]);
        }
    }
    (all, within)
}

/// Spearman's correlation of `values` with being one of `chosen`, which are some of them. Sorts
/// both. `None` if all values are equal, or all or none are chosen.
///
/// With ranks `r` from 1 to `M`, equal values sharing their mean rank, and `m` chosen: covariance
/// `(sum of chosen r - m (M + 1) / 2) / M`, and variances
/// `(M^2 - 1) / 12 - sum_ties (t^3 - t) / (12 M)` and `m (M - m) / M^2`.
fn spearman_with_binary(values: &mut [f64], chosen: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    chosen.sort_unstable_by(f64::total_cmp);
    let (all, some) = (values.len() as f64, chosen.len() as f64);
    let middle = 0.5 * (all + 1.0);
    let (mut covariance, mut ties) = (0.0, 0.0);
    let (mut below, mut rest) = (0.0, &*chosen);
    for tie in values.chunk_by(|a, b| a == b) {
        let size = tie.len() as f64;
        let hits = rest.iter().take_while(|v| **v <= tie[0]).count();
        covariance += hits as f64 * (below + 0.5 * (size + 1.0) - middle) / all;
        ties += size * (size * size - 1.0);
        below += size;
        rest = &rest[hits..];
    }
    let rank_variance = (all * all - 1.0 - ties / all) / 12.0;
    let choice_variance = some * (all - some) / (all * all);
    let scale = (rank_variance * choice_variance).sqrt();
    (scale > 0.0).then(|| covariance / scale)
}
