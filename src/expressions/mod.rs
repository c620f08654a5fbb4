//! The Polars layer: reads columns into the views that the mathematics takes, checks everything
//! that can be wrong with them, and turns results into columns. One file per expression
//! ([`transfer_bound`], [`transfer_bounds`], [`wasserstein`], [`class_wasserstein`]) and one per kind
//! of input ([`embedding`], [`class_names`], [`task`], [`inputs`], [`options`], [`given_head`],
//! [`given_label_map`]) or output ([`bound_record`], [`record`]). No mathematics here: a number that
//! is computed, not looked up or counted, comes from below.

mod bound_record;
mod class_names;
mod class_wasserstein;
mod column_name;
mod embedding;
mod given_head;
mod given_label_map;
mod inputs;
mod options;
mod record;
mod task;
mod transfer_bound;
mod transfer_bounds;
mod transport_error;
mod wasserstein;
