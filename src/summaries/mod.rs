//! What is kept of tables that are larger than memory: moments of each key, and a sample of its
//! rows, made in one pass over files that [`crate::storage`] reads. A [`Summary`] is of one key;
//! [`reader`] makes those of all keys, which a [`merge_tree`] puts together in an order that only
//! the files decide, and [`reservoir`] draws the sample. Scores of summaries are not computed here.

pub mod merge_tree;
pub mod reader;
pub mod reservoir;
pub mod summary;

pub use reader::{Finished, Source, SummaryReader};
pub use summary::{Contents, Summary};
