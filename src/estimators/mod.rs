//! What is fitted to rows and then applied to rows: the linear head, discriminants, mixtures,
//! clusterings and nearest neighbours; and confidence bounds, which say of draws what holds for
//! what they were drawn from. An estimator knows no score, no bound and no transport; those are
//! built on it.

pub mod betting;
mod bisection;
pub mod clopper_pearson;
pub mod discriminant;
pub mod gaussian_mixture;
pub mod head;
pub mod k_means;
pub mod nearest_neighbours;
