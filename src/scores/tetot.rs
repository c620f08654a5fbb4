//! TETOT: how far a labelled source is from a target without labels, by what a source head says of
//! the target rows.
//!
//! Rows move at the cost of their features and of the labels,
//!
//! `c((x, y), x') = |x - x'| + w |e_y - h(x')|`,
//!
//! where `e_y` is the indicator of the source label, `h(x')` the class probabilities that the
//! source head gives the target row, and `w` the weight of labels; `TETOT = min sum pi c` over
//! couplings `pi` of the rows, each side weighed uniformly. Lower is closer; the score is the
//! negated distance, at most 0, so that higher is better. It is never closer to 0 than minus the
//! Wasserstein distance `W_1` of the features, which it is for `w = 0`. Target labels are not read.
//!
//! The head is a linear one, fitted here to the source's rows as in `estimators::head::probe`: on
//! standardised features, with a penalty that is given or chosen by rows set aside. So the score
//! needs no network, and models are compared by heads of one kind. It fits all rows of the source,
//! whatever number of them is moved.
//!
//! The features' part is in their units, the labels' part at most `w sqrt(2)`: features of norm 30
//! leave labels no say. Models whose features differ in scale compare only once they are scaled
//! alike; with `w` scaled along, the score scales with the features. A shift of all features
//! changes nothing. A rotation changes the fit of the head, which standardises each feature, and by
//! that the labels' part.
//!
//! Time: the fit of the head, `O(N d C)` an iteration, and the exact transport problem of `n x m`
//! rows. Memory `O(n m)`. Beyond some thousand rows a side set a limit.
//!
//! Reference: Mehra, Zhang and Hamm, "Test-time assessment of a model's performance on unseen
//! domains via optimal transport", CVPR workshops 2024 (arXiv 2405.01451). There, `h` is the
//! network's own last layer, and a variant needs only statistics of the source. The weight is a
//! parameter of theirs; 1 is ours. No public code was found. What is close to it (OTDD's) solves an
//! entropic problem, so that its values depend on a regularisation.

use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::estimators::head::probe::{self, Probe};
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::row_order::{canonical, CanonicalClasses};
use crate::rows::{Basis, ClassedTable};
use crate::scores::transported_rows::drawn_rows;
use crate::scores::{check_positive, check_within, RowLimit, ScoreError};
use crate::transport::costs::distance_rows::Power;
use crate::transport::costs::ground_cost;
use crate::transport::wasserstein::plan_of_distances;
use crate::transport::TransportError;

const NAME: &str = "TETOT";
/// With larger weights sums of costs would leave the range of floats.
const LABEL_WEIGHTS: RangeInclusive<f64> = 0.0..=1e100;

/// What is measured, and on how many rows.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Settings {
    /// What a difference of labels counts beside one of features; at least 0.
    pub label_weight: f64,
    /// Strength of the head's penalty; `None` chooses it.
    pub l2: Option<f64>,
    #[serde(flatten)]
    pub limit: RowLimit,
}

/// The negated TETOT between a classed source and a target, whatever the target's classes.
///
/// # Errors
/// Sides of different width, fewer than two source classes, a strength or a weight that is out of
/// range, no target rows, a head that does not converge, or features whose distances are not
/// finite.
pub fn tetot(
    source: ClassedTable<'_>,
    target: ClassedTable<'_>,
    settings: Settings,
    parallelism: Parallelism,
) -> Result<f64, ScoreError> {
    let Settings { label_weight, l2, limit } = settings;
    if source.classes.len() < 2 {
        return Err(ScoreError::FewSourceClasses { score: NAME, found: source.classes.len() });
    }
    if let Some(l2) = l2 {
        check_positive("l2", l2)?;
    }
    if label_weight != 0.0 {
        check_within(NAME, "label_weight", label_weight, &LABEL_WEIGHTS)?;
    }
    // Classes in an order that no caller decides, in which the head numbers them.
    let CanonicalClasses { parts: [classes], .. } = canonical([source]);
    let source = source.with_classes(&classes);
    let (source_all, target_all) = ([source.classes.concat()], [target.classes.concat()]);
    let sides = (source.with_classes(&source_all), target.with_classes(&target_all));
    let [source_rows, target_rows] =
        drawn_rows(sides.0, sides.1, limit, NAME)?.map(|classes| classes.concat());
    if source_rows.is_empty() || target_rows.is_empty() {
        return Err(TransportError::EmptySide.into());
    }
    let basis = Basis::raw(source.table.width());
    let x = basis.project(source.table, &source_rows);
    let y = basis.project(target.table, &target_rows);
    let mut costs = ground_cost::euclidean(x.view(), y.view(), Power::One);
    if label_weight > 0.0 {
        let settings = probe::Settings { l2, seed: limit.seed, ..probe::Settings::default() };
        let head = Probe::fit(source, settings, parallelism)
            .map_err(|reason| ScoreError::Optimize { score: NAME, reason })?;
        let probabilities = head.probabilities(target.table, &target_rows);
        let distances = distances_from_labels(&probabilities);
        let labels = source_labels(source, &source_rows);
        for (row, label) in costs.chunks_exact_mut(y.nrows()).zip(labels) {
            for (cost, distance) in row.iter_mut().zip(distances.row(label)) {
                *cost += label_weight * distance;
            }
        }
    }
    let distance = plan_of_distances(&costs, [x.nrows(), y.nrows()], 1.0)?.distance()?;
    // Not `-distance`, which makes -0 of 0.
    Ok(0.0 - distance)
}

/// The distance of the indicator of each class from each row of probabilities.
fn distances_from_labels(probabilities: &Matrix) -> Matrix {
    Matrix::from_fn(probabilities.ncols(), probabilities.nrows(), |class, row| {
        let of_class = |c: usize| f64::from(u8::from(c == class));
        let row = probabilities.row(row).iter().enumerate();
        row.map(|(c, p)| (of_class(c) - p) * (of_class(c) - p)).sum::<f64>().sqrt()
    })
}

/// The class of each of some rows.
fn source_labels(source: ClassedTable<'_>, rows: &[u32]) -> Vec<usize> {
    let mut label = vec![0; source.table.nrows()];
    for (class, rows) in source.classes.iter().enumerate() {
        for &row in rows {
            label[row as usize] = class;
        }
    }
    rows.iter().map(|&row| label[row as usize]).collect()
}
