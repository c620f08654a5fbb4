//! Rows that are computed from the table when they are asked for are the rows that would be held.

use ndarray::Array2;
use polars_transferability::bound::certificate::{evaluate, Ground};
use polars_transferability::bound::search::joint_descent::{HeadUse, JointDescent, Schedule};
use polars_transferability::bound::solution::{Maps, Part};
use polars_transferability::bound::LabelMap;
use polars_transferability::bound::{transfer_bound, LabelledRows, Settings};
use polars_transferability::estimators::head::{logistic, LinearHead};
use polars_transferability::linalg::Matrix;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::basis::Scale;
use polars_transferability::rows::{AffineRows, Basis, Table};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::generators::cases;

const CLASSES: usize = 4;

/// Rows in no order of classes, with an offset, and the row numbers of each class.
fn task(seed: u64, rows: usize, width: usize) -> (Array2<f32>, Vec<Vec<u32>>) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let values = Array2::from_shape_fn((rows, width), |(i, j)| {
        let shift = if i % CLASSES == j % CLASSES { 1.5 } else { 0.0 };
        (rng.random::<f64>() * 3.0 + shift + 5.0) as f32
    });
    let classes =
        (0..CLASSES).map(|c| (0..rows as u32).filter(move |i| *i as usize % CLASSES == c));
    (values, classes.map(Iterator::collect).collect())
}

/// The same coordinates, held and computed.
fn both<'t>(values: &'t Array2<f32>, classes: &[Vec<u32>], rank: usize) -> [AffineRows<'t>; 2] {
    let table = Table::F32(values.view());
    let basis = if rank == 0 {
        Basis::unrotated(table, &classes.concat(), Scale::Standardised)
    } else {
        Basis::fit(table, &classes.concat(), Scale::Standardised, rank).unwrap()
    };
    [usize::MAX, 0].map(|memory| basis.coordinates_within(table, classes, memory))
}

fn all(rows: &AffineRows<'_>) -> Vec<f64> {
    (0..rows.classes()).flat_map(|c| rows.class(c).into_owned()).collect()
}

fn close(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * (1.0 + a.abs()))
}

proptest! {
    #![proptest_config(cases(32))]

    #[test]
    fn are_the_same_rows(seed: u64, rows in 4usize..600, width in 2usize..9, rank in 0usize..5) {
        let (values, classes) = task(seed, rows, width);
        let [held, computed] = both(&values, &classes, rank);
        // Rows that are held are read as coordinates, others as features.
        prop_assert_eq!((held.input_width(), computed.input_width()), (held.width(), width));
        prop_assert!(close(&all(&held), &all(&computed), 1e-12));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ 1);
        let weight = Matrix::from_fn(3, held.width(), |_, _| rng.random::<f64>() - 0.5);
        let bias = [0.5, -1.0, 2.0];
        let [a, b] = [&held, &computed].map(|rows| rows.affine(&weight, &bias).scaled(0.7, &bias));
        prop_assert!(close(&all(&a), &all(&b), 1e-12));
        let mut blocks = Vec::new();
        b.for_each_block(100, |start, block| {
            assert_eq!(start * 3, blocks.len());
            blocks.extend(block.row_iter().flat_map(|row| row.iter().copied()));
        });
        prop_assert!(close(&all(&a), &blocks, 1e-12));
        let picked: Vec<u32> = (0..rows as u32).rev().step_by(3).collect();
        prop_assert!(close(a.gather(&picked).values(), b.gather(&picked).values(), 1e-12));
        prop_assert!(close(a.means().values(), b.means().values(), 1e-12));
        // A map of a map, undone: what is lifted gives the same logits of the rows as they are
        // read.
        let outer = Matrix::from_fn(2, 3, |_, _| rng.random::<f64>() - 0.5);
        let lifted = b.lift(outer.view(), &[1.0, 2.0]).unwrap();
        let mut inputs = Matrix::default();
        let read = b.inputs(0, rows, &mut inputs);
        let read = Matrix::from_fn(rows, width, |i, j| read[(i, j)]);
        let wanted = a.affine(&outer, &[1.0, 2.0]);
        let found = read.affine(&lifted.weight, &lifted.bias);
        prop_assert!(close(&all(&wanted), found.values(), 1e-11));
    }

    #[test]
    fn give_the_same_head(seed: u64, rows in 40usize..900, rank in 0usize..5) {
        let (values, classes) = task(seed, rows, 6);
        let heads = both(&values, &classes, rank).map(|rows| {
            let mut head = LinearHead::zeros(CLASSES, rows.width());
            let pool = Parallelism::Pool;
            logistic::fit(&mut head, &rows, &rows.prior(), 0.05, 1e-9, pool).unwrap();
            head
        });
        prop_assert!(close(heads[0].weight.values(), heads[1].weight.values(), 1e-6));
    }
}

/// A step's gradient is that of the coordinates, not of the rows as they are read.
#[test]
fn give_the_same_descent() {
    let (source, source_classes) = task(1, 400, 7);
    let (target, target_classes) = task(2, 300, 7);
    let each: Vec<u32> = (0..CLASSES as u32).collect();
    let map = LabelMap::one_hot(&each, CLASSES);
    let found = [0, 1].map(|mode| {
        let source = &both(&source, &source_classes, 4)[mode];
        let target = &both(&target, &target_classes, 4)[mode];
        let mut maps = Maps::constant(&source.prior(), source.width(), target.width());
        // Not from zero weights: there many moves cost the same, and rounding decides.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(4);
        for map in [&mut maps.source, &mut maps.target] {
            map.weight.values_mut().iter_mut().for_each(|w| *w = rng.random::<f64>() - 0.5);
        }
        let schedule =
            Schedule { l2: 0.1, steps: 20, first_rate: 0.03, last_rate: 0.01, averaged: 0.25 };
        let places = |rows: &AffineRows<'_>| {
            (0..CLASSES).map(|c| (0..rows.count(c) as u32).collect()).collect()
        };
        let drawn = Part { source: places(source), target: places(target) };
        JointDescent::new(
            source,
            target,
            drawn,
            &map,
            HeadUse::Learned,
            5,
            Parallelism::Sequential,
        )
        .run(&mut maps, schedule)
        .unwrap();
        let logits = (maps.source.class_logits(source), maps.target.class_logits(target));
        let bound = {
            let sequential = Parallelism::Sequential;
            evaluate(&logits.0, &logits.1, &map, Ground::Margin, sequential).unwrap().bound()
        };
        (maps, bound)
    });
    assert!(close(found[0].0.target.weight.values(), found[1].0.target.weight.values(), 1e-9));
    assert!(close(found[0].0.source.weight.values(), found[1].0.source.weight.values(), 1e-9));
    assert!((found[0].1 - found[1].1).abs() < 1e-9);
}

/// Parts of a sum are added in the same order, whichever thread computed them.
#[test]
fn threads_change_no_bit() {
    let (values, classes) = task(3, 40_000, 16);
    let [held, computed] = both(&values, &classes, 0);
    for rows in [held, computed] {
        let fit = |parallelism| {
            let mut head = LinearHead::zeros(CLASSES, rows.width());
            logistic::fit(&mut head, &rows, &rows.prior(), 0.01, 1e-6, parallelism).unwrap();
            head
        };
        let alone = fit(Parallelism::Sequential);
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| fit(Parallelism::Pool)), alone);
        }
    }
}

/// Candidates that run side by side are compared in the same order.
#[test]
fn threads_change_no_bit_of_a_bound() {
    let (source, source_classes) = task(6, 900, 8);
    let (target, mut target_classes) = task(7, 500, 8);
    target_classes.truncate(CLASSES - 1);
    let labelled = |values: &'static Array2<f32>, classes: &[Vec<u32>]| LabelledRows {
        table: Table::F32(values.view()),
        fit: classes.to_vec(),
        evaluation: classes.to_vec(),
    };
    let source = labelled(Box::leak(Box::new(source)), &source_classes);
    let target = labelled(Box::leak(Box::new(target)), &target_classes);
    let bound = |parallelism| {
        let settings = Settings { parallelism, ..Settings::default() };
        transfer_bound(&source, &target, &settings).unwrap()
    };
    let alone = bound(Parallelism::Sequential);
    assert!(alone.bound < alone.trivial_loss);
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| bound(Parallelism::Pool)), alone);
    }
}
