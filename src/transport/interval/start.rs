//! A coupling to start from, in linear memory: rows take their cheapest columns after potentials,
//! from lists, and what is left over is listed among itself again.

use crate::parallelism::Parallelism;
use crate::transport::costs::distance_rows::DistanceRows;
use crate::transport::exact::masses::Masses;
use crate::transport::exact::spanning_tree::{SpanningTree, TreeArc};
use crate::transport::interval::pass::Pass;

/// Columns on the list of a row that is left over.
const LEFT_LIST: usize = 32;
/// All pairs of so few rows and columns are listed.
const ALL_PAIRS: usize = 1 << 20;

/// Real units, and infinitesimal units that make ties impossible, compared in that order.
type Amount = (i64, i64);
const NOTHING: Amount = (0, 0);

/// A coupling that is being made.
struct Coupling {
    need: Vec<Amount>,
    left: Vec<Amount>,
    arcs: Vec<TreeArc>,
}

/// A strongly feasible tree for the masses. `first` has a list for each row.
///
/// Each row has one more infinitesimal unit than its mass, and the last column, which is the root,
/// takes them all. Every move then exhausts either its row or its column and never both but at the
/// end, so the moves are a tree, and where the real flow is zero the infinitesimal one points to
/// the root.
#[must_use]
pub fn greedy_tree(
    distances: &DistanceRows<'_>,
    masses: &Masses,
    dual: &[f64],
    first: &Pass,
    parallelism: Parallelism,
) -> SpanningTree {
    let (n, m) = (masses.source.len(), masses.target.len());
    let mut left: Vec<Amount> = masses.target.iter().map(|&mass| (mass, 0)).collect();
    left[m - 1].1 = n as i64;
    let need = masses.source.iter().map(|&mass| (mass, 1)).collect();
    let mut coupling = Coupling { need, left, arcs: Vec::with_capacity(n + m - 1) };
    let (mut rows, mut columns): (Vec<u32>, Vec<u32>) =
        ((0..n as u32).collect(), (0..m as u32).collect());
    coupling.serve(&rows, &columns, dual, first);
    loop {
        let before = rows.len();
        rows.retain(|&i| coupling.need[i as usize] != NOTHING);
        columns.retain(|&j| coupling.left[j as usize] != NOTHING);
        if rows.is_empty() {
            break;
        }
        if 2 * rows.len() > before && rows.len() * columns.len() > ALL_PAIRS {
            // Rows want the same few columns: lists would be made over and over.
            coupling.staircase(&rows, &columns);
            break;
        }
        let length =
            if rows.len() * columns.len() <= ALL_PAIRS { columns.len() } else { LEFT_LIST };
        let dual: Vec<f64> = columns.iter().map(|&j| dual[j as usize]).collect();
        let among = distances.select(&rows, &columns);
        let lists = Pass::over(&among, &dual, length, parallelism);
        coupling.serve(&rows, &columns, &dual, &lists);
    }
    SpanningTree::new(n, m, &coupling.arcs)
}

impl Coupling {
    /// Moves as much as can be from a row to a column.
    fn take(&mut self, i: u32, j: u32) {
        let (need, left) = (&mut self.need[i as usize], &mut self.left[j as usize]);
        let amount = (*need).min(*left);
        if amount == NOTHING {
            return;
        }
        *need = (need.0 - amount.0, need.1 - amount.1);
        *left = (left.0 - amount.0, left.1 - amount.1);
        self.arcs.push(TreeArc { row: i, column: j, flow: amount.0 });
    }

    /// Serves rows from their lists, in order of how much the second column would cost them more
    /// than the first. Lists and potentials are those of the given columns alone.
    fn serve(&mut self, rows: &[u32], columns: &[u32], dual: &[f64], lists: &Pass) {
        let regret = |k: u32| {
            let (listed, costs) = lists.list(k as usize);
            let reduced = |at: usize| costs[at] - dual[listed[at] as usize];
            if listed.len() > 1 {
                reduced(1) - reduced(0)
            } else {
                0.0
            }
        };
        let mut order: Vec<(f64, u32)> = (0..rows.len() as u32).map(|k| (regret(k), k)).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, k) in order {
            let i = rows[k as usize];
            for &at in lists.list(k as usize).0 {
                if self.need[i as usize] == NOTHING {
                    break;
                }
                self.take(i, columns[at as usize]);
            }
        }
    }

    /// Serves rows one after the other from columns one after the other.
    fn staircase(&mut self, rows: &[u32], columns: &[u32]) {
        let mut columns = columns.iter().peekable();
        for &i in rows {
            while self.need[i as usize] != NOTHING {
                let Some(&&j) = columns.peek() else { return };
                self.take(i, j);
                if self.left[j as usize] == NOTHING {
                    columns.next();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::Matrix;
    use crate::transport::costs::distance_rows::Power;

    /// Everything is sent and received, by so many arcs as a tree has. Points that all coincide
    /// list the same few columns, so that most are coupled without lists.
    #[test]
    fn a_tree_couples_all_mass() {
        let spread = |n: usize| Matrix::from_fn(n, 3, |i, k| ((i * 3 + k) as f64 * 1.3).sin());
        let (x, y) = (spread(1300), spread(1700));
        let (one, other) = (Matrix::zeros(1300, 3), Matrix::zeros(1700, 3));
        for (x, y) in [(&x, &y), (&one, &other)] {
            let weights = |n: usize| (0..n).map(|i| 1.0 + (i % 4) as f64).collect::<Vec<_>>();
            let masses = Masses::new(&weights(1300), &weights(1700)).unwrap();
            let distances = DistanceRows::new(x.view().into(), y.view().into(), Power::One);
            let dual = vec![0.0; 1700];
            let sequential = Parallelism::Sequential;
            let lists = Pass::over(&distances, &dual, 8, sequential);
            let tree = greedy_tree(&distances, &masses, &dual, &lists, sequential);
            let (mut sent, mut received) = (vec![0; 1300], vec![0; 1700]);
            for arc in tree.flow_arcs(&vec![0.0; tree.nodes()]) {
                sent[arc.row] += arc.flow;
                received[arc.column] += arc.flow;
            }
            assert_eq!(sent, masses.source);
            assert_eq!(received, masses.target);
        }
    }
}
