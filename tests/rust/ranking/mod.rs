//! How well scores rank models.

mod statistics;
