//! Multinomial logistic regression with an L2 penalty.
//!
//! Minimises `sum_c weight_c mean_{i: c_i = c} -log softmax(W z_i + b)_c + l2 / 2 |W|^2` (the bias
//! is free). With class weights equal to the class shares this is the usual mean loss. Strictly
//! convex in `W`, so the minimum does not depend on where the descent starts; starting from the
//! solution at a neighbouring strength makes a path of strengths cheap.
//!
//! A head's logits may all be shifted alike without any effect but on the penalty, so the minimum
//! has class weights that sum to zero; steps are kept to that subspace. Without that, what classes
//! share would be scaled by a curvature that the loss does not have there.
//!
//! L-BFGS, preconditioned by the curvature of each class or, where there are many and many rows are
//! in doubt, by one for all. `O(n d K)` an iteration, some twenty iterations from cold, fewer along
//! a path.

use std::ops::Range;

use faer::{linalg::matmul::matmul, Accum, MatMut, MatRef, Par};

use crate::estimators::head::curvature::{Curvature, KeptRows};
use crate::estimators::head::shared_curvature::SharedCurvature;
use crate::estimators::head::softmax::softmax_rows;
use crate::estimators::head::LinearHead;
use crate::linalg::error::OptimizeError;
use crate::linalg::lbfgs;
use crate::linalg::matrix::dot;
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::class_rows::add_mean;
use crate::rows::AffineRows;

/// The most iterations of a fit, a hundred times what is usual: a fit that takes more has data that
/// its penalty does not hold.
const MAX_ITERATIONS: usize = 2000;
/// Strength, relative to the mean square of a feature, at which a fit from nothing starts, and the
/// factor by which it falls; a strength that is not much above the last one would cost more than it
/// saves.
const COLD_STRENGTH: f64 = 0.1;
const COLD_FACTOR: f64 = 10.0;
const COLD_DISTANCE: f64 = 20.0;
/// Gradient that is small enough on the way.
const COLD_TOLERANCE: f64 = 1e-3;
/// Rows whose logits are computed, turned into slopes and multiplied back while they are in the
/// cache.
const BLOCK_ROWS: usize = 192;
/// Parts into which the rows are cut, so many that a few threads have enough to do, but no more
/// than have gradients of this share of the table, and two.
const PARTS: usize = 4;
const PARTS_SHARE: usize = 25;
const FEWEST_PARTS: usize = 2;
/// Products of rows, features and classes below which threads would cost more than they save.
const WORK_TO_SHARE: usize = 1 << 20;
/// Iterations between two computations of the curvature, of each class and of all, which costs less
/// and says less, and the early one where it is computed again: the first steps change it most.
const CLASS_CURVATURE_AGE: usize = 20;
const SHARED_CURVATURE_AGE: usize = 10;
const EARLY_ITERATION: usize = 3;
/// Iteration at which the scale of a shared curvature is measured again, by the first step that
/// there is: it is less exact than that of each class.
const SCALE_ITERATION: usize = 1;

/// Fit from where `head` is, in place, until no entry of the gradient exceeds `tolerance`.
/// `class_weight[c]` is the total weight of class `c`.
///
/// # Errors
/// No convergence within 2000 iterations.
pub fn fit(
    head: &mut LinearHead,
    rows: &AffineRows<'_>,
    class_weight: &[f64],
    l2: f64,
    tolerance: f64,
    parallelism: Parallelism,
) -> Result<lbfgs::Minimum, OptimizeError> {
    let size = rows.classes() * rows.width();
    let mut parameters = head.weight.values().to_vec();
    let is_cold = parameters.iter().all(|w| *w == 0.0);
    centre(&mut parameters, rows.width());
    parameters.extend_from_slice(&head.bias);
    let mut loss = Loss::new(rows, class_weight, l2, parallelism);
    if is_cold {
        let mean_square = loss.square.iter().sum::<f64>() / rows.width().max(1) as f64;
        loss.l2 = COLD_STRENGTH * mean_square;
        while loss.l2 > COLD_DISTANCE * l2 && l2 > 0.0 {
            lbfgs::minimise(&mut parameters, COLD_TOLERANCE, MAX_ITERATIONS, &mut loss)?;
            loss.l2 /= COLD_FACTOR;
        }
        loss.l2 = l2;
    }
    let minimum = lbfgs::minimise(&mut parameters, tolerance, MAX_ITERATIONS, &mut loss)?;
    let (weight, bias) = parameters.split_at(size);
    head.weight.values_mut().copy_from_slice(weight);
    head.bias.copy_from_slice(bias);
    Ok(minimum)
}

/// The weighted rows of which the loss is a sum. They are cut into parts whatever the number of
/// threads.
struct WeightedRows<'a, 't> {
    rows: &'a AffineRows<'t>,
    class_of: Vec<u32>,
    weight: Vec<f64>,
    parts: usize,
    arch: pulp::Arch,
}

/// What one part contributes to the loss and its gradient.
#[derive(Clone, Default)]
struct PartSums {
    loss: f64,
    weight_gradient: Vec<f64>,
    bias_gradient: Vec<f64>,
    doubt: Option<Doubt>,
}

/// Sums over rows of `q_ic = w_i p_ic (1 - p_ic)`, which is the curvature that a row gives to a
/// class, and of its square.
#[derive(Clone, Default)]
struct Doubt {
    sum: Vec<f64>,
    square: Vec<f64>,
}

impl Doubt {
    fn clear(&mut self, classes: usize) {
        for sums in [&mut self.sum, &mut self.square] {
            sums.clear();
            sums.resize(classes, 0.0);
        }
    }

    /// `slopes[i, c] = p_ic - [c is the class of i]`.
    fn add_rows(&mut self, slopes: &[f64], weights: &[f64]) {
        for (row, w) in slopes.chunks_exact(self.sum.len()).zip(weights) {
            for ((sum, square), s) in self.sum.iter_mut().zip(&mut self.square).zip(row) {
                let q = w * s.abs() * (1.0 - s.abs());
                *sum += q;
                *square += q * q;
            }
        }
    }

    fn add(&mut self, other: &Self) {
        add(&mut self.sum, &other.sum);
        add(&mut self.square, &other.square);
    }

    /// How many rows of equal curvature would make up the curvature of a class, in the mean over
    /// classes.
    fn rows(&self) -> f64 {
        let rows = self.sum.iter().zip(&self.square).map(|(sum, square)| {
            if *square > 0.0 {
                sum * sum / square
            } else {
                0.0
            }
        });
        rows.sum::<f64>() / self.sum.len() as f64
    }
}

/// The rows that are at work, and the derivatives in their logits.
#[derive(Default)]
struct Buffers {
    slopes: Vec<f64>,
    inputs: Matrix,
}

impl<'a, 't> WeightedRows<'a, 't> {
    fn new(rows: &'a AffineRows<'t>, class_weight: &[f64]) -> Self {
        let n = rows.nrows();
        let mut class_of = Vec::with_capacity(n);
        let mut weight = Vec::with_capacity(n);
        for (class, total) in class_weight.iter().enumerate() {
            let count = rows.count(class);
            class_of.extend(std::iter::repeat_n(class as u32, count));
            weight.extend(std::iter::repeat_n(total / count.max(1) as f64, count));
        }
        let gradient = rows.classes() * rows.input_width() * size_of::<f64>();
        let affordable = rows.table_bytes() / PARTS_SHARE / gradient.max(1);
        let parts = affordable.clamp(FEWEST_PARTS, PARTS).min(n.div_ceil(BLOCK_ROWS)).max(1);
        Self { rows, class_of, weight, parts, arch: pulp::Arch::new() }
    }

    /// Weighted mean square of each feature.
    fn square(&self) -> Vec<f64> {
        let mut square = vec![0.0; self.rows.width()];
        self.rows.for_each_block(BLOCK_ROWS, |start, block| {
            for (row, weight) in block.row_iter().zip(&self.weight[start..]) {
                for (s, v) in square.iter_mut().zip(row.iter()) {
                    *s += weight * v * v;
                }
            }
        });
        square
    }

    /// The rows of a block.
    fn block(&self, at: usize) -> Range<usize> {
        at * BLOCK_ROWS..((at + 1) * BLOCK_ROWS).min(self.rows.nrows())
    }

    /// The blocks of a part.
    fn blocks(&self, part: usize) -> Range<usize> {
        let blocks = self.rows.nrows().div_ceil(BLOCK_ROWS);
        part * blocks / self.parts..(part + 1) * blocks / self.parts
    }

    /// Overwrite with the unweighted derivatives in the logits of rows that were read, and call
    /// `row_loss` with the loss of each.
    fn set_slopes(
        &self,
        slopes: &mut Vec<f64>,
        (weight, bias): (MatRef<'_, f64>, &[f64]),
        (rows, inputs): (Range<usize>, MatRef<'_, f64>),
        mut row_loss: impl FnMut(usize, f64),
    ) {
        let classes = bias.len();
        slopes.clear();
        rows.clone().for_each(|_| slopes.extend_from_slice(bias));
        matmul(
            MatMut::from_row_major_slice_mut(slopes, rows.len(), classes),
            Accum::Add,
            inputs,
            weight.transpose(),
            1.0,
            Par::Seq,
        );
        let class_of = &self.class_of[rows.clone()];
        softmax_rows(
            self.arch,
            slopes,
            classes,
            |i| class_of[i] as usize,
            |i, loss| row_loss(rows.start + i, loss),
        );
        for (row, class) in slopes.chunks_exact_mut(classes).zip(class_of) {
            row[*class as usize] -= 1.0;
        }
    }

    /// The loss and its gradient over one part's rows, in a map of the rows as they are read.
    fn sum(
        &self,
        (part, sum): (usize, &mut PartSums),
        Buffers { slopes, inputs }: &mut Buffers,
        weight: MatRef<'_, f64>,
        bias: &[f64],
    ) {
        let (classes, width) = (bias.len(), weight.ncols());
        sum.loss = 0.0;
        sum.weight_gradient.clear();
        sum.weight_gradient.resize(classes * width, 0.0);
        sum.bias_gradient.clear();
        sum.bias_gradient.resize(classes, 0.0);
        if let Some(doubt) = &mut sum.doubt {
            doubt.clear(classes);
        }
        for rows in self.blocks(part).map(|at| self.block(at)) {
            let inputs = self.rows.inputs(rows.start, rows.len(), inputs);
            self.set_slopes(slopes, (weight, bias), (rows.clone(), inputs), |i, loss| {
                sum.loss += self.weight[i] * loss;
            });
            let weights = &self.weight[rows.clone()];
            if let Some(doubt) = &mut sum.doubt {
                doubt.add_rows(slopes, weights);
            }
            for (row, w) in slopes.chunks_exact_mut(classes).zip(weights) {
                for (s, g) in row.iter_mut().zip(&mut sum.bias_gradient) {
                    *s *= w;
                    *g += *s;
                }
            }
            matmul(
                MatMut::from_row_major_slice_mut(&mut sum.weight_gradient, classes, width),
                Accum::Add,
                MatRef::from_row_major_slice(slopes, rows.len(), classes).transpose(),
                inputs,
                1.0,
                Par::Seq,
            );
        }
    }

    /// An affine map of the rows, as one of the rows as they are read.
    fn lifted<R>(&self, point: &[f64], act: impl FnOnce(MatRef<'_, f64>, &[f64]) -> R) -> R {
        let (classes, width) = (self.rows.classes(), self.rows.width());
        let (weight, bias) = point.split_at(classes * width);
        let weight = MatRef::from_row_major_slice(weight, classes, width);
        match self.rows.lift(weight, bias) {
            Some(map) => act(map.weight.view(), &map.bias),
            None => act(weight, bias),
        }
    }
}

/// What is known about the second derivative.
enum Preconditioner {
    ByClass(Curvature),
    Shared(SharedCurvature),
}

/// The penalised loss in (weights, then biases).
struct Loss<'a, 't> {
    data: WeightedRows<'a, 't>,
    square: Vec<f64>,
    l2: f64,
    sums: Vec<PartSums>,
    curvature: Option<Preconditioner>,
    iteration: usize,
    parallelism: Parallelism,
}

impl<'a, 't> Loss<'a, 't> {
    fn new(
        rows: &'a AffineRows<'t>,
        class_weight: &[f64],
        l2: f64,
        parallelism: Parallelism,
    ) -> Self {
        let data = WeightedRows::new(rows, class_weight);
        let doubt = may_share(rows).then(Doubt::default);
        let work = rows.nrows() * rows.input_width() * rows.classes();
        Self {
            square: data.square(),
            l2,
            sums: vec![PartSums { doubt, ..PartSums::default() }; data.parts],
            curvature: None,
            iteration: 0,
            parallelism: if work < WORK_TO_SHARE { Parallelism::Sequential } else { parallelism },
            data,
        }
    }

    fn shares_curvature(&self) -> bool {
        matches!(self.curvature, Some(Preconditioner::Shared(_)))
    }

    /// What classes doubt, where that is spread over more rows than are kept for a class, so that
    /// one curvature serves all of them better.
    fn spread_doubt(&self) -> Option<&Doubt> {
        let doubt = self.sums.first()?.doubt.as_ref()?;
        (doubt.rows() > KeptRows::limit(self.data.rows) as f64).then_some(doubt)
    }

    fn curvature(&self, point: &[f64]) -> Preconditioner {
        let data = &self.data;
        if let Some(doubt) = self.spread_doubt() {
            let shared = SharedCurvature::new(
                data.rows,
                &data.weight,
                &self.square,
                &doubt.sum,
                self.l2,
                self.parallelism,
            );
            return Preconditioner::Shared(shared);
        }
        data.lifted(point, |weight, bias| {
            let kept = self.parallelism.collect(data.parts, |part| {
                let (mut slopes, mut inputs) = (Vec::new(), Matrix::default());
                let mut kept = KeptRows::new(data.rows);
                for rows in data.blocks(part).map(|at| data.block(at)) {
                    let block = data.rows.inputs(rows.start, rows.len(), &mut inputs);
                    data.set_slopes(&mut slopes, (weight, bias), (rows.clone(), block), |_, _| {});
                    kept.add(rows.start, &slopes, &data.weight[rows]);
                }
                kept
            });
            let mut all = KeptRows::new(data.rows);
            for part in kept {
                all.merge(part);
            }
            let curvature = Curvature::new(data.rows, all, &self.square, self.l2, self.parallelism);
            Preconditioner::ByClass(curvature)
        })
    }
}

impl lbfgs::Objective for &mut Loss<'_, '_> {
    fn evaluate(&mut self, parameters: &[f64], gradient: &mut [f64]) -> f64 {
        let (data, sums) = (&self.data, &mut self.sums);
        data.lifted(parameters, |weight, bias| {
            self.parallelism.for_each_with(sums, |block: &mut Buffers, part, sum| {
                data.sum((part, sum), block, weight, bias);
            });
        });
        // In order, whichever thread was first.
        let Some((total, rest)) = sums.split_first_mut() else { return 0.0 };
        for part in rest {
            total.loss += part.loss;
            add(&mut total.weight_gradient, &part.weight_gradient);
            add(&mut total.bias_gradient, &part.bias_gradient);
            if let (Some(total), Some(part)) = (&mut total.doubt, &part.doubt) {
                total.add(part);
            }
        }
        let classes = data.rows.classes();
        let size = classes * data.rows.width();
        let lowered = data.rows.lower(
            MatRef::from_row_major_slice(&total.weight_gradient, classes, data.rows.input_width()),
            &total.bias_gradient,
        );
        let weight_gradient = lowered.as_ref().map_or(&total.weight_gradient[..], Matrix::values);
        let weight = &parameters[..size];
        for ((out, g), w) in gradient.iter_mut().zip(weight_gradient).zip(weight) {
            *out = self.l2 * w + g;
        }
        gradient[size..].copy_from_slice(&total.bias_gradient);
        total.loss + 0.5 * self.l2 * dot(weight, weight)
    }

    fn refresh(&mut self, x: &[f64], has_failed: bool) -> bool {
        let age = if self.shares_curvature() { SHARED_CURVATURE_AGE } else { CLASS_CURVATURE_AGE };
        let due =
            has_failed || self.iteration == EARLY_ITERATION || self.iteration.is_multiple_of(age);
        if due {
            // Freed first: the factors of many classes are large.
            self.curvature = None;
            self.curvature = Some(self.curvature(x));
        }
        let is_scaled_again = self.shares_curvature() && self.iteration == SCALE_ITERATION;
        self.iteration += 1;
        due || is_scaled_again
    }

    fn precondition(&self, vector: &mut [f64]) {
        let Some(curvature) = &self.curvature else { return };
        let rows = self.data.rows;
        centre_parameters(vector, rows);
        match curvature {
            Preconditioner::ByClass(curvature) => curvature.divide(rows, vector),
            Preconditioner::Shared(curvature) => curvature.divide(vector),
        }
        centre_parameters(vector, rows);
    }
}

/// Whether one curvature may serve all classes: not where that of each can be held as a whole.
fn may_share(rows: &AffineRows<'_>) -> bool {
    !KeptRows::exceed_columns(rows) && SharedCurvature::pays(rows)
}

/// Weights and biases that sum to zero over classes.
fn centre_parameters(parameters: &mut [f64], rows: &AffineRows<'_>) {
    let (weight, bias) = parameters.split_at_mut(rows.classes() * rows.width());
    centre(weight, rows.width());
    centre(bias, 1);
}

/// Take the mean of the rows of `width` entries out of each.
fn centre(rows: &mut [f64], width: usize) {
    if width == 0 {
        return;
    }
    let mut mean = vec![0.0; width];
    add_mean(rows, &mut mean);
    for row in rows.chunks_exact_mut(width) {
        for (v, m) in row.iter_mut().zip(&mean) {
            *v -= m;
        }
    }
}

fn add(sum: &mut [f64], part: &[f64]) {
    for (s, p) in sum.iter_mut().zip(part) {
        *s += p;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::ClassRows;

    fn rows() -> AffineRows<'static> {
        let values = Matrix::from_fn(40, 3, |i, j| {
            ((i * 7 + j * 3) as f64 * 1.9).sin() + if i / 20 == j { 0.8 } else { 0.0 }
        });
        ClassRows::new(values, [20, 12, 8]).into()
    }

    /// At the minimum the penalty's gradient balances the loss's, so `l2 |W|^2` equals the loss's
    /// slope along `W`, and the biases reproduce the class weights.
    #[test]
    fn the_minimum_is_stationary() {
        let (rows, weights) = (rows(), [0.5, 0.3, 0.2]);
        let mut head = LinearHead::zeros(3, 3);
        let minimum = fit(&mut head, &rows, &weights, 0.05, 1e-9, Parallelism::Sequential).unwrap();
        assert!(minimum.gradient <= 1e-9);
        let logits = head.logits(&rows.gather(&(0..40).collect::<Vec<u32>>()));
        let mut mass = [0.0; 3];
        for (class, weight) in weights.iter().enumerate() {
            for i in rows.start(class)..rows.start(class) + rows.count(class) {
                let normaliser = crate::estimators::head::log_sum_exp(logits.row(i));
                for (m, s) in mass.iter_mut().zip(logits.row(i)) {
                    *m += weight / rows.count(class) as f64 * (s - normaliser).exp();
                }
            }
        }
        for (m, w) in mass.iter().zip(weights) {
            assert!((m - w).abs() < 1e-8);
        }
    }

    /// Many classes of few rows share one curvature, which changes how the minimum is reached, not
    /// where it is.
    #[test]
    fn many_classes_reach_the_minimum_on_any_number_of_threads() {
        let (n, d, k) = (300, 24, 30);
        let values = Matrix::from_fn(n, d, |i, j| {
            let common = ((i * 3 + 1) as f64 * 0.77).sin();
            ((i * d + j) as f64 * 1.3).sin() + common + if i / 10 == j { 2.0 } else { 0.0 }
        });
        let rows: AffineRows = ClassRows::new(values, [n / k; 30]).into();
        assert!(may_share(&rows));
        let weights = [1.0 / k as f64; 30];
        let fitted = |parallelism| {
            let mut head = LinearHead::zeros(k, d);
            let minimum = fit(&mut head, &rows, &weights, 1e-3, 1e-9, parallelism).unwrap();
            assert!(minimum.gradient <= 1e-9);
            head
        };
        let head = fitted(Parallelism::Sequential);
        // Against a descent without any curvature.
        let mut loss = Loss::new(&rows, &weights, 1e-3, Parallelism::Sequential);
        let mut plain = vec![0.0; k * (d + 1)];
        let evaluate = |x: &[f64], g: &mut [f64]| lbfgs::Objective::evaluate(&mut &mut loss, x, g);
        struct Plain<F>(F);
        impl<F: FnMut(&[f64], &mut [f64]) -> f64> lbfgs::Objective for Plain<F> {
            fn evaluate(&mut self, x: &[f64], g: &mut [f64]) -> f64 {
                (self.0)(x, g)
            }
        }
        lbfgs::minimise(&mut plain, 1e-9, 5000, Plain(evaluate)).unwrap();
        for (a, b) in head.weight.values().iter().zip(&plain) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        assert_eq!(head, fitted(Parallelism::Pool));
    }

    #[test]
    fn a_warm_start_ends_in_the_same_place() {
        let (rows, weights) = (rows(), [0.4, 0.3, 0.3]);
        let mut warm = LinearHead::zeros(3, 3);
        fit(&mut warm, &rows, &weights, 1.0, 1e-10, Parallelism::Sequential).unwrap();
        fit(&mut warm, &rows, &weights, 0.01, 1e-10, Parallelism::Sequential).unwrap();
        let mut cold = LinearHead::zeros(3, 3);
        fit(&mut cold, &rows, &weights, 0.01, 1e-10, Parallelism::Sequential).unwrap();
        for (a, b) in warm.weight.values().iter().zip(cold.weight.values()) {
            assert!((a - b).abs() < 1e-6);
        }
    }
}
