//! All tests of the mathematics, as one program that links once; folders are those of `src`.

mod bound;
mod estimators;
mod generators;
mod layout;
mod ranking;
mod rows;
mod scores;
mod summaries;
mod transport;
