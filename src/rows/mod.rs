//! Rows of embedding tables as the mathematics sees them: a borrowed view of the caller's rows,
//! rows grouped by class, their order, moments and scatters, the coordinates (standardisation,
//! principal axes) in which maps are fitted, and affine maps of rows that are held or computed.
//! What is fitted to rows lives in [`crate::estimators`].

pub mod affine_map;
pub mod affine_rows;
pub mod basis;
pub mod class_rows;
pub mod class_scatter;
pub mod classed_table;
pub mod equilibrated;
pub mod moments;
pub mod row_order;
pub mod spectrum;
pub mod table;

pub use affine_map::AffineMap;
pub use affine_rows::AffineRows;
pub use basis::Basis;
pub use class_rows::ClassRows;
pub use classed_table::ClassedTable;
pub use moments::Moments;
pub use spectrum::{ClassSpectrum, Spectrum};
pub use table::Table;
