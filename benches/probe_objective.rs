//! `head.py` calls this for the objective that a linear probe of ours reaches, which the expression
//! does not return: `probe_objective ROWS LABELS WIDTH L2 TOLERANCE...` with `f32` and `u32` in
//! files prints one line for each tolerance.

use ndarray::Array2;
use polars_transferability::estimators::head::{logistic, LinearHead};
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::basis::Scale;
use polars_transferability::rows::{Basis, Table};

fn words<T>(path: &str, from: impl Fn([u8; 4]) -> T) -> Vec<T> {
    let bytes = std::fs::read(path).expect("a file that head.py wrote");
    bytes.chunks_exact(4).map(|b| from([b[0], b[1], b[2], b[3]])).collect()
}

fn main() {
    // cargo adds its own.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [rows, labels, width, l2, tolerances @ ..] = &arguments[..] else {
        println!("no arguments: head.py gives them");
        return;
    };
    let number = |text: &String| text.parse::<f64>().expect("a number");
    let labels = words(labels, u32::from_le_bytes);
    let shape = (labels.len(), number(width) as usize);
    let rows = Array2::from_shape_vec(shape, words(rows, f32::from_le_bytes)).expect("as many");
    let mut classes = vec![Vec::new(); labels.iter().max().map_or(0, |k| *k as usize + 1)];
    for (row, label) in (0..).zip(&labels) {
        classes[*label as usize].push(row);
    }
    let table = Table::F32(rows.view());
    let basis = Basis::unrotated(table, &classes.concat(), Scale::Standardised);
    let rows = basis.coordinates(table, &classes);
    for tolerance in tolerances {
        let mut head = LinearHead::zeros(classes.len(), rows.width());
        let fit = (number(l2), number(tolerance), Parallelism::Sequential);
        let minimum = logistic::fit(&mut head, &rows, &rows.prior(), fit.0, fit.1, fit.2);
        println!("{:.12e}", minimum.expect("convergence").value);
    }
}
