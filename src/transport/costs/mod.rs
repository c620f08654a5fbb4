//! What it costs to move one point to another, as solvers read it: distances and margin costs
//! between two point sets, in rows that are held or computed. Which plan is cheapest is the
//! business of [`super::exact`].

pub mod cost_rows;
pub mod distance_rows;
pub mod ground_cost;
pub mod point_rows;
