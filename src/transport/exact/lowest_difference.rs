//! The inner loop of pricing: where `row[j] - dual[j]` is smallest. It reads the cost matrix once
//! per look, so it uses the widest vectors that the processor has.

use pulp::{Simd, WithSimd};

/// Entries whose position is looked for one by one once the lowest is known to be among them.
const BLOCK: usize = 128;

/// The smallest `row[j] - dual[j]` and the first `j` that attains it; `(infinity, 0)` for empty
/// slices.
#[must_use]
pub fn lowest_difference(arch: pulp::Arch, row: &[f64], dual: &[f64]) -> (f64, usize) {
    arch.dispatch(Position { row, dual })
}

struct Lowest<'a> {
    row: &'a [f64],
    dual: &'a [f64],
}

impl WithSimd for Lowest<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (row, row_tail) = S::as_simd_f64s(self.row);
        let (dual, dual_tail) = S::as_simd_f64s(self.dual);
        // Four chains, so that one minimum need not wait for the one before.
        let mut lowest = [simd.splat_f64s(f64::INFINITY); 4];
        let (row, row_rest) = row.as_chunks::<4>();
        let (dual, dual_rest) = dual.as_chunks::<4>();
        for (c, v) in row.iter().zip(dual) {
            lowest[0] = simd.min_f64s(simd.sub_f64s(c[0], v[0]), lowest[0]);
            lowest[1] = simd.min_f64s(simd.sub_f64s(c[1], v[1]), lowest[1]);
            lowest[2] = simd.min_f64s(simd.sub_f64s(c[2], v[2]), lowest[2]);
            lowest[3] = simd.min_f64s(simd.sub_f64s(c[3], v[3]), lowest[3]);
        }
        for (c, v) in row_rest.iter().zip(dual_rest) {
            lowest[0] = simd.min_f64s(simd.sub_f64s(*c, *v), lowest[0]);
        }
        let halves = [simd.min_f64s(lowest[0], lowest[1]), simd.min_f64s(lowest[2], lowest[3])];
        let body = simd.reduce_min_f64s(simd.min_f64s(halves[0], halves[1]));
        let tail = row_tail.iter().zip(dual_tail).map(|(c, v)| c - v);
        tail.fold(body, |low, d| if d < low { d } else { low })
    }
}

struct Position<'a> {
    row: &'a [f64],
    dual: &'a [f64],
}

impl WithSimd for Position<'_> {
    type Output = (f64, usize);

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> (f64, usize) {
        let value = Lowest { row: self.row, dual: self.dual }.with_simd(simd);
        // A second look, at a row that is in the cache by now, is faster than carrying positions
        // along.
        let blocks = self.row.chunks(BLOCK).zip(self.dual.chunks(BLOCK));
        for (at, (row, dual)) in blocks.enumerate() {
            if (Lowest { row, dual }).with_simd(simd) == value {
                let mut differences = row.iter().zip(dual).map(|(c, v)| c - v);
                let within = differences.position(|d| d == value).unwrap_or(0);
                return (value, at * BLOCK + within);
            }
        }
        (value, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_loop() {
        for m in [1, 3, 8, 31, 32, 33, 64, 257, 1000] {
            let row: Vec<f64> = (0..m).map(|k| ((k * 7919 % 1009) as f64).sin()).collect();
            let dual: Vec<f64> = (0..m).map(|k| ((k * 31 % 97) as f64).cos()).collect();
            let all: Vec<f64> = row.iter().zip(&dual).map(|(c, v)| c - v).collect();
            let lowest = all.iter().copied().fold(f64::INFINITY, f64::min);
            let at = all.iter().position(|d| *d == lowest).unwrap();
            assert_eq!(lowest_difference(pulp::Arch::new(), &row, &dual), (lowest, at));
        }
    }

    #[test]
    fn ties_go_to_the_first() {
        assert_eq!(lowest_difference(pulp::Arch::new(), &[1.0; 100], &[0.5; 100]), (0.5, 0));
    }
}
