//! Rows in classes that overlap, for the scores that fit a discriminant, a head or a posterior.

use ndarray::Array2;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::{etran, ncti, pactran, sfda};
use proptest::prelude::*;

pub const SEQUENTIAL: Parallelism = Parallelism::Sequential;

pub const WIDTH: usize = 6;

#[derive(Debug)]
pub struct Rows {
    pub values: Array2<f64>,
    pub classes: Vec<Vec<u32>>,
}

impl Rows {
    pub fn new(values: Array2<f64>, labels: &[usize], classes: usize) -> Self {
        let mut rows = vec![Vec::new(); classes];
        for (i, &label) in labels.iter().enumerate() {
            rows[label].push(i as u32);
        }
        Self { values, classes: rows }
    }

    pub fn table(&self) -> ClassedTable<'_> {
        ClassedTable { table: Table::F64(self.values.view()), classes: &self.classes }
    }

    pub fn with_values(&self, values: Array2<f64>) -> Self {
        Self { values, classes: self.classes.clone() }
    }

    pub fn softmax(&self, factor: f64) -> Self {
        let mut values = self.values.clone();
        for mut row in values.rows_mut() {
            let largest = row.fold(f64::NEG_INFINITY, |acc, v| acc.max(*v));
            row.mapv_inplace(|v| (factor * (v - largest)).exp());
            let sum = row.sum();
            row /= sum;
        }
        self.with_values(values)
    }

    pub fn all_scores(&self) -> Vec<f64> {
        let (etran, ncti) =
            (etran::parts(self.table()).unwrap(), ncti::parts(self.table()).unwrap());
        let gaussian = pactran::gaussian(self.table(), pactran::GaussianPrior::default()).unwrap();
        vec![
            sfda::sfda(self.table()).unwrap(),
            etran.lda,
            ncti.seli,
            ncti.ncc,
            ncti.variability,
            gaussian,
        ]
    }
}

pub fn label(i: usize) -> usize {
    [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][i % 10]
}

/// Three classes of 5 : 3 : 2 that overlap, features of different scale and mean.
pub fn example(rows: std::ops::Range<usize>) -> Rows {
    let labels: Vec<usize> = rows.clone().map(label).collect();
    let first = rows.start;
    let values = Array2::from_shape_fn((rows.len(), WIDTH), |(row, j)| {
        let i = (row + first) as f64;
        let (x, shift) = (j as f64, if j % 3 == label(row + first) { 0.6 } else { 0.0 });
        let noise = (1.7 * (i + 1.0) * (x + 2.0) + 0.13 * i * i * (x + 1.0)).sin();
        (1.0 + 0.5 * x) * (noise + shift) + 0.3 * x
    });
    Rows::new(values, &labels, 3)
}

pub fn any_rows() -> impl Strategy<Value = Rows> {
    (2usize..5, 1usize..8, 3usize..12, -3i32..4).prop_flat_map(|(classes, width, each, scale)| {
        let size = classes * each * width;
        prop::collection::vec(-1.0..1.0f64, size).prop_map(move |values| {
            let scale = 10f64.powi(scale);
            let labels: Vec<usize> = (0..classes * each).map(|i| i % classes).collect();
            let values = values.into_iter().map(|v| scale * v).collect();
            let values = Array2::from_shape_vec((classes * each, width), values).unwrap();
            Rows::new(values, &labels, classes)
        })
    })
}
