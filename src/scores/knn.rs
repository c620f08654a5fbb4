//! Accuracy of k nearest neighbours: the simplest probe of frozen features, and on average the best
//! ranker of models in a large comparison (arXiv 2503.18528).
//!
//! Each row gets the class that most of its `k` nearest rows have; the score is the share of rows
//! whose class that is, within `[0, 1]`, higher is better. Who wins among classes with equally many
//! votes is the caller's choice ([`Ties`]), and among rows at equal distance the one that comes
//! first in the table is nearer. Distances are exact: see
//! [`nearest_neighbours`](crate::estimators::nearest_neighbours).
//!
//! Public code differs: PARC's takes the nearest row to be the row itself, which duplicates break.

use serde::Deserialize;

use crate::estimators::nearest_neighbours::{among, between, Metric, TableRows};
use crate::parallelism::Parallelism;
use crate::rows::ClassedTable;
use crate::scores::{LearnedScore, ScoreError};

/// Which of the classes with equally many votes wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ties {
    /// The one that is numbered first, as in scikit-learn: the score depends on the order of
    /// classes.
    First,
    /// The one with the nearest neighbour: the score does not depend on the order of classes.
    Nearest,
}

/// Whose votes count, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Settings {
    pub k: usize,
    pub metric: Metric,
    pub ties: Ties,
}

impl LearnedScore for Settings {
    /// Without a split, each row is classified by the others.
    fn of_split(
        &self,
        fit: ClassedTable<'_>,
        evaluation: Option<ClassedTable<'_>>,
        _: Parallelism,
    ) -> Result<Vec<f64>, ScoreError> {
        let accuracy = match evaluation {
            Some(evaluation) => knn_accuracy_split(fit, evaluation, *self),
            None => knn_accuracy(fit, *self),
        };
        Ok(vec![accuracy?])
    }

    fn hits(
        &self,
        fit: ClassedTable<'_>,
        evaluation: Option<ClassedTable<'_>>,
        _: Parallelism,
    ) -> Result<Vec<(u32, bool)>, ScoreError> {
        match evaluation {
            Some(evaluation) => hits_split(fit, evaluation, *self),
            None => hits_among(fit, *self),
        }
    }
}

/// Leave-one-out accuracy: each row is classified by the `k` nearest of the others.
/// `O(N^2 d)` time, `O(N k)` memory.
///
/// # Errors
/// Fewer than two classes, `k` of 0 or above `N - 1`, or, with the cosine, a zero row.
pub fn knn_accuracy(classes: ClassedTable<'_>, settings: Settings) -> Result<f64, ScoreError> {
    Ok(share(&hits_among(classes, settings)?))
}

/// Accuracy on the rows of `test` by the `k` nearest rows of `fit`. Classes of the same number are
/// the same class; `test` may lack some. `O(N M d)` time, `O(M k)` memory.
///
/// # Errors
/// Fewer than two classes or fewer than `k` rows in `fit`, `k` of 0, no rows in `test`, or, with
/// the cosine, a zero row.
pub fn knn_accuracy_split(
    fit: ClassedTable<'_>,
    test: ClassedTable<'_>,
    settings: Settings,
) -> Result<f64, ScoreError> {
    Ok(share(&hits_split(fit, test, settings)?))
}

fn hits_among(
    classes: ClassedTable<'_>,
    settings: Settings,
) -> Result<Vec<(u32, bool)>, ScoreError> {
    let known = labelled(classes)?;
    let rows = TableRows { table: classes.table, rows: &known.rows };
    let neighbours = among(rows, settings.k, settings.metric)?;
    Ok(hits(&neighbours, settings, &known.labels, &known))
}

fn hits_split(
    fit: ClassedTable<'_>,
    test: ClassedTable<'_>,
    settings: Settings,
) -> Result<Vec<(u32, bool)>, ScoreError> {
    let (known, asked) = (labelled(fit)?, flat(test));
    if asked.rows.is_empty() {
        return Err(ScoreError::FewRows { score: SCORE, found: 0, needed: 1 });
    }
    let points = TableRows { table: fit.table, rows: &known.rows };
    let queries = TableRows { table: test.table, rows: &asked.rows };
    let neighbours = between(points, queries, settings.k, settings.metric)?;
    Ok(hits(&neighbours, settings, &known.labels, &asked))
}

/// The share of hits.
fn share(hits: &[(u32, bool)]) -> f64 {
    hits.iter().filter(|(_, right)| *right).count() as f64 / hits.len() as f64
}

const SCORE: &str = "kNN accuracy";

/// Rows in the table's order, and their classes.
struct Labelled {
    rows: Vec<u32>,
    labels: Vec<u32>,
}

fn labelled(classes: ClassedTable<'_>) -> Result<Labelled, ScoreError> {
    match classes.classes.len() {
        found @ (0 | 1) => Err(ScoreError::FewClasses { score: SCORE, found }),
        _ => Ok(flat(classes)),
    }
}

fn flat(classes: ClassedTable<'_>) -> Labelled {
    let mut labelled: Vec<(u32, u32)> = (0..)
        .zip(classes.classes)
        .flat_map(|(c, rows)| rows.iter().map(move |&row| (row, c)))
        .collect();
    labelled.sort_unstable();
    let (rows, labels) = labelled.into_iter().unzip();
    Labelled { rows, labels }
}

/// Which of the rows asked for get their own class, given the neighbours of each.
fn hits(
    neighbours: &[u32],
    settings: Settings,
    neighbour_label: &[u32],
    asked: &Labelled,
) -> Vec<(u32, bool)> {
    let mut votes = Vec::with_capacity(settings.k);
    let asked = asked.rows.iter().zip(&asked.labels);
    let hits = neighbours.chunks_exact(settings.k).zip(asked).map(|(nearest, (row, label))| {
        votes.clear();
        votes.extend(nearest.iter().map(|&at| neighbour_label[at as usize]));
        if settings.ties == Ties::First {
            votes.sort_unstable();
        }
        (*row, majority(&votes) == Some(*label))
    });
    hits.collect()
}

/// The most frequent vote, the earliest among equals.
fn majority(votes: &[u32]) -> Option<u32> {
    let count = |vote: u32| votes.iter().filter(|v| **v == vote).count();
    // `max_by_key` takes the last of equals.
    votes.iter().copied().rev().max_by_key(|vote| count(*vote))
}
