//! Merging many parts two by two, in a tree that only the number of parts decides.
//!
//! Part `i` of `2^k` consecutive ones, counted from a multiple of `2^k`, is merged with its
//! neighbours before anything else is. So the bits of a sum do not depend on who makes the parts or
//! when, rounding grows with the logarithm of their number, and only as many sums are held.

/// Sums of `1, 2, 4, ...` parts that wait for as many more.
#[derive(Debug, Clone)]
pub struct MergeTree<T> {
    levels: Vec<Option<T>>,
}

impl<T> Default for MergeTree<T> {
    fn default() -> Self {
        Self { levels: Vec::new() }
    }
}

impl<T> MergeTree<T> {
    /// Adds the next part.
    pub fn push(&mut self, part: T, merge: impl Fn(T, T) -> T) {
        let mut sum = part;
        for level in &mut self.levels {
            match level.take() {
                Some(before) => sum = merge(before, sum),
                None => {
                    *level = Some(sum);
                    return;
                }
            }
        }
        self.levels.push(Some(sum));
    }

    /// The sum of all parts; `None` where there are none.
    pub fn finish(self, merge: impl Fn(T, T) -> T) -> Option<T> {
        self.levels.into_iter().flatten().reduce(|later, before| merge(before, later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree_of(parts: usize) -> Option<String> {
        let mut tree = MergeTree::default();
        let merge = |a: String, b: String| format!("({a}{b})");
        for part in 0..parts {
            tree.push(part.to_string(), merge);
        }
        tree.finish(merge)
    }

    #[test]
    fn neighbours_are_merged_first() {
        assert_eq!(tree_of(0), None);
        assert_eq!(tree_of(1).unwrap(), "0");
        assert_eq!(tree_of(4).unwrap(), "((01)(23))");
        assert_eq!(tree_of(7).unwrap(), "(((01)(23))((45)6))");
    }
}
