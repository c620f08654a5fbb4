//! Rows of tables, and what sums them up.

mod affine_rows;
mod moments;
mod spectrum;
