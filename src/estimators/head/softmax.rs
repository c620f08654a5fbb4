//! Softmax of whole blocks of logits. The exponentials take most of the time of a loss with few
//! classes, so they are computed here for many logits at once, in plain arithmetic that the
//! compiler turns into the widest vectors that the processor has.

/// Below this the exponential is taken for the smallest normal number's: nothing is lost beside the
/// 1 that the largest logit of a row contributes.
const LOWEST: f64 = -708.0;

/// Turn each row of `classes` logits into its softmax, in place, and call
/// `row(i, normaliser - logit of class_of(i))` with the loss of each row against its class.
pub fn softmax_rows(
    arch: pulp::Arch,
    logits: &mut [f64],
    classes: usize,
    class_of: impl Fn(usize) -> usize,
    mut loss: impl FnMut(usize, f64),
) {
    let mut own = Vec::with_capacity(logits.len() / classes);
    for (i, row) in logits.chunks_exact_mut(classes).enumerate() {
        let largest = fold(row, f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
        for s in row.iter_mut() {
            *s -= largest;
        }
        own.push(row[class_of(i)]);
    }
    arch.dispatch(|| {
        for value in &mut *logits {
            *value = exponential(*value);
        }
    });
    for ((i, row), own) in logits.chunks_exact_mut(classes).enumerate().zip(own) {
        let sum = fold(row, 0.0, |a, b| a + b);
        let scale = 1.0 / sum;
        for p in row.iter_mut() {
            *p *= scale;
        }
        loss(i, sum.ln() - own);
    }
}

/// Combine values in interleaved parts, so that none waits for the one before.
fn fold(values: &[f64], start: f64, combine: impl Fn(f64, f64) -> f64) -> f64 {
    const PARTS: usize = 8;
    if values.len() < 2 * PARTS {
        return values.iter().fold(start, |a, b| combine(a, *b));
    }
    let mut parts = [start; PARTS];
    let chunks = values.chunks_exact(PARTS);
    let rest = chunks.remainder();
    for some in chunks {
        for (part, value) in parts.iter_mut().zip(some) {
            *part = combine(*part, *value);
        }
    }
    let rest = rest.iter().copied();
    rest.chain(parts).fold(start, combine)
}

/// `exp(x)` of an `x` that is not above 0: `2^k exp(r)` with `|r| <= log(2) / 2`; the series of
/// `exp(r)` ends where a term is less than a rounding.
#[inline(always)]
fn exponential(x: f64) -> f64 {
    /// Adding it leaves the nearest integer in the lowest bits.
    const TO_INTEGER: f64 = 6_755_399_441_055_744.0;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    const SERIES: [f64; 14] = [
        1.0,
        1.0,
        1.0 / 2.0,
        1.0 / 6.0,
        1.0 / 24.0,
        1.0 / 120.0,
        1.0 / 720.0,
        1.0 / 5_040.0,
        1.0 / 40_320.0,
        1.0 / 362_880.0,
        1.0 / 3_628_800.0,
        1.0 / 39_916_800.0,
        1.0 / 479_001_600.0,
        1.0 / 6_227_020_800.0,
    ];
    // A comparison, not `max`: NaN passes through.
    let x = if x < LOWEST { LOWEST } else { x };
    let shifted = x.mul_add(std::f64::consts::LOG2_E, TO_INTEGER);
    let k = shifted - TO_INTEGER;
    let r = k.mul_add(-LN_2_LOW, k.mul_add(-LN_2_HIGH, x));
    let sum = SERIES.iter().rev().fold(0.0, |sum: f64, term| sum.mul_add(r, *term));
    sum * f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_to_the_last_digits() {
        for i in 0..200_000 {
            let x = -f64::from(i) * 3.5e-3;
            let (found, wanted) = (exponential(x), x.exp());
            assert!((found - wanted).abs() <= 4.0 * f64::EPSILON * wanted, "{x}");
        }
        assert_eq!(exponential(0.0), 1.0);
        assert!(exponential(-1e300) < 1e-300);
        assert!(exponential(f64::NAN).is_nan());
    }

    #[test]
    fn rows_are_the_softmax_and_its_loss() {
        let logits = [1.0, 3.0, -800.0, 2.0, 2.0, 2.0];
        let mut rows = logits;
        let mut losses = [0.0; 2];
        softmax_rows(pulp::Arch::new(), &mut rows, 3, |i| i, |i, loss| losses[i] = loss);
        let normaliser = (1f64.exp() + 3f64.exp()).ln();
        assert!((rows[1] - (3.0 - normaliser).exp()).abs() < 1e-15);
        assert!((losses[0] - (normaliser - 1.0)).abs() < 1e-15);
        assert!((losses[1] - 3f64.ln()).abs() < 1e-15);
    }
}
