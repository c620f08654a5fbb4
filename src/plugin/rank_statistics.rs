//! `pearson`, `spearman`, `kendall_tau`, `weighted_tau`, `top_k_recall`, `regret_at_k`: one number
//! on how well a score ranks.

use polars::prelude::*;
use pyo3_polars::derive::polars_expr;
use serde::Deserialize;

use crate::plugin::record;
use crate::plugin::score_and_truth::{PairNames, ScoreAndTruth};
use crate::ranking;
use crate::ranking::{Pairs, Rank};

#[derive(Deserialize)]
struct Arguments {
    columns: PairNames,
}

#[derive(Deserialize)]
struct RankArguments {
    columns: PairNames,
    rank: Rank,
}

#[derive(Deserialize)]
struct TopArguments {
    columns: PairNames,
    k: usize,
}

fn output_type(inputs: &[Field]) -> PolarsResult<Field> {
    record::output_field(inputs, DataType::Float64)
}

#[polars_expr(output_type_func = output_type)]
fn pearson(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    statistic(inputs, &kwargs.columns, "pearson", ranking::pearson)
}

#[polars_expr(output_type_func = output_type)]
fn spearman(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    statistic(inputs, &kwargs.columns, "spearman", ranking::spearman)
}

#[polars_expr(output_type_func = output_type)]
fn kendall_tau(inputs: &[Series], kwargs: Arguments) -> PolarsResult<Series> {
    statistic(inputs, &kwargs.columns, "kendall_tau", ranking::kendall_tau)
}

#[polars_expr(output_type_func = output_type)]
fn weighted_tau(inputs: &[Series], kwargs: RankArguments) -> PolarsResult<Series> {
    let weighted_tau = |pairs: &Pairs| ranking::weighted_tau(pairs, kwargs.rank);
    statistic(inputs, &kwargs.columns, "weighted_tau", weighted_tau)
}

#[polars_expr(output_type_func = output_type)]
fn top_k_recall(inputs: &[Series], kwargs: TopArguments) -> PolarsResult<Series> {
    let top_k_recall = |pairs: &Pairs| ranking::top_k_recall(pairs, kwargs.k);
    statistic(inputs, &kwargs.columns, "top_k_recall", top_k_recall)
}

#[polars_expr(output_type_func = output_type)]
fn regret_at_k(inputs: &[Series], kwargs: TopArguments) -> PolarsResult<Series> {
    let rows = ScoreAndTruth::read(inputs, &kwargs.columns, "regret_at_k")?;
    rows.check_differences(&kwargs.columns)?;
    let regret = ranking::regret_at_k(&rows.pairs, kwargs.k);
    Ok(Series::new(inputs[0].name().clone(), [regret]))
}

fn statistic(
    inputs: &[Series],
    names: &PairNames,
    of: &str,
    value: impl Fn(&Pairs) -> Option<f64>,
) -> PolarsResult<Series> {
    let rows = ScoreAndTruth::read(inputs, names, of)?;
    Ok(Series::new(inputs[0].name().clone(), [value(&rows.pairs)]))
}
