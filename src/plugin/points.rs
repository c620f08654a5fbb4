//! Reading one side of a distance between embedding columns: points, and their masses if not
//! uniform.

use polars::prelude::*;

use crate::linalg::Matrix;
use crate::plugin::column_name::ColumnName;
use crate::plugin::embedding::Embeddings;
use crate::plugin::inputs::{field, optional_field};
use crate::transport::costs::point_rows::PointRows;
use crate::transport::WeightedPoints;

/// One side of a distance, whose columns have been read and checked.
pub struct Points {
    pub embeddings: Embeddings,
    pub mass: Option<Vec<f64>>,
}

impl Points {
    /// Read one side. `side` is the argument that it came in, `name` the caller's column.
    pub fn read(input: &Series, side: &str, name: &str) -> PolarsResult<Self> {
        let column = ColumnName { what: "embedding", name: name.to_string(), of: side.to_string() };
        polars_ensure!(!input.is_empty(), ComputeError: "{column} has no rows: the input is empty");
        let rows: Vec<u32> = (0..input.len() as u32).collect();
        let embeddings = Embeddings::read(&field(input, "embedding")?, &rows, &column)?;
        embeddings.check_finite(|_| String::new())?;
        let weight = optional_field(input, "weight")?;
        Ok(Self { embeddings, mass: weight.map(|weight| masses(&weight, side)).transpose()? })
    }

    /// The points as a view of the column.
    pub fn rows(&self) -> PolarsResult<PointRows<'_>> {
        Ok(PointRows::of_table(self.embeddings.table()?, &self.embeddings.rows))
    }

    /// Points as [`Self::matrix`] copies them, with their masses.
    pub fn weighted<'a>(&'a self, points: &'a Matrix) -> WeightedPoints<'a> {
        WeightedPoints::new(points.view(), self.mass.as_deref())
    }

    /// A copy of the points.
    pub fn matrix(&self) -> PolarsResult<Matrix> {
        self.embeddings.matrix(&self.embeddings.rows)
    }
}

fn masses(weight: &Series, side: &str) -> PolarsResult<Vec<f64>> {
    let n = weight.len();
    polars_ensure!(
        weight.dtype().is_primitive_numeric(),
        ComputeError: "`{side}_weight` has dtype {}, but it must be numeric", weight.dtype()
    );
    let nulls = weight.null_count();
    polars_ensure!(
        nulls == 0,
        ComputeError: "`{side}_weight` is null in {nulls} of {n} rows; fill them, or leave them \
        out with a filter"
    );
    let weight = weight.cast(&DataType::Float64)?;
    let masses: Vec<f64> = weight.f64()?.iter().flatten().collect();
    let bad = masses.iter().filter(|w| !w.is_finite() || **w < 0.0).count();
    polars_ensure!(
        bad == 0,
        ComputeError: "`{side}_weight` is negative, NaN or infinite in {bad} of {n} rows"
    );
    polars_ensure!(
        masses.iter().any(|w| *w > 0.0),
        ComputeError: "`{side}_weight` is zero in all {n} rows, so there is nothing to transport"
    );
    Ok(masses)
}
