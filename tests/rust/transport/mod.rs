//! Optimal transport: exact, sliced, entropic and of Gaussians.

mod exact;
mod gaussian;
mod interval;
mod sinkhorn;
mod sliced;
mod wasserstein;
mod weighted_points;
