//! The distinct points of a side with their masses. Points that are equal become one with the mass
//! of all, because a plan does not tell them apart; points without mass take part in no plan. What
//! is left is in order of the norm, ties in order of the coordinates, so that no result depends on
//! how a table is sorted.

use std::cmp::Ordering;

use crate::transport::costs::point_rows::PointRows;

/// Distinct points, each with a positive weight.
#[derive(Clone)]
pub struct DistinctPoints<'a> {
    pub points: PointRows<'a>,
    pub weight: Vec<f64>,
}

impl<'a> DistinctPoints<'a> {
    /// Those of points with weights that are not negative.
    #[must_use]
    pub fn new(points: &PointRows<'a>, weight: &[f64]) -> Self {
        let norms = points.square_norms();
        let (mut left, mut right) = (vec![0.0; points.width()], vec![0.0; points.width()]);
        let mut order = |a: u32, b: u32| {
            norms[a as usize].total_cmp(&norms[b as usize]).then_with(|| {
                points.copy(a as usize, &mut left);
                points.copy(b as usize, &mut right);
                let differing = left.iter().zip(&right).map(|(a, b)| a.total_cmp(b));
                differing.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            })
        };
        let massive = |&k: &u32| weight[k as usize] > 0.0;
        let mut sorted: Vec<u32> = (0..points.nrows() as u32).filter(massive).collect();
        sorted.sort_by(|&a, &b| order(a, b));
        let (mut kept, mut masses) = (Vec::<u32>::new(), Vec::<f64>::new());
        for k in sorted {
            let mass = weight[k as usize];
            match (kept.last(), masses.last_mut()) {
                (Some(&last), Some(sum)) if order(last, k).is_eq() => *sum += mass,
                _ => {
                    kept.push(k);
                    masses.push(mass);
                }
            }
        }
        Self { points: points.select(&kept), weight: masses }
    }

    #[must_use]
    pub fn count(&self) -> usize {
        self.weight.len()
    }

    /// The largest norm, if all are finite.
    #[must_use]
    pub fn largest_norm(&self) -> Option<f64> {
        let squares = self.points.square_norms();
        let finite = squares.iter().all(|square| square.is_finite());
        finite.then(|| squares.into_iter().fold(0.0, f64::max).sqrt())
    }

    /// The points' shares of the mass.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        // Dividing by the largest first keeps the sum finite for weights near f64::MAX.
        let largest = self.weight.iter().copied().fold(0.0, f64::max);
        let sum: f64 = self.weight.iter().map(|w| w / largest).sum();
        self.weight.iter().map(|w| w / largest / sum).collect()
    }

    /// One point in `every`, from the first on.
    #[must_use]
    pub fn thinned(&self, every: usize) -> Self {
        let kept: Vec<u32> = (0..self.count() as u32).step_by(every).collect();
        Self {
            points: self.points.select(&kept),
            weight: self.weight.iter().copied().step_by(every).collect(),
        }
    }
}
