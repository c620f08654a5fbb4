//! Linear algebra and minimisation that knows nothing of tables, classes or heads: the dense
//! matrix, sums of outer products, eigenvalues of symmetric matrices, squared distances, and the
//! L-BFGS that fits heads. Products and decompositions are faer's where it is as fast; `DESIGN.md`
//! says why an eigenvalue solver and a minimiser are ours. What a matrix holds (rows of a table,
//! points, costs) is the business of the modules that use it.

pub mod error;
pub mod gram;
pub mod implicit_qr;
pub mod lbfgs;
pub mod matrix;
pub mod procrustes;
pub mod square_distance;
pub mod symmetric_eigen;

pub use matrix::Matrix;
