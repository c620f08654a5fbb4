//! The bound's invariants, on random small problems: the theorem itself, the order of the ground
//! costs, the order of the transform levels, and what must not change the result.

use polars_transferability::bound::certificate::{evaluate, Ground};
use polars_transferability::bound::{
    transfer_bound, transfer_bound_from, BoundError, GroundCost, LabelMap, LabelMapError,
    Lipschitz, Settings, SharedSource, Transform,
};
use polars_transferability::estimators::head::{lipschitz, log_sum_exp, LinearHead};
use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::{AffineRows, ClassRows};
use polars_transferability::transport::Side;
use proptest::prelude::*;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::generators::bound_tasks::{check_sums, random_head, random_map, Task};
use crate::generators::cases;

fn shuffled(rng: &mut Xoshiro256PlusPlus, n: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    order
}

const COSTS: [GroundCost; 3] = [GroundCost::Margin, GroundCost::Head, GroundCost::Euclidean];
const LEVELS: [Transform; 3] = [Transform::Identity, Transform::Features, Transform::All];

proptest! {
    #![proptest_config(cases(600))]

    /// The theorem, through everything that can be set.
    #[test]
    fn the_target_loss_is_never_above_the_bound(
        seed: u64,
        sources in 2usize..6,
        targets in 2usize..6,
        width in 1usize..7,
        split: bool,
        cost in 0usize..3,
        level in 0usize..3,
        fixed_head: bool,
        fixed_map: bool,
        standardize: bool,
        fixed_strength: bool,
        all_source_rows: bool,
        few_target_rows: bool,
    ) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let source = Task::random(&mut rng, sources, width, split);
        let target = Task::random(&mut rng, targets, width, split);
        let settings = Settings {
            transform: LEVELS[level],
            ground_cost: COSTS[cost],
            head: fixed_head.then(|| random_head(&mut rng, sources, width)),
            label_map: fixed_map.then(|| random_map(&mut rng, targets, sources)),
            l2: fixed_strength.then_some(0.1),
            max_rows_per_class: rng.random_bool(0.3).then_some(3),
            max_target_rows_per_class: few_target_rows.then_some(1),
            population_error: split.then_some(0.1),
            standardize,
            seed,
            ..Settings::default()
        };
        let source = source.labelled();
        let source = if all_source_rows { source.unsplit() } else { source };
        let bound = transfer_bound(&source, &target.labelled(), &settings).unwrap();
        prop_assert!(bound.certified);
        prop_assert_eq!(bound.population.is_some(), split);
        if let Some(population) = bound.population {
            let high = bound.bound_high().unwrap();
            prop_assert!(high >= bound.bound && high >= population.loss_high * (1.0 - 1e-9));
            prop_assert!(population.accuracy_low <= 1.0 && population.accuracy_low >= 0.0);
        }
        prop_assert!(
            bound.target_loss <= bound.bound * (1.0 + 1e-9) + 1e-12,
            "loss {} above bound {}", bound.target_loss, bound.bound
        );
        prop_assert!(bound.bound.is_finite() && (0.0..=1.0).contains(&bound.target_accuracy));
        check_sums(&bound);
    }

    /// The same head, label map and A (a scaled rotation): margin <= head <= euclidean.
    #[test]
    fn ground_costs_are_ordered(seed: u64, sources in 2usize..6, targets in 2usize..5,
        width in 2usize..7) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let source = Task::random(&mut rng, sources, width, false);
        let target = Task::random(&mut rng, targets, width, false);
        let head = random_head(&mut rng, sources, width);
        let map = random_map(&mut rng, targets, sources);
        let bound = |cost| {
            let settings = Settings {
                transform: Transform::Identity,
                ground_cost: cost,
                head: Some(head.clone()),
                label_map: Some(map.clone()),
                ..Settings::default()
            };
            transfer_bound(&source.labelled(), &target.labelled(), &settings).unwrap()
        };
        let [margin, by_head, euclidean] = COSTS.map(bound);
        prop_assert!(margin.lipschitz.is_none());
        prop_assert!(margin.bound <= by_head.bound * (1.0 + 1e-9));
        prop_assert!(by_head.bound <= euclidean.bound * (1.0 + 1e-9));
        prop_assert_eq!(margin.source_loss, euclidean.source_loss);
        prop_assert!((margin.target_loss - euclidean.target_loss).abs() < 1e-9 * (1.0 +
            margin.target_loss));
    }

    /// Any logits, any label map, any affine map of points with a certified constant.
    #[test]
    fn the_certificate_needs_no_fit(seed: u64, sources in 2usize..6, targets in 2usize..5,
        rank in 1usize..5) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let source = Task::random(&mut rng, sources, rank, false);
        let target = Task::random(&mut rng, targets, rank, false);
        let rows = |task: &Task| -> AffineRows<'_> {
            let counts = (0..task.classes).map(|c| task.labels.iter().filter(|&&l| l == c).count());
            ClassRows::new(Matrix::from_fn(task.labels.len(), rank, |i, j| task.rows[(i, j)]),
                counts).into()
        };
        let (source, target) = (rows(&source), rows(&target));
        let head = random_head(&mut rng, sources, rank);
        let map = random_map(&mut rng, targets, sources);
        let ground = Ground::Lipschitz {
            constant: lipschitz::certified(&head.weight),
            source: &source,
            target: &target,
        };
        let margin = evaluate(
            &head.class_logits(&source), &head.class_logits(&target), &map, Ground::Margin,
                Parallelism::Pool,
        ).unwrap();
        let moved = evaluate(&head.class_logits(&source), &head.class_logits(&target),
            &map, ground, Parallelism::Sequential).unwrap();
        prop_assert!(margin.target_loss <= margin.bound() * (1.0 + 1e-9));
        prop_assert!(margin.bound() <= moved.bound() * (1.0 + 1e-9));
    }

    /// The terms of a class that one source class stands for are the paper's: the entropy, and the
    /// loss of the source head. Where several stand for it, they are together at most the paper's.
    #[test]
    fn terms_are_at_most_the_papers(seed: u64, sources in 2usize..6, targets in 2usize..5) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (source, target) = (
            Task::random(&mut rng, sources, 3, false),
            Task::random(&mut rng, targets, 3, false),
        );
        let (head, map) = (random_head(&mut rng, sources, 3), random_map(&mut rng, targets, sources));
        let rows = |task: &Task| -> AffineRows<'_> {
            let counts = (0..task.classes).map(|c| task.labels.iter().filter(|&&l| l == c).count());
            let rows = Matrix::from_fn(task.labels.len(), 3, |i, j| task.rows[(i, j)]);
            head.class_logits(&ClassRows::new(rows, counts).into())
        };
        let (source, target) = (rows(&source), rows(&target));
        let terms =
            evaluate(&source, &target, &map, Ground::Margin, Parallelism::Sequential).unwrap();
        let prior = target.prior();
        let mass = |y: usize, c: usize| prior[y] * map.row(y)[c];
        let loss_of = |c: usize| {
            let rows = source.class(c);
            let losses = rows.chunks_exact(sources).map(|s| log_sum_exp(s) - s[c]);
            losses.sum::<f64>() / source.count(c) as f64
        };
        for (y, class) in terms.by_class.iter().enumerate() {
            let (mut entropy, mut loss) = (0.0, 0.0);
            for &(c, _) in &class.sources {
                let c = c as usize;
                let share = mass(y, c) / (0..targets).map(|o| mass(o, c)).sum::<f64>();
                entropy -= mass(y, c) * share.ln();
                loss += mass(y, c) * loss_of(c);
            }
            let rounding = 1e-12 * (1.0 + entropy + loss);
            prop_assert!(class.source_loss >= 0.0 && class.label_mismatch >= 0.0);
            prop_assert!(class.label_mismatch <= entropy + rounding);
            prop_assert!(class.source_loss + class.label_mismatch <= entropy + loss + rounding);
            if class.sources.len() == 1 {
                prop_assert!((class.label_mismatch - entropy).abs() <= rounding);
                prop_assert!((class.source_loss - loss).abs() <= rounding);
            }
        }
    }

    /// A task against itself, features as they are: only the head's own loss is left.
    #[test]
    fn a_task_bounds_itself_by_its_loss(seed: u64, classes in 2usize..6, width in 1usize..6,
        cost in 0usize..3) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let task = Task::random(&mut rng, classes, width, false);
        let head = random_head(&mut rng, classes, width);
        let identity = Matrix::from_fn(classes, classes, |y, c| f64::from(u8::from(y == c)));
        let rows = Matrix::from_fn(task.labels.len(), width, |i, j| task.rows[(i, j)]);
        let mut loss = 0.0;
        for (row, &label) in head.logits(&rows).rows().zip(&task.labels) {
            loss += log_sum_exp(row) - row[label];
        }
        loss /= task.labels.len() as f64;
        let settings = Settings {
            transform: Transform::Identity,
            ground_cost: COSTS[cost],
            head: Some(head),
            label_map: Some(LabelMap::new(identity).unwrap()),
            ..Settings::default()
        };
        let bound = transfer_bound(&task.labelled(), &task.labelled(), &settings).unwrap();
        prop_assert!(bound.distribution_mismatch.abs() < 1e-9 * (1.0 + loss));
        prop_assert_eq!(bound.label_mismatch, 0.0);
        prop_assert!((bound.bound - loss).abs() < 1e-9 * (1.0 + loss));
    }

    /// Row order, class names and a rotation of both tasks (and the head) change nothing.
    #[test]
    fn only_geometry_matters(seed: u64, classes in 2usize..5, split: bool, level in 0usize..3) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let source = Task::random(&mut rng, classes, 4, split);
        let target = Task::random(&mut rng, classes, 4, split);
        let settings = Settings { transform: LEVELS[level], standardize: false,
            ..Settings::default() };
        let plain = transfer_bound(&source.labelled(), &target.labelled(), &settings).unwrap();

        let order = shuffled(&mut rng, source.labels.len());
        let permuted =
            transfer_bound(&source.map_rows(&order).labelled(), &target.labelled(), &settings)
                .unwrap();
        prop_assert_eq!(plain.bound, permuted.bound);

        let names = shuffled(&mut rng, classes);
        let mut renamed = target.clone();
        for label in &mut renamed.labels {
            *label = names[*label];
        }
        let renamed_bound =
            transfer_bound(&source.labelled(), &renamed.labelled(), &settings).unwrap();
        prop_assert_eq!(plain.bound, renamed_bound.bound);
        for (y, &name) in names.iter().enumerate() {
            prop_assert_eq!(&plain.by_class[y], &renamed_bound.by_class[name]);
        }
    }

    /// Where the fit rows are the evaluation rows, a higher level is never above a lower one.
    #[test]
    fn levels_are_nested_on_the_fit_rows(seed: u64, sources in 2usize..7, targets in 2usize..5,
        cost in 0usize..3) {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let source = Task::random(&mut rng, sources, 5, false);
        let target = Task::random(&mut rng, targets, 5, false);
        let [identity, features, all] = LEVELS.map(|transform| {
            let settings = Settings { transform, ground_cost: COSTS[cost], ..Settings::default() };
            transfer_bound(&source.labelled(), &target.labelled(), &settings).unwrap().bound
        });
        prop_assert!(features <= identity, "features {features} above identity {identity}");
        prop_assert!(all <= features, "all {all} above features {features}");
    }
}

/// What a source keeps from one target changes no bit of the next one's bound.
#[test]
fn targets_of_one_source_do_not_see_each_other() {
    for seed in 0..6 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let source = Task::random(&mut rng, 4, 4, seed % 2 == 0);
        let targets = [2, 3].map(|classes| Task::random(&mut rng, classes, 4, seed % 2 == 0));
        let settings = Settings { ground_cost: COSTS[seed as usize % 3], ..Settings::default() };
        let shared = SharedSource::new(source.labelled());
        for target in targets.iter().chain(&targets) {
            let alone = transfer_bound(&source.labelled(), &target.labelled(), &settings).unwrap();
            let after = transfer_bound_from(&shared, &target.labelled(), &settings).unwrap();
            assert_eq!(alone, after);
        }
    }
}

#[test]
fn a_rotation_changes_nothing() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let source = Task::random(&mut rng, 3, 2, false);
    let target = Task::random(&mut rng, 3, 2, false);
    let (c, s) = (0.6, 0.8);
    let rotate = |task: &Task| {
        let mut rotated = task.clone();
        for (mut out, row) in rotated.rows.rows_mut().into_iter().zip(task.rows.rows()) {
            out[0] = c * row[0] - s * row[1];
            out[1] = s * row[0] + c * row[1];
        }
        rotated
    };
    let head = random_head(&mut rng, 3, 2);
    let turned = LinearHead {
        weight: Matrix::from_fn(3, 2, |k, j| {
            let w = head.weight.row(k);
            [c * w[0] - s * w[1], s * w[0] + c * w[1]][j]
        }),
        bias: head.bias.clone(),
    };
    for cost in COSTS {
        for transform in LEVELS {
            for heads in [None, Some((&head, &turned))] {
                let settings = |head: Option<&LinearHead>| Settings {
                    ground_cost: cost,
                    transform,
                    standardize: false,
                    head: head.cloned(),
                    ..Settings::default()
                };
                let plain = transfer_bound(
                    &source.labelled(),
                    &target.labelled(),
                    &settings(heads.map(|h| h.0)),
                )
                .unwrap();
                let turned = transfer_bound(
                    &rotate(&source).labelled(),
                    &rotate(&target).labelled(),
                    &settings(heads.map(|h| h.1)),
                )
                .unwrap();
                let difference = (plain.bound - turned.bound).abs();
                assert!(difference < 1e-6 * plain.bound, "{cost:?} {transform:?}: {difference}");
            }
        }
    }
}

#[test]
fn the_empirical_constant_is_not_a_certificate() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(3);
    let source = Task::random(&mut rng, 3, 4, false);
    let target = Task::random(&mut rng, 3, 4, false);
    let bound = |lipschitz| {
        let settings = Settings {
            ground_cost: GroundCost::Head,
            transform: Transform::Identity,
            head: Some(random_head(&mut Xoshiro256PlusPlus::seed_from_u64(1), 3, 4)),
            lipschitz,
            ..Settings::default()
        };
        transfer_bound(&source.labelled(), &target.labelled(), &settings).unwrap()
    };
    let (certified, empirical) = (bound(Lipschitz::Certified), bound(Lipschitz::Empirical));
    assert!(certified.certified && !empirical.certified);
    assert!(empirical.lipschitz.unwrap() <= certified.lipschitz.unwrap() * (1.0 + 1e-12));
}

#[test]
fn bad_input_is_named() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(2);
    let source = Task::random(&mut rng, 3, 4, false);
    let wide = Task::random(&mut rng, 3, 5, false);
    let single = Task::random(&mut rng, 1, 4, false);
    let settings = Settings::default();
    assert!(matches!(
        transfer_bound(&source.labelled(), &wide.labelled(), &settings),
        Err(BoundError::Width { found: 5, expected: 4 })
    ));
    assert!(matches!(
        transfer_bound(&source.labelled(), &single.labelled(), &settings),
        Err(BoundError::FewClasses { side: Side::Target, found: 1 })
    ));
    let mut unfitted = source.labelled();
    unfitted.fit[1].clear();
    assert!(matches!(
        transfer_bound(&unfitted, &source.labelled(), &settings),
        Err(BoundError::EmptyClass { side: Side::Source, class: 1, .. })
    ));
    let short = LabelMap::new(Matrix::from_fn(3, 3, |_, _| 0.2));
    assert!(matches!(short, Err(LabelMapError::Sum { target_class: 0, .. })));
    for weight in [-1.0, f64::NAN, f64::INFINITY] {
        let wrong = Matrix::from_fn(2, 2, |y, c| if (y, c) == (1, 0) { weight } else { 0.5 });
        assert!(matches!(
            LabelMap::new(wrong),
            Err(LabelMapError::Weight { source_class: 0, target_class: 1, .. })
        ));
    }
}

/// Where the constant head bounds best there is no strength to report, even if one was given.
#[test]
fn the_constant_head_has_no_strength() {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(5);
    let mut task = Task::random(&mut rng, 3, 4, false);
    let target = Task::random(&mut rng, 3, 4, false);
    task.rows.fill(1.0);
    let settings = Settings { l2: Some(0.1), seed: 1, ..Settings::default() };
    let bound = transfer_bound(&task.labelled(), &target.labelled(), &settings).unwrap();
    assert!((bound.bound - bound.trivial_loss).abs() < 1e-9);
    assert_eq!(bound.l2, None);
}

/// With one target row of each class nothing tells how good a feature map is, so none is learned:
/// what fits that row best would be far above guessing on others.
#[test]
fn one_target_row_of_a_class_teaches_no_feature_map() {
    for seed in 0..40 {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let (source, target) =
            (Task::random(&mut rng, 3, 5, true), Task::random(&mut rng, 3, 5, true));
        let bound = |transform| {
            let settings =
                Settings { transform, max_target_rows_per_class: Some(1), ..Settings::default() };
            transfer_bound(&source.labelled(), &target.labelled(), &settings).unwrap()
        };
        assert_eq!(bound(Transform::All), bound(Transform::Identity));
    }
}
