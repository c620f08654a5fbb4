//! Joint descent on the margin bound: head and target map together.
//!
//! With the margin cost, source logits `W z + b` and target logits `Q x + q` are two free affine
//! maps (any `Q` extends to an invertible feature transform), and for fixed couplings the bound is
//! smooth in them but for a max. Each step draws a small batch of rows for every target class, as
//! many source rows as target rows, couples them exactly (an assignment problem of that size) and
//! takes one Adam step on the batch's bound plus an L2 penalty.
//!
//! Source classes that stand for one target class, and for no other, descend as one: whatever the
//! head told apart among them would move rows for nothing, since confusing them costs nothing.
//! They start with logits that differ by constants, and every step changes them alike.
//!
//! Small batches are not a compromise. The bound on new rows contains the cost of matching two
//! finite samples; a batch has that cost in it, whereas couplings of all fit rows learn the rows'
//! own noise. Measured on the LeNet pairs of this project, batches of 20 reach a lower bound on new
//! rows than couplings of all 200 rows a class, in a tenth of the time.

use crate::bound::certificate::Joint;
use crate::bound::search::problem::shares;
use crate::bound::solution::{Maps, Part};
use crate::bound::LabelMap;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::estimators::head::softmax::softmax_rows;
use crate::estimators::head::{log_sum_exp, LinearHead};
use crate::linalg::Matrix;
use crate::parallelism::Parallelism;
use crate::rows::AffineRows;
use crate::sampling::{generator, Stream};
use crate::transport::costs::ground_cost::{margin_classes, margin_matrix, MarginClasses};
use crate::transport::exact::assignment;
use crate::transport::TransportError;

/// Rows of each side that a batch has for one target class.
const ROWS_PER_CLASS: usize = 20;
/// Target classes in one batch; with more, batches take turns.
const CLASSES_PER_BATCH: usize = 24;
/// The head is penalised this much less than the target map: it is the target map that overfits.
const HEAD_PENALTY: f64 = 0.1;

/// How long and how far a descent goes.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub l2: f64,
    pub steps: usize,
    /// Step size at the start; it falls linearly to `last_rate`.
    pub first_rate: f64,
    pub last_rate: f64,
    /// Share of the steps, the last ones, whose maps are averaged: single batches make the maps
    /// jump, and affine maps average to an affine map (Polyak and Juditsky, 1992).
    pub averaged: f64,
}

/// What becomes of the head in a descent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadUse {
    /// The head is learned with the target map.
    Learned,
    /// The head stays as it is, and the source rows are its logits.
    Fixed,
}

/// A descent in progress: rows, draws and Adam's moments.
pub struct JointDescent<'a, 't> {
    source: &'a AffineRows<'t>,
    target: &'a AffineRows<'t>,
    label_map: &'a LabelMap,
    joint: Joint,
    /// Source classes that descend as one.
    tied: Vec<Vec<u32>>,
    target_prior: Vec<f64>,
    head: HeadUse,
    rng: Xoshiro256PlusPlus,
    source_decks: Vec<Deck>,
    target_decks: Vec<Deck>,
    class_deck: Deck,
    source_adam: Adam,
    target_adam: Adam,
    iteration: i32,
    /// Target classes in one batch.
    blocks: usize,
    arch: pulp::Arch,
    parallelism: Parallelism,
}

impl<'a, 't> JointDescent<'a, 't> {
    /// `drawn` are the places, within each class, of the rows to draw from. `label_map` is over the
    /// classes of `source`, all of which it uses. Every class has rows to draw, except target
    /// classes of no mass.
    #[must_use]
    pub fn new(
        source: &'a AffineRows<'t>,
        target: &'a AffineRows<'t>,
        drawn: Part,
        label_map: &'a LabelMap,
        head: HeadUse,
        seed: u64,
        parallelism: Parallelism,
    ) -> Self {
        let present: Vec<u32> =
            (0..).zip(&drawn.target).filter(|(_, rows)| !rows.is_empty()).map(|(y, _)| y).collect();
        let classes = source.classes();
        let blocks = present.len().min(CLASSES_PER_BATCH);
        let target_prior = shares(&drawn.target);
        let decks = |classes: Vec<Vec<u32>>| classes.into_iter().map(Deck::of).collect();
        Self {
            source,
            target,
            label_map,
            joint: Joint::new(label_map, &target_prior),
            tied: label_map.tied_classes(),
            target_prior,
            head,
            rng: generator(seed, Stream::BoundBatches),
            source_decks: decks(drawn.source),
            target_decks: decks(drawn.target),
            class_deck: Deck::of(present),
            source_adam: Adam::new(classes * (source.width() + 1)),
            target_adam: Adam::new(classes * (target.width() + 1)),
            iteration: 0,
            blocks,
            arch: pulp::Arch::new(),
            parallelism,
        }
    }

    /// Descend from `maps`, in place, to the mean of the last maps.
    ///
    /// # Errors
    /// The assignment solver's, if logits overflow.
    pub fn run(&mut self, maps: &mut Maps, schedule: Schedule) -> Result<(), TransportError> {
        let unaveraged = ((1.0 - schedule.averaged) * schedule.steps as f64) as usize;
        let mut mean: Option<Maps> = None;
        let batch = &mut self.batch();
        for step in 0..schedule.steps {
            let done = step as f64 / schedule.steps as f64;
            let rate = schedule.first_rate + done * (schedule.last_rate - schedule.first_rate);
            self.draw(batch);
            self.parallelism.join(
                || {
                    let logits = &mut batch.source_logits;
                    if self.head == HeadUse::Fixed {
                        *logits = self.source.gather(&batch.source_rows);
                    } else {
                        self.source.copy_inputs(&batch.source_rows, &mut batch.source);
                        set_to_logits(logits, &maps.source, self.source, &batch.source);
                    }
                },
                || {
                    let logits = &mut batch.target_logits;
                    self.target.copy_inputs(&batch.target_rows, &mut batch.target);
                    set_to_logits(logits, &maps.target, self.target, &batch.target);
                },
            );
            batch.set_slopes(self.arch, self.parallelism)?;
            tie(&mut batch.source_slopes, &self.tied);
            tie(&mut batch.target_slopes, &self.tied);
            self.iteration += 1;
            let pace = Pace { rate, iteration: self.iteration };
            self.parallelism.join(
                || {
                    if self.head == HeadUse::Learned {
                        let adam = &mut self.source_adam;
                        let rows = (self.source, &batch.source);
                        let l2 = HEAD_PENALTY * schedule.l2;
                        adam.set_gradient(&maps.source, rows, &batch.source_slopes, l2);
                        adam.step(&mut maps.source, pace, self.arch);
                    }
                },
                || {
                    let adam = &mut self.target_adam;
                    let rows = (self.target, &batch.target);
                    adam.set_gradient(&maps.target, rows, &batch.target_slopes, schedule.l2);
                    adam.step(&mut maps.target, pace, self.arch);
                },
            );
            match &mut mean {
                Some(mean) => mean.approach(maps, 1.0 / (step - unaveraged + 1) as f64),
                None if step == unaveraged => mean = Some(maps.clone()),
                None => {}
            }
        }
        if let Some(mean) = mean {
            *maps = mean;
        }
        Ok(())
    }

    /// A batch to be drawn.
    fn batch(&self) -> Batch {
        let [source, target] = [self.source, self.target].map(AffineRows::input_width);
        Batch::new(self.blocks, self.source.classes(), source, target)
    }

    fn draw(&mut self, batch: &mut Batch) {
        let classes = batch.blocks.len();
        let share = self.class_deck.len() as f64 / classes as f64;
        for at in 0..classes {
            let y = self.class_deck.draw(&mut self.rng) as usize;
            let weights = self.label_map.row(y);
            let start = unit(&mut self.rng);
            let (mut c, mut reached) = (0, weights[0]);
            for slot in 0..ROWS_PER_CLASS {
                let row = at * ROWS_PER_CLASS + slot;
                // Systematic sampling: every source class gets its share of slots, rounded.
                let position = (slot as f64 + start) / ROWS_PER_CLASS as f64;
                while position >= reached && c + 1 < weights.len() {
                    c += 1;
                    reached += weights[c];
                }
                let drawn = usable_class(weights, c);
                batch.source_class[row] = drawn as u32;
                batch.source_rows[row] =
                    self.source.start(drawn) as u32 + self.source_decks[drawn].draw(&mut self.rng);
                batch.target_rows[row] =
                    self.target.start(y) as u32 + self.target_decks[y].draw(&mut self.rng);
            }
            let block = &mut batch.blocks[at];
            block.weight = share * self.target_prior[y] / ROWS_PER_CLASS as f64;
            block.support.clear();
            block.support.extend((0..weights.len() as u32).filter(|&c| weights[c as usize] > 0.0));
            block.shares.clear();
            let shares = block.support.iter().map(|&c| self.joint.share(y, c as usize));
            block.shares.extend(shares);
        }
    }
}

/// `drawn` are some of `rows` as they are read.
fn set_to_logits(logits: &mut Matrix, map: &LinearHead, rows: &AffineRows<'_>, drawn: &Matrix) {
    let lifted = rows.lift(map.weight.view(), &map.bias);
    let (weight, bias) =
        lifted.as_ref().map_or((&map.weight, &map.bias), |map| (&map.weight, &map.bias));
    logits.set_to_affine(drawn.view(), weight, bias);
}

/// `c`, or the last class before it that has weight: rounding at the end of a cumulative sum may
/// run past the last class in use.
fn usable_class(weights: &[f64], c: usize) -> usize {
    (0..=c).rev().find(|&k| weights[k] > 0.0).unwrap_or(c)
}

/// Uniform in [0, 1).
fn unit(rng: &mut Xoshiro256PlusPlus) -> f64 {
    use rand::RngExt;
    rng.random()
}

/// Rows of one class in random order, drawn without replacement and shuffled again when used up, so
/// that small classes are used evenly.
struct Deck {
    order: Vec<u32>,
    next: usize,
}

impl Deck {
    fn of(order: Vec<u32>) -> Self {
        let next = order.len();
        Self { order, next }
    }

    fn len(&self) -> usize {
        self.order.len()
    }

    fn draw(&mut self, rng: &mut Xoshiro256PlusPlus) -> u32 {
        if self.next == self.order.len() {
            self.order.shuffle(rng);
            self.next = 0;
        }
        self.next += 1;
        self.order[self.next - 1]
    }
}

/// One batch: `ROWS_PER_CLASS` rows of each side per block, a block per target class. Its memory
/// serves all steps.
struct Batch {
    source_rows: Vec<u32>,
    target_rows: Vec<u32>,
    source: Matrix,
    target: Matrix,
    source_class: Vec<u32>,
    blocks: Vec<ClassBatch>,
    source_logits: Matrix,
    target_logits: Matrix,
    /// Derivatives of the batch's bound in the logits.
    source_slopes: Matrix,
    target_slopes: Matrix,
}

#[derive(Clone, Default)]
struct ClassBatch {
    /// Weight of one row: class weight over rows.
    weight: f64,
    /// The source classes that stand for the target class.
    support: Vec<u32>,
    /// How much of each of them plays it.
    shares: Vec<f64>,
}

impl Batch {
    fn new(blocks: usize, classes: usize, source_width: usize, target_width: usize) -> Self {
        let rows = blocks * ROWS_PER_CLASS;
        let logits = Matrix::zeros(rows, classes);
        Self {
            source_rows: vec![0; rows],
            target_rows: vec![0; rows],
            source: Matrix::zeros(rows, source_width),
            target: Matrix::zeros(rows, target_width),
            source_class: vec![0; rows],
            blocks: vec![ClassBatch::default(); blocks],
            source_logits: logits.clone(),
            target_logits: logits.clone(),
            source_slopes: logits.clone(),
            target_slopes: logits,
        }
    }

    fn set_slopes(
        &mut self,
        arch: pulp::Arch,
        parallelism: Parallelism,
    ) -> Result<(), TransportError> {
        let k = self.source_logits.ncols();
        let size = ROWS_PER_CLASS * k;
        let mut pieces: Vec<Piece<'_>> = self
            .blocks
            .iter()
            .zip(self.source_class.chunks_exact(ROWS_PER_CLASS))
            .zip(self.source_logits.values().chunks_exact(size))
            .zip(self.target_logits.values().chunks_exact(size))
            .zip(self.source_slopes.values_mut().chunks_exact_mut(size))
            .zip(self.target_slopes.values_mut().chunks_exact_mut(size))
            .map(|(((((block, class), source), target), source_slopes), target_slopes)| Piece {
                block,
                class,
                source,
                target,
                source_slopes,
                target_slopes,
                outcome: Ok(()),
            })
            .collect();
        parallelism.for_each(&mut pieces, |_, piece| piece.outcome = piece.set_slopes(arch, k));
        pieces.into_iter().try_for_each(|piece| piece.outcome)
    }
}

/// One target class's part of a batch.
struct Piece<'a> {
    block: &'a ClassBatch,
    class: &'a [u32],
    source: &'a [f64],
    target: &'a [f64],
    source_slopes: &'a mut [f64],
    target_slopes: &'a mut [f64],
    outcome: Result<(), TransportError>,
}

impl Piece<'_> {
    fn set_slopes(&mut self, arch: pulp::Arch, k: usize) -> Result<(), TransportError> {
        let ClassBatch { weight, support, shares } = self.block;
        let class_of = |i: usize| self.class[i] as usize;
        self.source_slopes.copy_from_slice(self.source);
        softmax_rows(arch, self.source_slopes, k, class_of, |_, _| {});
        for (i, slopes) in self.source_slopes.chunks_exact_mut(k).enumerate() {
            if support.len() == 1 {
                slopes[class_of(i)] -= 1.0;
            } else {
                subtract_standing(slopes, &self.source[i * k..(i + 1) * k], support, shares);
            }
            for s in slopes {
                *s *= weight;
            }
        }
        self.target_slopes.fill(0.0);
        let cost = margin_matrix(self.source, self.target, k, support);
        let column_of = assignment::assign(&cost, ROWS_PER_CLASS)?;
        for (i, j) in column_of.into_iter().enumerate() {
            let (i, j) = (i * k, j as usize * k);
            let (source, target) = (&self.source[i..i + k], &self.target[j..j + k]);
            let MarginClasses { high, low } = margin_classes(source, target, support);
            self.target_slopes[j + high] += weight;
            self.target_slopes[j + low] -= weight;
            self.source_slopes[i + high] -= weight;
            self.source_slopes[i + low] += weight;
        }
        Ok(())
    }
}

/// Gives each of the columns of a group the sum of all, which is the slope of what they share.
fn tie(slopes: &mut Matrix, groups: &[Vec<u32>]) {
    if groups.is_empty() {
        return;
    }
    for row in slopes.rows_mut() {
        for group in groups {
            let sum: f64 = group.iter().map(|&c| row[c as usize]).sum();
            for &c in group {
                row[c as usize] = sum;
            }
        }
    }
}

/// Subtracts from the slopes of a row what its loss has from the classes that stand for its label:
/// the probabilities of these classes given that it is one of them, weighed by their shares.
fn subtract_standing(slopes: &mut [f64], logits: &[f64], support: &[u32], shares: &[f64]) {
    let supported: Vec<f64> =
        support.iter().zip(shares).map(|(&c, share)| logits[c as usize] + share.ln()).collect();
    let normaliser = log_sum_exp(&supported);
    for (&c, s) in support.iter().zip(supported) {
        slopes[c as usize] -= (s - normaliser).exp();
    }
}

/// Adam's moment estimates (Kingma and Ba, arXiv 1412.6980) of one map, and the gradient they
/// follow. Parameters are in the order weights, biases.
struct Adam {
    gradient: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Adam {
    /// The decay of the mean gradient, as published, and that of its square, which is shorter than
    /// the published 0.999 because descents have some hundred steps.
    const FIRST_DECAY: f64 = 0.9;
    const SECOND_DECAY: f64 = 0.99;

    fn new(size: usize) -> Self {
        Self { gradient: vec![0.0; size], first: vec![0.0; size], second: vec![0.0; size] }
    }

    /// Sets the gradient of the penalised loss from its slopes in the logits of drawn rows.
    fn set_gradient(
        &mut self,
        map: &LinearHead,
        (rows, drawn): (&AffineRows<'_>, &Matrix),
        slopes: &Matrix,
        l2: f64,
    ) {
        let (weight, bias) = self.gradient.split_at_mut(map.weight.values().len());
        bias.fill(0.0);
        for row in slopes.rows() {
            for (b, s) in bias.iter_mut().zip(row) {
                *b += s;
            }
        }
        let product = slopes.transposed_times(drawn);
        let product = rows.lower(product.view(), bias).unwrap_or(product);
        for ((g, p), w) in weight.iter_mut().zip(product.values()).zip(map.weight.values()) {
            *g = p + l2 * w;
        }
    }

    fn step(&mut self, map: &mut LinearHead, pace: Pace, arch: pulp::Arch) {
        let size = map.weight.values().len();
        let (first_weight, first_bias) = self.first.split_at_mut(size);
        let (second_weight, second_bias) = self.second.split_at_mut(size);
        let (weight, bias) = self.gradient.split_at(size);
        let scales = StepScales {
            first: pace.rate / (1.0 - Self::FIRST_DECAY.powi(pace.iteration)),
            second: 1.0 / (1.0 - Self::SECOND_DECAY.powi(pace.iteration)),
        };
        for (parameters, gradient, first, second) in [
            (map.weight.values_mut(), weight, first_weight, second_weight),
            (&mut map.bias[..], bias, first_bias, second_bias),
        ] {
            arch.dispatch(|| descend(parameters, gradient, first, second, scales));
        }
    }
}

/// How far a step goes, and which one it is.
#[derive(Clone, Copy)]
struct Pace {
    rate: f64,
    iteration: i32,
}

/// Factors of the first and the second moment in a step.
#[derive(Clone, Copy)]
struct StepScales {
    first: f64,
    second: f64,
}

/// One of Adam's steps: plain arithmetic, to be compiled for the widest vectors that the processor
/// has.
#[inline(always)]
fn descend(
    parameters: &mut [f64],
    gradient: &[f64],
    first: &mut [f64],
    second: &mut [f64],
    scales: StepScales,
) {
    let moments = first.iter_mut().zip(second);
    for ((p, g), (m, v)) in parameters.iter_mut().zip(gradient).zip(moments) {
        *m = Adam::FIRST_DECAY * *m + (1.0 - Adam::FIRST_DECAY) * g;
        *v = Adam::SECOND_DECAY * *v + (1.0 - Adam::SECOND_DECAY) * g * g;
        *p -= *m * scales.first / ((*v * scales.second).sqrt() + 1e-12);
    }
}
