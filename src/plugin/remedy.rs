//! What a caller can do about an error of the mathematics, in the names of options and expressions,
//! which the mathematics does not know. Each is the end of a sentence, or nothing.

use crate::bound::BoundError;
use crate::rows::moments::MomentsError;
use crate::scores::{pactran, ScoreError};

const WEIGHTS_TOO_FREE: &str = "; raise `l2` or standardise the embeddings";

pub fn of_bound(error: &BoundError) -> &'static str {
    match error {
        BoundError::Optimize(_) => WEIGHTS_TOO_FREE,
        BoundError::Unsplit => {
            "; give `fit`, which marks the rows to learn from, or no `confidence`"
        }
        _ => "",
    }
}

pub fn of_moments(error: &MomentsError) -> &'static str {
    match error {
        MomentsError::ClassScatter => " (`per_class`); make both with it, or both without",
        _ => "",
    }
}

pub fn of_score(error: &ScoreError) -> &'static str {
    match error {
        ScoreError::NoClassScatter { .. } => "; make them with one (`per_class`)",
        ScoreError::NoScatter => "; make them with moments()",
        ScoreError::NoAxes => "; raise `pca`",
        ScoreError::Optimize { score, .. } if *score == pactran::GAUSSIAN => {
            "; lower `strength` or standardise the embeddings"
        }
        ScoreError::Optimize { .. } => WEIGHTS_TOO_FREE,
        _ => "",
    }
}
