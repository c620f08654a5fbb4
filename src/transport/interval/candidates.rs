//! The pairs among which the network simplex looks for a better plan: of each row the columns of
//! lowest reduced cost, and of each column the rows. Both are needed: where a few columns are
//! priced too high, they fill the lists of all rows, and the others would be on no list.

use crate::transport::exact::shortlists::Shortlists;
use crate::transport::interval::pass::Pass;

/// Lists by row of the pairs that are on the list of the row or on that of the column.
#[must_use]
pub fn candidates(of_rows: &Pass, of_columns: &Pass) -> Shortlists {
    let (n, m) = (of_rows.lowest.len(), of_columns.lowest.len());
    let is_listed = |i: u32, j: u32| of_rows.list(i as usize).0.contains(&j);
    let mut added = vec![0_usize; n];
    let mut pairs: Vec<(u32, u32, f64)> = Vec::new();
    for j in 0..m as u32 {
        let (rows, costs) = of_columns.list(j as usize);
        for (&i, &cost) in rows.iter().zip(costs) {
            if !is_listed(i, j) {
                pairs.push((i, j, cost));
                added[i as usize] += 1;
            }
        }
    }
    let mut starts = Vec::with_capacity(n + 1);
    starts.push(0);
    for (i, added) in added.iter().enumerate() {
        starts.push(starts[i] + of_rows.length + added);
    }
    let (mut columns, mut costs) = (vec![0; starts[n]], vec![0.0; starts[n]]);
    let mut next = starts.clone();
    for i in 0..n {
        let (listed, cost) = of_rows.list(i);
        let end = next[i] + listed.len();
        columns[next[i]..end].copy_from_slice(listed);
        costs[next[i]..end].copy_from_slice(cost);
        next[i] = end;
    }
    for (i, j, cost) in pairs {
        let at = next[i as usize];
        (columns[at], costs[at]) = (j, cost);
        next[i as usize] += 1;
    }
    Shortlists::known(starts, columns, costs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_listed_once() {
        let pass = |n: usize, length: usize, columns: &[u32]| Pass {
            lowest: vec![0.0; n],
            length,
            columns: columns.to_vec(),
            costs: columns.iter().map(|&j| f64::from(j)).collect(),
        };
        // Rows 0 and 1 list columns 2 and 0; columns 0, 1 and 2 list rows 0, 1 and 1.
        let lists = candidates(&pass(2, 1, &[2, 0]), &pass(3, 1, &[0, 1, 1]));
        assert_eq!(lists.row(0), (&[2, 0][..], &[2.0, 0.0][..]));
        assert_eq!(lists.row(1), (&[0, 1, 2][..], &[0.0, 1.0, 1.0][..]));
    }
}
