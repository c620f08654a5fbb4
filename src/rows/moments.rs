//! Second moments per class, as a value that merges: made for each file or row group, merged in any
//! order, and scored later without the rows.
//!
//! Every part is centred where it is made (two passes) and moved to the common centre when merged
//! (Chan, Golub and LeVeque 1979). Class means are floats, so each digit by which the mean exceeds
//! the spread costs one digit of how far classes are apart: merged or not, scores of features at
//! 1e6 times their spread are right to ten digits or so. Uncentred sums of products would lose two
//! for each.

use std::ops::RangeInclusive;

use thiserror::Error;

use crate::linalg::gram::{add_gram, mirror_lower, GramSum, Scatter};
use crate::linalg::matrix::dot_in_order;
use crate::linalg::Matrix;
use crate::rows::{ClassedTable, Table};

/// Why moments cannot be merged or built.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum MomentsError {
    #[error(
        "the moments have width {left} and {right}; only moments of embeddings of one width merge"
    )]
    Width { left: usize, right: usize },
    #[error("only one side has a scatter per class")]
    ClassScatter,
    #[error(
        "{found} class numbers for {expected} classes; give one for each class of the merged part"
    )]
    MapLength { found: usize, expected: usize },
    #[error(
        "two classes of the merged part are both numbered {class}; each needs a number of its own"
    )]
    MapRepeats { class: usize },
    #[error(
        "no rows for class {class}; new classes must be numbered on from the existing ones, \
        without gaps"
    )]
    MapGap { class: usize },
    #[error("the field `{field}` has {found} entries, but {expected} are needed")]
    Shape { field: &'static str, found: usize, expected: usize },
    #[error("the field `{field}` has entry {value} at {index}; {needed}")]
    Value { field: &'static str, index: usize, value: f64, needed: &'static str },
    #[error(
        "means and spreads are up to {largest:e} in size, but must lie between {:e} and {:e} for \
         powers of them to be floats; scale the embeddings",
        SIZES.start(),
        SIZES.end()
    )]
    Size { largest: f64 },
    #[error("the scatters of the classes in `class_within` do not add up to `within`")]
    Sum,
    #[error("the counts add up to more rows than 2^53, which no float counts")]
    Count,
}

/// What means and spreads may be for their fourth powers, and sums of these over rows, to be
/// floats.
const SIZES: RangeInclusive<f64> = 1e-75..=1e75;
/// The largest sum of third and fourth powers over rows.
const LARGEST_SUM: f64 = 1e304;
/// How far stored sums may be off for having been rounded on the way.
const SUM_TOLERANCE: f64 = 1e-6;

/// Whether classes keep scatters of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassScatters {
    /// Only the sum over all classes is kept.
    Pooled,
    /// Each class keeps its own: `C d^2 / 2` numbers.
    Kept,
}

impl ClassScatters {
    /// Scatters that are kept or not.
    #[must_use]
    pub fn kept_if(per_class: bool) -> Self {
        if per_class {
            Self::Kept
        } else {
            Self::Pooled
        }
    }
}

/// Counts, means and scatters of classes, and what the Ledoit-Wolf shrinkage needs besides.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    counts: Vec<u64>,
    means: Matrix,
    within: Scatter,
    class_within: Option<Vec<Scatter>>,
    cubic: Vec<f64>,
    quartic: f64,
}

impl Moments {
    /// The moments of the rows; where classes keep their own scatters (`C d^2 / 2` numbers),
    /// which `TransRate` and GBC need.
    ///
    /// Time `O(n d^2)`, memory `O(d^2)` plus what is kept.
    #[must_use]
    pub fn of(input: ClassedTable<'_>, scatters: ClassScatters) -> Self {
        let per_class = scatters == ClassScatters::Kept;
        let width = input.table.width();
        let mut means = Matrix::zeros(input.classes.len(), width);
        for (rows, mean) in input.classes.iter().zip(means.rows_mut()) {
            mean.copy_from_slice(&mean_of(input.table, rows));
        }
        let counts: Vec<u64> = input.classes.iter().map(|rows| rows.len() as u64).collect();
        let centre = weighted_mean(&counts, &means);

        let mut sum = GramSum::new(width);
        let mut pooled = Scatter::zeros(if per_class { width } else { 0 });
        let mut class_within = per_class.then(Vec::new);
        let (mut cubic, mut quartic) = (vec![0.0; width], 0.0);
        let arch = pulp::Arch::new();
        for (rows, mean) in input.classes.iter().zip(means.rows()) {
            for &row in rows {
                sum.push(|out| {
                    input.table.copy_row(row as usize, out);
                    let cubic = &mut cubic;
                    quartic += arch.dispatch(|| add_tails(out, &centre, cubic));
                    arch.dispatch(|| subtract(out, mean));
                });
            }
            if let Some(kept) = &mut class_within {
                let scatter = Scatter::from_lower(sum.lower());
                pooled.add(&scatter);
                kept.push(scatter);
                sum.clear();
            }
        }
        let within = if per_class { pooled } else { Scatter::from_square(sum.into_lower()) };
        Self { counts, means, within, class_within, cubic, quartic }
    }

    /// Makes moments of stored fields, which are those that the getters return.
    ///
    /// # Errors
    /// A field has the wrong length, a class has no rows, an entry is not finite or out of range, a
    /// sum of squares is negative, or sums do not fit each other.
    pub fn from_parts(
        counts: Vec<u64>,
        means: Matrix,
        within: Vec<f64>,
        class_within: Option<Vec<Vec<f64>>>,
        cubic: Vec<f64>,
        quartic: f64,
    ) -> Result<Self, MomentsError> {
        let width = means.ncols();
        check_length("means", means.nrows(), counts.len().max(1))?;
        check_length("cubic", cubic.len(), width)?;
        if let Some(index) = counts.iter().position(|&count| count == 0) {
            let needed = "leave classes without rows out";
            return Err(MomentsError::Value { field: "counts", index, value: 0.0, needed });
        }
        check_finite("means", means.values())?;
        check_finite("cubic", &cubic)?;
        check_finite("quartic", &[quartic])?;
        check_squares("quartic", &[quartic])?;
        let within = checked_scatter("within", width, within)?;
        let class_within = class_within
            .map(|scatters| {
                check_length("class_within", scatters.len(), counts.len())?;
                scatters.into_iter().map(|s| checked_scatter("class_within", width, s)).collect()
            })
            .transpose()?;
        let moments = Self { counts, means, within, class_within, cubic, quartic };
        moments.check_sizes()?;
        moments.check_sums()?;
        Ok(moments)
    }

    fn check_sizes(&self) -> Result<(), MomentsError> {
        let spreads = self.within.diagonal().into_iter().map(f64::sqrt);
        let sizes = self.means.values().iter().map(|v| v.abs()).chain(spreads);
        let largest = sizes.fold(0.0, f64::max);
        if largest != 0.0 && !SIZES.contains(&largest) {
            return Err(MomentsError::Size { largest });
        }
        let needed = "no sum over rows whose powers are floats is that large; scale the embeddings";
        check_each("cubic", &self.cubic, |v| v.abs() <= LARGEST_SUM, needed)?;
        check_each("quartic", &[self.quartic], |v| v <= LARGEST_SUM, needed)
    }

    fn check_sums(&self) -> Result<(), MomentsError> {
        let count = self.counts.iter().try_fold(0_u64, |sum, &count| sum.checked_add(count));
        if count.is_none_or(|count| count > 1 << f64::MANTISSA_DIGITS) {
            return Err(MomentsError::Count);
        }
        let whole = self.within.trace();
        let parts = self.class_within.iter().map(|all| all.iter().map(Scatter::trace).sum::<f64>());
        let mut differences = parts.map(|parts| (parts - whole).abs());
        if differences.any(|difference| difference > SUM_TOLERANCE * whole) {
            return Err(MomentsError::Sum);
        }
        Ok(())
    }

    /// The moments of both parts' rows together. Classes of `self` keep their numbers; class `c` of
    /// `other` becomes class `into[c]`, which may be new.
    ///
    /// Time `O(C d^2)`.
    ///
    /// # Errors
    /// The widths differ, only one part has a scatter per class, or `into` does not number the
    /// classes.
    pub fn merge(&self, other: &Self, into: &[usize]) -> Result<Self, MomentsError> {
        let classes = self.merged_classes(other, into)?;
        let width = self.width();
        let mut merged = Self {
            counts: vec![0; classes],
            means: Matrix::zeros(classes, width),
            within: self.within.clone(),
            class_within: self.class_within.clone(),
            cubic: Vec::new(),
            quartic: 0.0,
        };
        merged.counts[..self.classes()].copy_from_slice(&self.counts);
        merged.means.values_mut()[..self.classes() * width].copy_from_slice(self.means.values());
        merged.within.add(&other.within);
        if let Some(kept) = &mut merged.class_within {
            kept.resize(classes, Scatter::zeros(width));
        }
        for (class, &at) in into.iter().enumerate() {
            merged.add_class(at, other, class);
        }
        let centre = merged.mean();
        let (mut cubic, quartic) = self.tails_about(&centre);
        let (other_cubic, other_quartic) = other.tails_about(&centre);
        for (sum, v) in cubic.iter_mut().zip(&other_cubic) {
            *sum += v;
        }
        Ok(Self { cubic, quartic: quartic + other_quartic, ..merged })
    }

    /// How many classes a merge has.
    fn merged_classes(&self, other: &Self, into: &[usize]) -> Result<usize, MomentsError> {
        if self.width() != other.width() {
            return Err(MomentsError::Width { left: self.width(), right: other.width() });
        }
        if self.class_within.is_some() != other.class_within.is_some() {
            return Err(MomentsError::ClassScatter);
        }
        if into.len() != other.classes() {
            return Err(MomentsError::MapLength { found: into.len(), expected: other.classes() });
        }
        let mut numbers = into.to_vec();
        numbers.sort_unstable();
        if let Some(pair) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(MomentsError::MapRepeats { class: pair[0] });
        }
        let mut classes = self.classes();
        for number in numbers {
            match number {
                new if new > classes => return Err(MomentsError::MapGap { class: classes }),
                next if next == classes => classes += 1,
                _ => {}
            }
        }
        Ok(classes)
    }

    /// Put a class of `other` into class `at`, whose scatter the pooled one already has.
    fn add_class(&mut self, at: usize, other: &Self, class: usize) {
        let (here, there) = (self.counts[at] as f64, other.counts[class] as f64);
        let difference = minus(other.means.row(class), self.means.row(at));
        let weight = here * there / (here + there);
        if let Some(kept) = &mut self.class_within {
            if let Some(theirs) = &other.class_within {
                kept[at].add(&theirs[class]);
            }
            if here > 0.0 {
                kept[at].add_outer(weight, &difference);
            }
        }
        if here > 0.0 {
            self.within.add_outer(weight, &difference);
            for (mean, d) in self.means.row_mut(at).iter_mut().zip(&difference) {
                *mean += d * there / (here + there);
            }
        } else {
            self.means.row_mut(at).copy_from_slice(other.means.row(class));
        }
        self.counts[at] += other.counts[class];
    }

    /// `sum(|x - c|^2 (x - c))` and `sum(|x - c|^4)` about another centre `c`.
    ///
    /// With `e = mean - c`, `y = x - mean` and `T = sum(y y^T)`, expanding `|y + e|^2 (y + e)` and
    /// `|y + e|^4` and using `sum(y) = 0` gives
    /// `S3' = S3 + (tr T + n |e|^2) e + 2 T e` and
    /// `S4' = S4 + 4 e.S3 + 4 e^T T e + 2 |e|^2 tr T + n |e|^4`.
    fn tails_about(&self, centre: &[f64]) -> (Vec<f64>, f64) {
        let mean = self.mean();
        let e = minus(&mean, centre);
        let n = self.count() as f64;
        let mut te = self.within.times(&e);
        let mut trace = self.within.trace();
        for (&count, class_mean) in self.counts.iter().zip(self.means.rows()) {
            let offset = minus(class_mean, &mean);
            let along = count as f64 * dot_in_order(&offset, &e);
            for (sum, o) in te.iter_mut().zip(&offset) {
                *sum += along * o;
            }
            trace += count as f64 * dot_in_order(&offset, &offset);
        }
        let square = dot_in_order(&e, &e);
        let quartic = self.quartic
            + 4.0 * dot_in_order(&e, &self.cubic)
            + 4.0 * dot_in_order(&e, &te)
            + square * (2.0 * trace + n * square);
        let cubic = self
            .cubic
            .iter()
            .zip(e.iter().zip(&te))
            .map(|(s, (e, te))| s + (trace + n * square) * e + 2.0 * te)
            .collect();
        (cubic, quartic.max(0.0))
    }

    #[must_use]
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    #[must_use]
    pub fn width(&self) -> usize {
        self.means.ncols()
    }

    /// How many rows all classes have together.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Rows of each class.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Class means, `C x d`.
    #[must_use]
    pub fn means(&self) -> &Matrix {
        &self.means
    }

    /// Scatter about the class means, summed over classes.
    #[must_use]
    pub fn within(&self) -> &Scatter {
        &self.within
    }

    /// Each class's scatter about its mean, if kept.
    #[must_use]
    pub fn class_within(&self) -> Option<&[Scatter]> {
        self.class_within.as_deref()
    }

    /// `sum(|x - mean|^2 (x - mean))`.
    #[must_use]
    pub fn cubic(&self) -> &[f64] {
        &self.cubic
    }

    /// `sum(|x - mean|^4)`.
    #[must_use]
    pub fn quartic(&self) -> f64 {
        self.quartic
    }

    /// The mean of all rows.
    #[must_use]
    pub fn mean(&self) -> Vec<f64> {
        weighted_mean(&self.counts, &self.means)
    }

    /// Class means less the mean of all rows, `C x d`.
    #[must_use]
    pub fn offsets(&self) -> Matrix {
        let mean = self.mean();
        let mut offsets = self.means.clone();
        for row in offsets.rows_mut() {
            pulp::Arch::new().dispatch(|| subtract(row, &mean));
        }
        offsets
    }

    /// Scatter of all rows about their mean, both triangles.
    #[must_use]
    pub fn scatter(&self) -> Matrix {
        let mut between = self.offsets();
        for (&count, offset) in self.counts.iter().zip(between.rows_mut()) {
            let root = (count as f64).sqrt();
            offset.iter_mut().for_each(|v| *v *= root);
        }
        let mut scatter = self.within.lower();
        add_gram(&mut scatter, 1.0, between.view().transpose());
        mirror_lower(&mut scatter);
        scatter
    }
}

/// The number of each of `others` among `classes`, which gets those that it lacks: what
/// [`Moments::merge`] takes for classes that are told by name.
pub fn numbered_on<T: PartialEq>(
    classes: &mut Vec<T>,
    others: impl IntoIterator<Item = T>,
) -> Vec<usize> {
    let number = |class: T| {
        classes.iter().position(|own| *own == class).unwrap_or_else(|| {
            classes.push(class);
            classes.len() - 1
        })
    };
    others.into_iter().map(number).collect()
}

/// The mean of some rows. Taken about the first of them: a feature that does not vary gets exactly
/// its value, and a large offset costs no digits.
#[must_use]
pub fn mean_of(table: Table<'_>, rows: &[u32]) -> Vec<f64> {
    let mut first = vec![0.0; table.width()];
    let Some((&start, rest)) = rows.split_first() else {
        return first;
    };
    table.copy_row(start as usize, &mut first);
    let (mut sum, mut row) = (vec![0.0; first.len()], vec![0.0; first.len()]);
    for &at in rest {
        table.copy_row(at as usize, &mut row);
        for ((s, v), f) in sum.iter_mut().zip(&row).zip(&first) {
            *s += v - f;
        }
    }
    let n = rows.len() as f64;
    first.iter().zip(&sum).map(|(f, s)| f + s / n).collect()
}

/// The mean of all rows from class means, about the first of them.
fn weighted_mean(counts: &[u64], means: &Matrix) -> Vec<f64> {
    let Some(first) = means.rows().next() else {
        return vec![0.0; means.ncols()];
    };
    let n = counts.iter().sum::<u64>() as f64;
    let mut mean = first.to_vec();
    for (&count, row) in counts.iter().zip(means.rows()) {
        let share = count as f64 / n;
        for ((m, v), f) in mean.iter_mut().zip(row).zip(first) {
            *m += share * (v - f);
        }
    }
    mean
}

/// Add a row's `|x - centre|^2 (x - centre)`; returns its `|x - centre|^4`.
#[inline(always)]
fn add_tails(row: &[f64], centre: &[f64], cubic: &mut [f64]) -> f64 {
    /// Partial sums, so that one addition need not wait for the one before.
    const LANES: usize = 32;
    let mut sums = [0.0; LANES];
    let ((rows, row_rest), (centres, rest)) =
        (row.as_chunks::<LANES>(), centre.as_chunks::<LANES>());
    for (row, centre) in rows.iter().zip(centres) {
        for ((sum, v), c) in sums.iter_mut().zip(row).zip(centre) {
            *sum += (v - c) * (v - c);
        }
    }
    let rest = row_rest.iter().zip(rest).map(|(v, c)| (v - c) * (v - c));
    let square = sums.iter().sum::<f64>() + rest.sum::<f64>();
    for ((sum, v), c) in cubic.iter_mut().zip(row).zip(centre) {
        *sum += square * (v - c);
    }
    square * square
}

fn check_length(field: &'static str, found: usize, expected: usize) -> Result<(), MomentsError> {
    if found == expected {
        Ok(())
    } else {
        Err(MomentsError::Shape { field, found, expected })
    }
}

fn check_finite(field: &'static str, values: &[f64]) -> Result<(), MomentsError> {
    check_each(field, values, |v| v.is_finite(), "it must be finite")
}

fn check_squares(field: &'static str, values: &[f64]) -> Result<(), MomentsError> {
    check_each(field, values, |v| v >= 0.0, "a sum of squares cannot be negative")
}

fn check_each(
    field: &'static str,
    values: &[f64],
    good: impl Fn(f64) -> bool,
    needed: &'static str,
) -> Result<(), MomentsError> {
    match values.iter().position(|&v| !good(v)) {
        None => Ok(()),
        Some(index) => Err(MomentsError::Value { field, index, value: values[index], needed }),
    }
}

fn checked_scatter(
    field: &'static str,
    width: usize,
    packed: Vec<f64>,
) -> Result<Scatter, MomentsError> {
    check_finite(field, &packed)?;
    let found = packed.len();
    let scatter = Scatter::from_packed(width, packed).ok_or(MomentsError::Shape {
        field,
        found,
        expected: width * (width + 1) / 2,
    })?;
    let diagonal = scatter.diagonal();
    check_squares(field, &diagonal)?;
    let largest = |i: usize, j: usize| diagonal[i].sqrt() * diagonal[j].sqrt();
    let places = (0..width).flat_map(|i| (0..=i).map(move |j| (i, j)));
    let excess = scatter
        .packed()
        .iter()
        .zip(places)
        .position(|(value, (i, j))| value.abs() > (1.0 + SUM_TOLERANCE) * largest(i, j));
    match excess {
        None => Ok(scatter),
        Some(index) => {
            let needed = "no products of rows add up to more than the roots of their squares";
            Err(MomentsError::Value { field, index, value: scatter.packed()[index], needed })
        }
    }
}

fn minus(left: &[f64], right: &[f64]) -> Vec<f64> {
    left.iter().zip(right).map(|(a, b)| a - b).collect()
}

/// Take the mean out of a row.
#[inline(always)]
fn subtract(row: &mut [f64], mean: &[f64]) {
    for (v, m) in row.iter_mut().zip(mean) {
        *v -= m;
    }
}
