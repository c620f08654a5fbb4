//! The discriminant against scikit-learn's `LinearDiscriminantAnalysis`, and its directions.

use crate::generators::assert_all_close;
use crate::generators::assert_close;
use crate::generators::classed_rows::*;
use ndarray::Array2;
use polars_transferability::estimators::discriminant::adaptive_shrinkage;
use polars_transferability::estimators::discriminant::Discriminant;
use polars_transferability::linalg::Matrix;
use polars_transferability::rows::class_scatter::{ClassScatter, RowReader};
use polars_transferability::scores::etran;

/// Class posteriors of all rows, in the rows' order, and the scatter they were fitted to.
fn posteriors(rows: &Rows, shrinkage: f64) -> (Matrix, Discriminant, ClassScatter) {
    let counts: Vec<usize> = rows.classes.iter().map(Vec::len).collect();
    let read = |class: usize, i: usize, out: &mut [f64]| {
        rows.table().table.copy_row(rows.classes[class][i] as usize, out);
    };
    let reader = RowReader { counts: &counts, width: rows.values.ncols(), read: &read };
    let scatter = ClassScatter::of(&reader);
    let discriminant = Discriminant::fit(&scatter, shrinkage).unwrap();
    let mut found = Matrix::zeros(rows.values.nrows(), counts.len());
    discriminant.for_each_posterior(&reader, |class, i, log_posteriors| {
        let row = found.row_mut(rows.classes[class][i] as usize);
        for (p, log_p) in row.iter_mut().zip(log_posteriors) {
            *p = log_p.exp();
        }
    });
    (found, discriminant, scatter)
}

#[test]
fn the_discriminant_gives_the_posteriors_of_scikit_learn() {
    let wanted = [
        (0.0, [0.881_743_094_855_413_5, 0.009_092_700_130_013_391, 0.109_164_205_014_573_08]),
        (0.3, [0.880_647_694_883_525_3, 0.017_258_144_528_084_773, 0.102_094_160_588_389_81]),
        (1.0, [0.946_936_240_248_201_7, 0.008_458_838_192_548_208, 0.044_604_921_559_250_12]),
    ];
    for (shrinkage, wanted) in wanted {
        let (found, _, _) = posteriors(&example(0..80), shrinkage);
        assert_all_close(found.row(0), &wanted, 1e-12);
        for row in found.rows() {
            assert_close(row.iter().sum(), 1.0, 1e-12);
        }
    }
}

/// `V S V^T = I`, and `V S_b V^T` diagonal with falling entries: the symmetric generalised problem.
#[test]
fn the_directions_whiten_and_diagonalise() {
    let shrinkage = 0.2;
    let (_, discriminant, scatter) = posteriors(&example(0..80), shrinkage);
    let directions = discriminant.directions().unwrap();
    assert_eq!((directions.nrows(), directions.ncols()), (2, WIDTH));
    let (total, mean) = (scatter.total(), scatter.mean());
    let trace: f64 = (0..WIDTH).map(|j| scatter.within.row(j)[j]).sum();
    let within = Matrix::from_fn(WIDTH, WIDTH, |i, j| {
        let isotropic = if i == j { trace / WIDTH as f64 } else { 0.0 };
        ((1.0 - shrinkage) * scatter.within.row(i)[j] + shrinkage * isotropic) / total
    });
    let between = Matrix::from_fn(WIDTH, WIDTH, |i, j| {
        (0..3)
            .map(|c| {
                let mu = scatter.means.row(c);
                scatter.counts[c] as f64 / total * (mu[i] - mean[i]) * (mu[j] - mean[j])
            })
            .sum()
    });
    let along = |matrix: &Matrix| directions.times_transposed(matrix).times_transposed(&directions);
    let (within, between) = (along(&within), along(&between));
    assert_all_close(within.values(), &[1.0, 0.0, 0.0, 1.0], 1e-12);
    assert_close(between.row(0)[1], 0.0, 1e-12);
    assert_close(between.row(1)[0], 0.0, 1e-12);
    assert!(between.row(0)[0] >= between.row(1)[1] && between.row(1)[1] > 0.0);
}

/// The input on which eigenvectors of `inv(S_w) S_b`, taken as if it were symmetric, leave a
/// quarter of the rows on the wrong side: classes that differ along an axis of little variance.
#[test]
fn anisotropic_classes_are_told_apart() {
    let mut labels = Vec::new();
    let values = Array2::from_shape_fn((400, 3), |(i, j)| {
        let noise = ((i * 37 + 1) as f64 * (j as f64 + 1.3)).sin();
        let class = (i % 2) as f64;
        match j {
            0 => 30.0 * noise,
            1 => 30.0 * (((i * 37 + 1) as f64 * 1.3).sin() + 0.01 * noise) + 2.0 * class,
            _ => noise,
        }
    });
    for i in 0..400 {
        labels.push(i % 2);
    }
    let rows = Rows::new(values, &labels, 2);
    assert!(etran::parts(rows.table()).unwrap().lda > 0.99);
}

#[test]
fn the_shrinkage_follows_the_largest_eigenvalue() {
    let rows = example(0..80);
    let small = rows.with_values(0.2 * &rows.values);
    let (_, _, scatter) = posteriors(&small, 0.1);
    assert_close(adaptive_shrinkage(&scatter).unwrap(), 0.272_657_485_495_357_3, 1e-12);
    let (_, _, scatter) = posteriors(&rows.with_values(1e3 * &rows.values), 0.1);
    assert_eq!(adaptive_shrinkage(&scatter).unwrap(), 1e-10);
}
