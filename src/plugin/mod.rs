//! The Polars layer: reads columns into the views that the mathematics takes, checks everything
//! that can be wrong with them, and turns results into columns. One file per expression
//! ([`transfer_bound`], [`transfer_bounds`], [`class_wasserstein`], [`consensus`],
//! [`selection_quality`], [`rank_confidence`],
//! [`pseudo_labels`]) or per family of expressions that differ in one call ([`wasserstein`] and its
//! relatives, [`logits`], [`scores`], [`task_scores`], [`pool_scores`], [`moments`],
//! [`rank_statistics`]), and one per kind of input ([`embedding`], [`class_names`], [`task`],
//! [`inputs`], [`points`], [`score_rows`], [`options`], [`given_head`],
//! [`given_label_map`], [`score_and_truth`], [`ranked_column`]) or output ([`bound_record`],
//! [`record`]). [`summaries`] has what Python calls by itself, not through Polars. [`own_rows`]
//! puts scores beside a bound. What a caller can do about an error is in [`remedy`]. No mathematics
//! here: a number that is computed, not looked up or counted, comes from below.

mod bound_record;
mod class_names;
mod class_wasserstein;
mod column_name;
mod consensus;
mod embedding;
mod given_head;
mod given_label_map;
mod inputs;
mod logits;
mod moments;
mod options;
mod own_rows;
mod points;
mod pool_scores;
mod pseudo_labels;
mod rank_confidence;
mod rank_statistics;
mod ranked_column;
mod record;
mod remedy;
mod score_and_truth;
mod score_rows;
mod scores;
mod selection_quality;
pub mod summaries;
mod task;
mod task_scores;
mod transfer_bound;
mod transfer_bounds;
mod transport_error;
mod wasserstein;
