//! Scores that fit a discriminant, a head or a PAC-Bayesian posterior: invariants, degenerate
//! input, and values that independent code gave.
//!
//! The reference values come from implementations in NumPy and SciPy 1.17 that share nothing with
//! these (dense inverses, full `N x C` and `N x Z` arrays, trust-region Newton for the Gaussian
//! bound), and from scikit-learn 1.9's `LinearDiscriminantAnalysis` and `LogisticRegression`, on
//! [`example`].

use ndarray::Array2;
use polars_transferability::estimators::discriminant::Discriminant;
use polars_transferability::estimators::discriminant::{adaptive_shrinkage, DiscriminantError};
use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::class_scatter::{ClassScatter, RowReader};
use polars_transferability::rows::{ClassedTable, Table};
use polars_transferability::scores::{etran, linear_probe, ncti, pactran, sfda, ScoreError};
use proptest::prelude::*;

const SEQUENTIAL: Parallelism = Parallelism::Sequential;
const WIDTH: usize = 6;

#[derive(Debug)]
struct Rows {
    values: Array2<f64>,
    classes: Vec<Vec<u32>>,
}

impl Rows {
    fn new(values: Array2<f64>, labels: &[usize], classes: usize) -> Self {
        let mut rows = vec![Vec::new(); classes];
        for (i, &label) in labels.iter().enumerate() {
            rows[label].push(i as u32);
        }
        Self { values, classes: rows }
    }

    fn table(&self) -> ClassedTable<'_> {
        ClassedTable { table: Table::F64(self.values.view()), classes: &self.classes }
    }

    fn with_values(&self, values: Array2<f64>) -> Self {
        Self { values, classes: self.classes.clone() }
    }

    fn softmax(&self, factor: f64) -> Self {
        let mut values = self.values.clone();
        for mut row in values.rows_mut() {
            let largest = row.fold(f64::NEG_INFINITY, |acc, v| acc.max(*v));
            row.mapv_inplace(|v| (factor * (v - largest)).exp());
            let sum = row.sum();
            row /= sum;
        }
        self.with_values(values)
    }

    fn all_scores(&self) -> Vec<f64> {
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

fn label(i: usize) -> usize {
    [0, 0, 0, 0, 0, 1, 1, 1, 2, 2][i % 10]
}

/// Three classes of 5 : 3 : 2 that overlap, features of different scale and mean.
fn example(rows: std::ops::Range<usize>) -> Rows {
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

fn assert_close(found: f64, wanted: f64, tolerance: f64) {
    assert!(
        (found - wanted).abs() <= tolerance * wanted.abs().max(1.0),
        "{found:e} is not {wanted:e}: off by {:e}",
        found - wanted
    );
}

fn assert_all_close(found: &[f64], wanted: &[f64], tolerance: f64) {
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(wanted) {
        assert_close(*found, *wanted, tolerance);
    }
}

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

#[test]
fn the_scores_have_the_values_that_independent_code_gave() {
    let rows = example(0..80);
    let small = rows.with_values(0.2 * &rows.values);
    assert_close(sfda::sfda(rows.table()).unwrap(), -0.767_358_935_694_533_8, 1e-11);
    assert_close(sfda::sfda(small.table()).unwrap(), -0.810_583_237_908_869_4, 1e-11);
    let parts = etran::parts(rows.table()).unwrap();
    assert_close(parts.energy, 0.935_208_094_699_655_9, 1e-11);
    assert_close(parts.lda, 0.629_852_947_239_719_2, 1e-11);
    let parts = etran::parts(small.table()).unwrap();
    assert_close(parts.energy, 1.584_645_596_196_259, 1e-11);
    assert_close(parts.lda, 0.590_558_660_451_636_5, 1e-11);
    let parts = ncti::parts(rows.table()).unwrap();
    assert_close(parts.seli, 21.989_354_446_966_594, 1e-11);
    assert_close(parts.ncc, 0.629_852_946_748_081_1, 1e-11);
    assert_close(parts.variability, -18.255_142_540_814_73, 1e-11);
    let parts = ncti::parts(small.table()).unwrap();
    assert_close(parts.seli, 21.142_734_805_630_85, 1e-11);
    assert_close(parts.ncc, 0.580_263_688_828_274_3, 1e-11);
    assert_close(parts.variability, -17.591_739_407_271_177, 1e-11);
}

#[test]
fn pactran_has_the_values_that_independent_code_gave() {
    let rows = example(0..80);
    let probabilities = rows.softmax(2.0);
    let dirichlet = |alpha| pactran::dirichlet(probabilities.table(), alpha).unwrap();
    // The ascent stops at gains of 1e-9 a step; the reference ran to the end.
    assert_close(dirichlet(1.0), -1.025_553_584_733_741, 1e-7);
    assert_close(dirichlet(2.5), -0.994_889_883_095_891_9, 1e-7);
    let gamma = |alpha, beta| pactran::gamma(probabilities.table(), alpha, beta).unwrap();
    assert_close(gamma(1.0, 1.0), -1.094_782_833_047_628_6, 1e-7);
    assert_close(gamma(0.5, 2.0), -1.141_197_331_755_204_9, 1e-7);
    let gaussian = |strength, variance| {
        pactran::gaussian(rows.table(), pactran::GaussianPrior { strength, variance }).unwrap()
    };
    assert_close(gaussian(10.0, 1000.0), -11.545_769_999_576_77, 1e-6);
    assert_close(gaussian(1.0, 10.0), -1.336_004_842_382_274_3, 1e-7);
    assert_close(gaussian(0.1, 1.0), -1.039_991_364_315_13, 1e-7);
}

fn probe(fit: &Rows, evaluate: &Rows, l2: Option<f64>) -> linear_probe::LinearProbe {
    let settings = linear_probe::Settings { l2, seed: 7, ..Default::default() };
    linear_probe::linear_probe(fit.table(), evaluate.table(), settings, SEQUENTIAL).unwrap()
}

#[test]
fn the_probe_is_the_one_of_scikit_learn() {
    let (fit, evaluate) = (example(0..80), example(80..120));
    let found = probe(&fit, &evaluate, Some(0.5));
    assert_close(found.loss, 0.841_602_630_372_505, 1e-7);
    assert_close(found.train_loss, 0.808_556_106_675_393_6, 1e-7);
    assert_eq!((found.accuracy, found.l2), (23.0 / 40.0, 0.5));
    let found = probe(&fit, &evaluate, Some(0.01));
    assert_close(found.loss, 0.709_048_280_598_307_4, 1e-5);
    assert_close(found.train_loss, 0.653_593_647_659_420_4, 1e-6);
    assert_eq!(found.accuracy, 29.0 / 40.0);
}

#[test]
fn the_probe_chooses_a_strength_on_its_path_and_does_not_mind_features_that_say_nothing() {
    let (fit, evaluate) = (example(0..80), example(80..120));
    let chosen = probe(&fit, &evaluate, None);
    assert_eq!(chosen, probe(&fit, &evaluate, None));
    assert!([10.0, 1.0, 0.1, 0.01, 0.001, 1e-4].contains(&chosen.l2));
    let given = probe(&fit, &evaluate, Some(chosen.l2));
    assert_close(chosen.loss, given.loss, 1e-4);
    // A constant feature that is another constant elsewhere, and one that is there twice: the same
    // predictions from weights that share the penalty, so a smaller loss on the fit rows.
    let widen = |rows: &Rows, constant: f64| {
        let wide = Array2::from_shape_fn((rows.values.nrows(), WIDTH + 2), |(i, j)| match j {
            WIDTH => constant,
            j => rows.values[[i, if j > WIDTH { 0 } else { j }]],
        });
        rows.with_values(wide)
    };
    let wide = probe(&widen(&fit, 5.0), &widen(&evaluate, -8.0), Some(0.5));
    let narrow = probe(&fit, &evaluate, Some(0.5));
    assert!(wide.train_loss < narrow.train_loss && wide.loss.is_finite());
    // Nothing to tell classes apart by: the prior.
    let flat = probe(
        &fit.with_values(Array2::ones((80, 2))),
        &evaluate.with_values(Array2::ones((40, 2))),
        Some(0.1),
    );
    let entropy = -(0.5 * 0.5_f64.ln() + 0.3 * 0.3_f64.ln() + 0.2 * 0.2_f64.ln());
    assert_close(flat.train_loss, entropy, 1e-9);
    assert_close(flat.loss, entropy, 1e-9);
    assert_eq!(flat.accuracy, 0.5);
}

/// The first rows of a class of one: it is in both parts of the split.
#[test]
fn the_probe_fits_with_a_class_of_one_row_and_evaluates_without_some_class() {
    let mut fit = example(0..40);
    fit.classes[2].truncate(1);
    let mut evaluate = example(80..120);
    evaluate.classes[2].clear();
    let found = probe(&fit, &evaluate, None);
    assert!(found.loss.is_finite() && (0.0..=1.0).contains(&found.accuracy));
}

/// Rotating features, shuffling rows and renumbering classes change nothing, nor does moving all
/// rows.
#[test]
fn the_scores_do_not_depend_on_coordinates_row_order_or_class_numbers() {
    let rows = example(0..80);
    let wanted = rows.all_scores();
    let mut rotation = Array2::eye(WIDTH);
    for (step, (a, b)) in [(0, 1), (2, 5), (1, 4), (3, 0), (5, 1)].into_iter().enumerate() {
        let (sin, cos) = (0.7 + step as f64).sin_cos();
        let mut turn = Array2::eye(WIDTH);
        turn[[a, a]] = cos;
        turn[[b, b]] = cos;
        turn[[a, b]] = -sin;
        turn[[b, a]] = sin;
        rotation = rotation.dot(&turn);
    }
    let rotated = rows.with_values(rows.values.dot(&rotation) + 3.0);
    assert_all_close(&rotated.all_scores(), &wanted, 1e-8);

    let order: Vec<usize> = (0..80).map(|i| (i * 27) % 80).collect();
    let shuffled = Array2::from_shape_fn((80, WIDTH), |(i, j)| rows.values[[order[i], j]]);
    let labels: Vec<usize> = order.iter().map(|&i| label(i)).collect();
    assert_all_close(&Rows::new(shuffled, &labels, 3).all_scores(), &wanted, 1e-8);

    let renumbered = Rows {
        values: rows.values.clone(),
        classes: vec![rows.classes[2].clone(), rows.classes[0].clone(), rows.classes[1].clone()],
    };
    assert_all_close(&renumbered.all_scores(), &wanted, 1e-8);
    let probabilities = (rows.softmax(1.0), renumbered.softmax(1.0));
    for score in [
        |rows: &Rows| pactran::dirichlet(rows.table(), 1.0).unwrap(),
        |rows: &Rows| pactran::gamma(rows.table(), 1.0, 1.0).unwrap(),
    ] {
        assert_close(score(&probabilities.0), score(&probabilities.1), 1e-9);
    }
}

/// Without a given strength, rows are set aside by their content: the same bits in any order of
/// rows and whatever the classes are called, also where rows are repeated and classes mirror each
/// other.
#[test]
fn the_probe_sets_the_same_rows_aside_in_any_order() {
    let plain = example(0..80);
    let mirrored = plain.with_values(Array2::from_shape_fn((80, WIDTH), |(i, j)| {
        let sign = if label(i) == 0 { -1.0 } else { 1.0 };
        // Classes 0 and 1 have as many rows of the same lengths.
        sign * (((i / 4 % 9) * (j + 2)) as f64).sin()
    }));
    for rows in [plain, mirrored] {
        let evaluate = example(80..120);
        let wanted = probe(&rows, &evaluate, None);
        for step in [27, 31] {
            let order: Vec<usize> = (0..80).map(|i| (i * step) % 80).collect();
            let values = Array2::from_shape_fn((80, WIDTH), |(i, j)| rows.values[[order[i], j]]);
            let labels: Vec<usize> = order.iter().map(|&i| label(i)).collect();
            assert_eq!(probe(&Rows::new(values, &labels, 3), &evaluate, None), wanted);
        }
        let renamed = |rows: &Rows| Rows {
            values: rows.values.clone(),
            classes: [1, 2, 0].map(|c: usize| rows.classes[c].clone()).into(),
        };
        assert_eq!(probe(&renamed(&rows), &renamed(&evaluate), None), wanted);
    }
}

/// The same bits again, and from `f32`; the caller's rows are read only, so there is no order of
/// calls.
#[test]
fn the_scores_are_deterministic_and_read_either_float() {
    let single = example(0..80).values.mapv(|v| v as f32);
    let rows = example(0..80).with_values(single.mapv(f64::from));
    let wanted = rows.all_scores();
    assert_eq!(rows.all_scores(), wanted);
    let table = ClassedTable { table: Table::F32(single.view()), classes: &rows.classes };
    assert_eq!(sfda::sfda(table).unwrap(), wanted[0]);
    assert_eq!(etran::parts(table).unwrap().lda, wanted[1]);
    assert_eq!(ncti::parts(table).unwrap().seli, wanted[2]);
    assert_eq!(pactran::gaussian(table, pactran::GaussianPrior::default()).unwrap(), wanted[5]);
}

/// The bound holds for the evidence: with one source class whose probability is 1 the Dirichlet
/// evidence is known exactly, `log B(a0 + n) - log B(a0)`; for two classes of equal prior and
/// `alpha = 2` this is `log(n_0! n_1! / (n + 1)!)`.
#[test]
fn the_dirichlet_bound_is_the_evidence_where_that_is_known() {
    let rows = Rows::new(Array2::ones((6, 1)), &[0, 0, 0, 1, 1, 1], 2);
    let wanted = (36.0_f64 / 5040.0).ln() / 6.0;
    assert_close(pactran::dirichlet(rows.table(), 2.0).unwrap(), wanted, 1e-13);
}

/// Source classes that decide the target class beat ones that say nothing about it.
#[test]
fn pactran_prefers_probabilities_that_tell_the_class() {
    let labels: Vec<usize> = (0..60).map(|i| i % 3).collect();
    let telling = Array2::from_shape_fn((60, 4), |(i, z)| if z == i % 3 { 0.97 } else { 0.01 });
    let silent = Array2::from_elem((60, 4), 0.25);
    let (telling, silent) = (Rows::new(telling, &labels, 3), Rows::new(silent, &labels, 3));
    for score in [
        |rows: &Rows| pactran::dirichlet(rows.table(), 1.0).unwrap(),
        |rows: &Rows| pactran::gamma(rows.table(), 1.0, 1.0).unwrap(),
    ] {
        assert!(score(&silent) < score(&telling) && score(&telling) < 0.0);
    }
    // A one-hot source class, and one without any mass.
    let hard = telling
        .with_values(Array2::from_shape_fn((60, 4), |(i, z)| f64::from(u8::from(z == i % 3))));
    assert!(pactran::dirichlet(hard.table(), 1.0).unwrap().is_finite());
    assert!(pactran::gamma(hard.table(), 1.0, 1.0).unwrap().is_finite());
}

#[test]
fn pools_are_combined_by_their_ranges() {
    let part = |energy, lda| etran::Parts { energy, lda };
    let pool = [part(2.0, 0.5), part(4.0, 0.5), part(3.0, 0.9)];
    assert_all_close(&etran::combine(&pool), &[0.0, 0.15, 0.925], 1e-15);
    assert_eq!(etran::combine(&pool[..1]), [0.0]);
    assert_eq!(etran::combine(&[]), [0.0; 0]);
    let part = |seli, ncc, variability| ncti::Parts { seli, ncc, variability };
    let pool = [part(10.0, 0.2, -5.0), part(30.0, 0.2, -9.0), part(20.0, 0.2, -1.0)];
    assert_all_close(&ncti::combine(&pool), &[0.5, 1.0, 1.5], 1e-15);
    assert_eq!(ncti::combine(&pool[..1]), [0.0]);
}

/// The energy is the mean over the 0.5 % of rows that have least, and over one row where that is
/// none.
#[test]
fn the_energy_is_that_of_the_least_rows() {
    let labels: Vec<usize> = (0..400).map(|i| i % 2).collect();
    let values = Array2::from_shape_fn((400, 1), |(i, _)| ((i * 7) % 400) as f64);
    let rows = Rows::new(values.clone(), &labels, 2);
    assert_close(etran::parts(rows.table()).unwrap().energy, 0.5, 1e-15);
    let few = Rows::new(values.slice_move(ndarray::s![..10, ..]), &labels[..10], 2);
    assert_close(etran::parts(few.table()).unwrap().energy, 0.0, 1e-15);
}

#[test]
fn degenerate_input_is_refused_with_the_reason() {
    let rows = example(0..80);
    let one = Rows { values: rows.values.clone(), classes: vec![(0..80).collect()] };
    let constant = rows.with_values(Array2::from_elem((80, 3), 0.1));
    let collapsed = rows.with_values(Array2::from_shape_fn((80, 3), |(i, j)| {
        0.1 * label(i) as f64 + 0.3 * j as f64
    }));
    type Score = fn(ClassedTable<'_>) -> Result<f64, ScoreError>;
    let scores: [(&str, Score); 4] = [
        ("SFDA", sfda::sfda),
        ("ETran", |rows| etran::parts(rows).map(|parts| parts.lda)),
        ("NCTI", |rows| ncti::parts(rows).map(|parts| parts.ncc)),
        ("PACTran-Gaussian", |rows| pactran::gaussian(rows, pactran::GaussianPrior::default())),
    ];
    for (score, compute) in scores {
        assert_eq!(compute(one.table()), Err(ScoreError::FewClasses { score, found: 1 }));
        let error = compute(constant.table()).unwrap_err();
        assert!(
            error == ScoreError::ConstantFeatures { score }
                || error
                    == ScoreError::Discriminant { score, reason: DiscriminantError::ConstantRows },
            "{error}"
        );
        if score != "PACTran-Gaussian" {
            let reason = DiscriminantError::NoWithinScatter;
            assert_eq!(compute(collapsed.table()), Err(ScoreError::Discriminant { score, reason }));
        }
    }
    let negative = pactran::dirichlet(rows.table(), 1.0).unwrap_err();
    assert!(matches!(negative, ScoreError::NegativeProbability { .. }), "{negative}");
    let logits = rows.with_values(rows.values.mapv(f64::abs));
    let error = pactran::gamma(logits.table(), 1.0, 1.0).unwrap_err();
    assert!(matches!(error, ScoreError::NotADistribution { .. }), "{error}");
    let probabilities = rows.softmax(1.0);
    for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = pactran::dirichlet(probabilities.table(), alpha).unwrap_err();
        assert!(matches!(error, ScoreError::NotPositive { name: "alpha", .. }), "{error}");
    }
    let two = Rows { values: rows.values.clone(), classes: rows.classes[..2].to_vec() };
    let error =
        linear_probe::linear_probe(rows.table(), two.table(), Default::default(), SEQUENTIAL);
    assert_eq!(error, Err(ScoreError::EvaluationClasses { found: 2, expected: 3 }));
    let empty = Rows { values: rows.values.clone(), classes: vec![Vec::new(); 3] };
    let error =
        linear_probe::linear_probe(rows.table(), empty.table(), Default::default(), SEQUENTIAL)
            .unwrap_err();
    assert!(matches!(error, ScoreError::FewRows { found: 0, .. }), "{error}");
}

fn any_rows() -> impl Strategy<Value = Rows> {
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

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(300)
    })]

    /// Few rows, more features than rows, all scales: finite, and within the ranges that are
    /// promised.
    #[test]
    fn the_scores_stay_in_their_ranges(rows in any_rows()) {
        let sfda = sfda::sfda(rows.table()).unwrap();
        prop_assert!(sfda.is_finite() && sfda <= 1e-12);
        let etran = etran::parts(rows.table()).unwrap();
        prop_assert!(etran.energy.is_finite() && (0.0..=1.0 + 1e-12).contains(&etran.lda));
        let ncti = ncti::parts(rows.table()).unwrap();
        let total = rows.values.nrows() as f64;
        prop_assert!(ncti.seli.is_finite() && ncti.seli > 0.0);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&ncti.ncc));
        // A nuclear norm is at most the sum of the rows' norms.
        prop_assert!(ncti.variability < 0.0 && -ncti.variability <= total);
    }

    #[test]
    fn the_evidence_bounds_are_not_positive(rows in any_rows(), alpha in 0.05..5.0f64) {
        let probabilities = rows.softmax(1.0);
        for score in [
            pactran::dirichlet(probabilities.table(), alpha).unwrap(),
            pactran::gamma(probabilities.table(), alpha, 1.0).unwrap(),
        ] {
            prop_assert!(score.is_finite() && score <= 1e-9, "{}", score);
        }
    }
}
