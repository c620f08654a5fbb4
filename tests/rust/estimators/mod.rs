//! What is fitted to rows.

mod discriminant;
mod gaussian_mixture;
mod k_means;
mod nearest_neighbours;
