//! Reading a score column and a truth column as pairs.

use polars::prelude::*;
use serde::Deserialize;

use crate::plugin::column_name::ColumnName;
use crate::plugin::inputs::{field, single};
use crate::plugin::ranked_column::{check_numeric, ranked};
use crate::ranking::Pairs;

/// The caller's column names, for messages.
#[derive(Deserialize)]
pub struct PairNames {
    score: String,
    truth: String,
}

/// The rows that have both, and how many have not.
pub struct ScoreAndTruth {
    pub pairs: Pairs,
    pub nulls: usize,
}

impl ScoreAndTruth {
    /// Read both from the struct that Python packs them into. As in Polars' own `corr`, a row with
    /// a null on either side is left out; `of` names the expression.
    pub fn read(inputs: &[Series], names: &PairNames, of: &str) -> PolarsResult<Self> {
        let input = single(inputs)?;
        let name = |what, name: &str| ColumnName { what, name: name.into(), of: of.into() };
        let score_name = name("score", &names.score);
        let truth_name = name("truth", &names.truth);
        let (score, truth) = (field(input, "score")?, field(input, "truth")?);
        check_numeric(&score, &score_name)?;
        check_numeric(&truth, &truth_name)?;
        let both = &score.is_not_null() & &truth.is_not_null();
        let score = ranked(&score.filter(&both)?, &score_name)?;
        let truth = ranked(&truth.filter(&both)?, &truth_name)?;
        let pairs = Pairs::of_sides(&score, &truth)
            .map_err(|error| polars_err!(ComputeError: "{score_name}, {truth_name}: {error}"))?;
        Ok(Self { nulls: input.len() - pairs.len(), pairs })
    }

    /// Two floats may be further apart than the largest one; a regret is such a difference.
    pub fn check_differences(&self, names: &PairNames) -> PolarsResult<()> {
        polars_ensure!(
            self.pairs.truth().range().is_finite(),
            ComputeError:
            "truth column {:?} has values whose difference is beyond the range of a float; \
             scale it",
            names.truth
        );
        Ok(())
    }
}
