//! How sure a ranking of models by their accuracy is, given the rows that they were evaluated on.
//!
//! Each resample draws as many evaluation rows as there are, with replacement (Efron 1979), ranks
//! the models by their accuracy on the rows drawn, and counts how often a model is first and among
//! the first k. Models that were evaluated on the same rows share the draws: what makes a row hard
//! for all of them then changes no ranking, as it would not with other rows either. Models on rows
//! of their own are drawn by themselves.
//!
//! Nothing is fitted again, so this speaks of which rows a model was evaluated on, not of those
//! that it was fitted to.

use rand::RngExt;

use crate::ranking::RankingError;
use crate::sampling::{generator, Stream};

/// A model as it was evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// Whether each evaluation row was classified right.
    pub hits: Vec<bool>,
    /// Which rows these are: models with the same number have the same rows in the same order.
    pub rows: u32,
}

/// How often rows are drawn again, how many models are chosen, and what share of the resamples an
/// interval covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampling {
    pub resamples: usize,
    pub k: usize,
    /// Between 0 and 1.
    pub confidence: f64,
    pub seed: u64,
}

/// Where a model stands in the resamples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RankConfidence {
    /// Share of the resamples in which it is first; those that tie share a resample evenly.
    pub p_best: f64,
    /// Share in which it is among the first k, with ties broken by chance, in expectation.
    pub p_top_k: f64,
    /// The interval of its rank, 1 for the best, in which equal models have all their ranks.
    pub rank_low: u32,
    pub rank_high: u32,
}

/// The confidence of each model's rank. The same seed gives the same bits, in any order of the
/// rows; the order of models decides which draws models on different rows get.
/// `O(r (n g + n m + m log m))` for `r` resamples, `m` models, `n` rows and `g` sets of rows.
///
/// # Errors
/// No resamples, a confidence that does not lie between 0 and 1, a model without evaluation rows,
/// or models with the same rows but different numbers of them.
pub fn rank_confidence(
    models: &[Evaluated],
    settings: &Resampling,
) -> Result<Vec<RankConfidence>, RankingError> {
    let confidence = settings.confidence;
    if !(confidence > 0.0 && confidence < 1.0) {
        return Err(RankingError::Confidence(confidence));
    }
    if settings.resamples == 0 {
        return Err(RankingError::NoResamples);
    }
    let groups = groups(models)?;
    let mut rng = generator(settings.seed, Stream::Resamples);
    let mut standings = vec![Standing::default(); models.len()];
    let mut accuracies = vec![0.0; models.len()];
    for _ in 0..settings.resamples {
        for group in &groups {
            let mut draws = vec![0_u32; group.patterns.len()];
            for _ in 0..group.patterns.len() {
                draws[rng.random_range(0..group.patterns.len())] += 1;
            }
            for (place, model) in group.models.iter().enumerate() {
                let drawn = group.patterns.iter().zip(&draws);
                let hits: u32 = drawn.map(|(row, draws)| u32::from(row[place]) * draws).sum();
                accuracies[*model] = f64::from(hits) / draws.len() as f64;
            }
        }
        count(&accuracies, settings.k, &mut standings);
    }
    Ok(standings.into_iter().map(|standing| standing.summed(settings)).collect())
}

/// Models on the same rows.
struct Group {
    models: Vec<usize>,
    /// For each row which of these models are right. Rows with the same pattern may stand for each
    /// other, so in ascending order the draws do not depend on the order of rows.
    patterns: Vec<Vec<bool>>,
}

/// The models by their rows, in the order in which the rows first appear.
fn groups(models: &[Evaluated]) -> Result<Vec<Group>, RankingError> {
    let mut groups: Vec<Group> = Vec::new();
    for (at, model) in models.iter().enumerate() {
        match groups.iter_mut().find(|group| models[group.models[0]].rows == model.rows) {
            Some(group) => group.models.push(at),
            None => groups.push(Group { models: vec![at], patterns: Vec::new() }),
        }
    }
    for group in &mut groups {
        let rows = models[group.models[0]].hits.len();
        for model in &group.models {
            let found = models[*model].hits.len();
            if found != rows {
                return Err(RankingError::Rows { found, expected: rows });
            }
        }
        if rows == 0 {
            return Err(RankingError::NoRows);
        }
        let pattern = |row| group.models.iter().map(|model| models[*model].hits[row]).collect();
        group.patterns = (0..rows).map(pattern).collect();
        group.patterns.sort_unstable();
    }
    Ok(groups)
}

/// What the resamples so far say of a model.
#[derive(Debug, Clone, Default)]
struct Standing {
    first: f64,
    among_first: f64,
    /// The best and the worst rank that it may claim, in each resample.
    best: Vec<u32>,
    worst: Vec<u32>,
}

/// Rank the models of one resample by their accuracy.
fn count(accuracies: &[f64], k: usize, standings: &mut [Standing]) {
    let mut order: Vec<usize> = (0..accuracies.len()).collect();
    order.sort_unstable_by(|a, b| accuracies[*b].total_cmp(&accuracies[*a]));
    let mut better = 0;
    for equal in order.chunk_by(|a, b| accuracies[*a] == accuracies[*b]) {
        let among = |k: usize| (k.saturating_sub(better) as f64 / equal.len() as f64).min(1.0);
        for model in equal {
            let standing = &mut standings[*model];
            standing.first += among(1);
            standing.among_first += among(k);
            standing.best.push(better as u32 + 1);
            standing.worst.push((better + equal.len()) as u32);
        }
        better += equal.len();
    }
}

impl Standing {
    fn summed(mut self, settings: &Resampling) -> RankConfidence {
        let resamples = settings.resamples as f64;
        let last = resamples - 1.0;
        self.best.sort_unstable();
        self.worst.sort_unstable();
        // Ranks are whole: the nearest one that leaves out no more than the tails.
        let low = ((1.0 - settings.confidence) / 2.0 * last).floor() as usize;
        let high = ((1.0 + settings.confidence) / 2.0 * last).ceil() as usize;
        RankConfidence {
            p_best: self.first / resamples,
            p_top_k: self.among_first / resamples,
            rank_low: self.best[low],
            rank_high: self.worst[high.min(self.worst.len() - 1)],
        }
    }
}
