//! Where a confidence bound lies: the place between 0 and 1 from which on something holds.

/// Halvings of the interval: enough for the last digits.
const HALVINGS: usize = 55;

/// Two numbers next to each other between 0 and 1: `holds` is false of the first and true of the
/// second, or one of them is an end of the interval. What holds of a number must hold of all above.
#[must_use]
pub fn first_to_hold(holds: impl Fn(f64) -> bool) -> [f64; 2] {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if holds(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    [low, high]
}
