//! How well scores rank models.

mod consensus;
mod rank_confidence;
mod statistics;
