//! Moments of rows: their sums, their merging, and what they refuse.

use crate::generators::assert_close;
use crate::generators::cases;
use crate::generators::labelled_rows::*;
use ndarray::Array2;
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::moments::{ClassScatters, MomentsError};
use polars_transferability::rows::{ClassedTable, Moments, Table};
use proptest::prelude::*;

/// The moments of some rows, and the classes that they have, which are numbered anew.
fn part(rows: &Rows, chosen: &[usize]) -> (Moments, Vec<usize>) {
    let mut present: Vec<usize> = chosen.iter().map(|&i| rows.labels[i]).collect();
    present.sort_unstable();
    present.dedup();
    let classes: Vec<Vec<u32>> = present
        .iter()
        .map(|c| chosen.iter().filter(|i| rows.labels[**i] == *c).map(|&i| i as u32).collect())
        .collect();
    let table = ClassedTable { table: Table::F64(rows.values.view()), classes: &classes };
    (Moments::of(table, ClassScatters::Kept), present)
}

/// Merge parts one after the other, matching classes; and the classes in the order of the result.
fn merged(rows: &Rows, parts: &[Vec<usize>]) -> (Moments, Vec<usize>) {
    let mut parts = parts.iter().filter(|chosen| !chosen.is_empty()).map(|c| part(rows, c));
    let (mut all, mut classes) = parts.next().unwrap();
    for (moments, present) in parts {
        let into: Vec<usize> = present
            .into_iter()
            .map(|class| {
                classes.iter().position(|c| *c == class).unwrap_or_else(|| {
                    classes.push(class);
                    classes.len() - 1
                })
            })
            .collect();
        all = all.merge(&moments, &into).unwrap();
    }
    (all, classes)
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn moments_of_parts_merge_to_those_of_all_rows(
        rows in any_rows(), parts in 1..5usize, assignment in prop::collection::vec(0..5usize, 40),
        far in prop_oneof![Just(0.0), Just(1e6)],
    ) {
        let rows = rows.map(|_, v| v + far);
        let n = rows.labels.len();
        let chosen = |p: usize| (0..n).filter(|&i| assignment[i] % parts == p).collect();
        let (found, classes) = merged(&rows, &(0..parts).map(chosen).collect::<Vec<_>>());
        let wanted = rows.moments();
        prop_assert_eq!(found.count(), wanted.count());
        // Far from zero a mean is rounded by that much, times sums of up to 40 squares of up to 12.
        let unit = 1e-12 + 500.0 * f64::EPSILON * far;
        for (at, &class) in classes.iter().enumerate() {
            prop_assert_eq!(found.counts()[at], wanted.counts()[class]);
            for (f, w) in found.means().row(at).iter().zip(wanted.means().row(class)) {
                assert_close(*f, *w, 1e-14);
            }
            let scatters = (found.class_within().unwrap(), wanted.class_within().unwrap());
            for (f, w) in scatters.0[at].packed().iter().zip(scatters.1[class].packed()) {
                assert_close(*f, *w, unit);
            }
        }
        for (f, w) in found.within().packed().iter().zip(wanted.within().packed()) {
            assert_close(*f, *w, unit);
        }
        for (f, w) in found.cubic().iter().zip(wanted.cubic()) {
            assert_close(*f, *w, unit);
        }
        assert_close(found.quartic(), wanted.quartic(), unit);
    }

    #[test]
    fn scatter_and_tails_are_their_sums(rows in any_rows()) {
        let moments = rows.moments();
        let (n, d) = rows.values.dim();
        let mean: Vec<f64> = (0..d).map(|k| rows.values.column(k).sum() / n as f64).collect();
        let centred = Array2::from_shape_fn((n, d), |(i, k)| rows.values[[i, k]] - mean[k]);
        let square = moments.scatter();
        let product = centred.t().dot(&centred);
        for i in 0..d {
            for j in 0..d {
                assert_close(square.row(i)[j], product[[i, j]], 1e-12);
            }
        }
        let norms: Vec<f64> = centred.rows().into_iter().map(|r| r.dot(&r)).collect();
        assert_close(moments.quartic(), norms.iter().map(|s| s * s).sum(), 1e-12);
        for k in 0..d {
            assert_close(moments.cubic()[k], (0..n).map(|i| norms[i] * centred[[i, k]]).sum(),
                1e-12);
        }
    }
}

#[test]
fn single_precision_tables_lose_nothing() {
    let rows = wave(30, 4, 3, 1.0).map(|_, v| f64::from(v as f32));
    let narrow = rows.values.mapv(|v| v as f32);
    let classes = rows.classes();
    let narrow = ClassedTable { table: Table::F32(narrow.view()), classes: &classes };
    assert_eq!(Moments::of(narrow, ClassScatters::Kept), rows.moments());
}

#[test]
fn stored_moments_come_back() {
    let moments = wave(20, 3, 3, 0.0).moments();
    let stored = |m: &Moments| {
        Moments::from_parts(
            m.counts().to_vec(),
            m.means().clone(),
            m.within().packed().to_vec(),
            m.class_within().map(|all| all.iter().map(|s| s.packed().to_vec()).collect()),
            m.cubic().to_vec(),
            m.quartic(),
        )
    };
    assert_eq!(stored(&moments).unwrap(), moments);
}

#[test]
fn stored_moments_that_cannot_be_are_refused() {
    let make = |counts: Vec<u64>, means: Matrix, within: Vec<f64>, quartic: f64| {
        Moments::from_parts(counts, means, within, None, vec![0.0; 2], quartic)
    };
    let means = || Matrix::zeros(1, 2);
    assert!(make(vec![3], means(), vec![1.0, 0.0, 1.0], 1.0).is_ok());
    let shape = |found| matches!(found, Err(MomentsError::Shape { .. }));
    let value = |found| matches!(found, Err(MomentsError::Value { .. }));
    assert!(shape(make(vec![3, 4], means(), vec![1.0, 0.0, 1.0], 1.0)));
    assert!(shape(make(vec![3], means(), vec![1.0, 0.0], 1.0)));
    assert!(value(make(vec![0], means(), vec![1.0, 0.0, 1.0], 1.0)));
    assert!(value(make(vec![3], means(), vec![-1.0, 0.0, 1.0], 1.0)));
    assert!(value(make(vec![3], means(), vec![1.0, f64::NAN, 1.0], 1.0)));
    assert!(value(make(vec![3], means(), vec![1.0, 0.0, 1.0], -1.0)));
}

#[test]
fn moments_that_do_not_fit_do_not_merge() {
    let (narrow, wide) = (wave(10, 2, 2, 0.0).moments(), wave(10, 3, 2, 0.0).moments());
    let pooled = wave(10, 2, 2, 0.0).with(|rows| Moments::of(rows, ClassScatters::Pooled));
    assert_eq!(narrow.merge(&wide, &[0, 1]), Err(MomentsError::Width { left: 2, right: 3 }));
    assert_eq!(narrow.merge(&pooled, &[0, 1]), Err(MomentsError::ClassScatter));
    let short = MomentsError::MapLength { found: 1, expected: 2 };
    assert_eq!(narrow.merge(&narrow, &[0]), Err(short));
    assert_eq!(narrow.merge(&narrow, &[1, 1]), Err(MomentsError::MapRepeats { class: 1 }));
    assert_eq!(narrow.merge(&narrow, &[0, 5]), Err(MomentsError::MapGap { class: 2 }));
}
