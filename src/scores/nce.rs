//! NCE, the negative conditional entropy (Tran, Nguyen and Hassner, ICCV 2019, arXiv 1908.08142).
//!
//! ```text
//! NCE = -H(Y | Z) = sum_{y, z} P(y, z) log P(y | z)
//! ```
//!
//! over the empirical joint distribution of target labels `Y` and source labels `Z` of the same
//! rows (the labels that the source model predicts: the argmax of its probabilities), in nats.
//! Higher is better; within `[-log C, 0]`, 0 where the source label decides the target label.
//!
//! Public code differs: some adds 1e-5 to joint and marginal, which biases it; some pairs labels of
//! different rows.

use serde::Deserialize;

use crate::scores::{LabelPairScore, ScoreError};

/// NCE has no settings.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Settings {}

impl LabelPairScore for Settings {
    fn of_labels(&self, source_label: &[u32], label: &[u32]) -> Result<f64, ScoreError> {
        nce(source_label, label)
    }
}

/// NCE of two labels of the same rows; the numbers only name classes. `O(N log N)`.
///
/// # Errors
/// The lengths differ, or the target labels have fewer than two classes.
pub fn nce(source_label: &[u32], label: &[u32]) -> Result<f64, ScoreError> {
    if source_label.len() != label.len() {
        return Err(ScoreError::Lengths { source_labels: source_label.len(), labels: label.len() });
    }
    let mut pairs: Vec<(u32, u32)> =
        source_label.iter().copied().zip(label.iter().copied()).collect();
    pairs.sort_unstable();
    let classes = count_distinct(label);
    if classes < 2 {
        return Err(ScoreError::FewClasses { score: "NCE", found: classes });
    }
    let mut sum = 0.0;
    for of_source in pairs.chunk_by(|a, b| a.0 == b.0) {
        for of_both in of_source.chunk_by(|a, b| a.1 == b.1) {
            let joint = of_both.len() as f64;
            sum += joint * (joint / of_source.len() as f64).ln();
        }
    }
    Ok(sum / pairs.len() as f64)
}

fn count_distinct(label: &[u32]) -> usize {
    let mut sorted = label.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}
