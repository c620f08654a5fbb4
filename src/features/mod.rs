//! Embedding tables as the mathematics sees them: a borrowed view of the caller's rows, rows grouped
//! by class, and the coordinates (standardisation, principal axes) in which maps are fitted. What a
//! map or a head does with those coordinates lives elsewhere.

pub mod affine_rows;
pub mod basis;
pub mod class_rows;
pub mod classed_table;
pub mod discriminant;
pub mod equilibrated;
pub mod gaussian_mixture;
pub mod implicit_qr;
pub mod k_means;
pub mod moments;
pub mod nearest_neighbours;
pub mod row_order;
pub mod scatter;
pub mod spectrum;
pub mod square_distance;
pub mod symmetric_eigen;
pub mod table;

pub use affine_rows::AffineRows;
pub use basis::Basis;
pub use class_rows::ClassRows;
pub use classed_table::ClassedTable;
pub use discriminant::Discriminant;
pub use moments::Moments;
pub use spectrum::{ClassSpectrum, Spectrum};
pub use table::Table;
