//! Whether work is spread over threads: a decision of whoever calls the mathematics, never of the
//! mathematics itself. Work is cut the same way either way, so results have the same bits on any
//! number of threads.

use rayon::prelude::*;

/// How independent pieces of work are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parallelism {
    /// Pieces are done one after the other, on the caller's thread.
    #[default]
    Sequential,
    /// Pieces are done by the threads of the pool in which the caller runs.
    Pool,
}

impl Parallelism {
    /// Call `work` with each item and its number.
    pub fn for_each<T: Send>(self, items: &mut [T], work: impl Fn(usize, &mut T) + Sync) {
        match self {
            Self::Sequential => items.iter_mut().enumerate().for_each(|(k, item)| work(k, item)),
            Self::Pool => items.par_iter_mut().enumerate().for_each(|(k, item)| work(k, item)),
        }
    }

    /// Call `work` with memory to work in, each item and its number. There is one piece of memory
    /// for each thread at work, not one for each item.
    pub fn for_each_with<T: Send, M: Default>(
        self,
        items: &mut [T],
        work: impl Fn(&mut M, usize, &mut T) + Sync,
    ) {
        match self {
            Self::Sequential => {
                let mut memory = M::default();
                items.iter_mut().enumerate().for_each(|(k, item)| work(&mut memory, k, item));
            }
            Self::Pool => items
                .par_iter_mut()
                .enumerate()
                .for_each_init(M::default, |memory, (k, item)| work(memory, k, item)),
        }
    }

    /// Runs both and returns what they give, at once where there are threads for it.
    pub fn join<A: Send, B: Send>(
        self,
        first: impl FnOnce() -> A + Send,
        second: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match self {
            Self::Sequential => (first(), second()),
            Self::Pool => rayon::join(first, second),
        }
    }

    /// What `make` gives for each number below `count`.
    pub fn collect<T: Send>(self, count: usize, make: impl Fn(usize) -> T + Sync + Send) -> Vec<T> {
        match self {
            Self::Sequential => (0..count).map(make).collect(),
            Self::Pool => (0..count).into_par_iter().map(make).collect(),
        }
    }
}
