//! The summaries of all keys of some files, in one pass over them.
//!
//! Row groups are read by several threads, a window of them at a time, and merged in their order. A
//! key is finished with the last file that has rows of it, and given away then.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{catch_unwind, AssertUnwindSafe};

use crate::parallelism::Parallelism;
use crate::storage::{values_of, Columns, Location, ParquetFile, StorageError, Value};
use crate::summaries::merge_tree::MergeTree;
use crate::summaries::summary::{Contents, Summary};

/// What is said of bytes that a decoder panics at.
const UNDECODABLE: &str = "it cannot be decoded";

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name by which messages call it. Files are read in the order of their names.
    pub name: String,
    /// Its path or address.
    pub address: String,
    /// Columns that it lacks, with the one value that each has.
    pub constants: Vec<(String, Value)>,
    /// The numbers of its row groups that are read, ascending; `None` for all. If these are a range
    /// of all that are to be read that begins with a multiple of its length, a power of two, their
    /// summaries are those that a reader of all merges on the way.
    pub row_groups: Option<Vec<usize>>,
}

/// A key whose last row has been read.
#[derive(Debug)]
pub struct Finished {
    /// The number of the key among those of the reader.
    pub key: usize,
    /// The summary, or why there is none.
    pub summary: Result<Summary, String>,
}

/// A row group that is to be read.
#[derive(Debug, Clone)]
struct Group {
    file: usize,
    number: usize,
    /// The numbers of the keys that it has rows of, ascending.
    keys: Vec<usize>,
}

/// The keys that a row group has rows of.
type KeysOfGroup = Vec<Vec<Value>>;
/// The summaries of the keys of some rows, or why a key has none.
type Part = BTreeMap<usize, Result<Summary, String>>;

/// Reads summaries, window by window.
pub struct SummaryReader {
    files: Vec<ParquetFile>,
    /// The number of the first of these files among all that are read, by whichever reader.
    first_file: usize,
    columns: Columns,
    contents: Contents,
    keys: Vec<Vec<Value>>,
    numbers: HashMap<Vec<Value>, usize>,
    /// Files that cannot be read, and why.
    unreadable: Vec<(String, StorageError)>,
    groups: Vec<Group>,
    /// The last file that has rows of each key.
    last_files: HashMap<usize, usize>,
    next: usize,
    /// The parts of the file that is being read.
    of_file: MergeTree<Part>,
    /// The parts of each key that were read of earlier files.
    of_keys: BTreeMap<usize, MergeTree<Result<Summary, String>>>,
}

impl SummaryReader {
    /// Opens files, and reads which keys they have. The first file is number `first_file` of all.
    #[must_use]
    pub fn open(
        mut sources: Vec<Source>,
        first_file: usize,
        options: &[(String, String)],
        columns: Columns,
        contents: Contents,
        parallelism: Parallelism,
    ) -> Self {
        sources.sort_by(|a, b| (&a.name, &a.constants).cmp(&(&b.name, &b.constants)));
        let opened =
            parallelism.collect(sources.len(), |at| opened(&sources[at], options, &columns));
        let mut reader = Self {
            files: Vec::new(),
            first_file,
            columns,
            contents,
            keys: Vec::new(),
            numbers: HashMap::new(),
            unreadable: Vec::new(),
            groups: Vec::new(),
            last_files: HashMap::new(),
            next: 0,
            of_file: MergeTree::default(),
            of_keys: BTreeMap::new(),
        };
        for (source, opened) in sources.iter().zip(opened) {
            match opened {
                Ok((file, keys)) => reader.add(file, keys),
                Err(error) => reader.unreadable.push((source.name.clone(), error)),
            }
        }
        reader.last_files = last_files(&reader.groups);
        reader
    }

    fn add(&mut self, file: ParquetFile, keys: Vec<(usize, KeysOfGroup)>) {
        let number_of_file = self.files.len();
        self.files.push(file);
        for (number, keys) in keys {
            let mut numbers: Vec<usize> = keys.into_iter().map(|key| self.number(key)).collect();
            numbers.sort_unstable();
            self.groups.push(Group { file: number_of_file, number, keys: numbers });
        }
    }

    fn number(&mut self, key: Vec<Value>) -> usize {
        let next = self.keys.len();
        *self.numbers.entry(key).or_insert_with_key(|key| {
            self.keys.push(key.clone());
            next
        })
    }

    /// The keys that the files have rows of, in order of first appearance.
    #[must_use]
    pub fn keys(&self) -> &[Vec<Value>] {
        &self.keys
    }

    /// The files that cannot be read, and why.
    #[must_use]
    pub fn unreadable(&self) -> &[(String, StorageError)] {
        &self.unreadable
    }

    /// Reads only some keys from here on, by their numbers.
    pub fn select(&mut self, wanted: &HashSet<usize>) {
        for group in &mut self.groups {
            group.keys.retain(|key| wanted.contains(key));
        }
        self.groups.retain(|group| !group.keys.is_empty());
        self.last_files = last_files(&self.groups);
    }

    /// The numbers of the row groups of each file that are to be read.
    #[must_use]
    pub fn row_groups(&self) -> Vec<Vec<usize>> {
        let mut numbers = vec![Vec::new(); self.files.len()];
        for group in &self.groups {
            numbers[group.file].push(group.number);
        }
        numbers
    }

    /// Reads the next row groups, so `many` at most, whose summaries are held until they are
    /// merged. Returns the keys that are finished with them; `None` after the last.
    pub fn step(&mut self, many: usize, parallelism: Parallelism) -> Option<Vec<Finished>> {
        let window = self.next..self.groups.len().min(self.next + many);
        if window.is_empty() {
            return None;
        }
        let parts =
            parallelism.collect(window.len(), |at| self.part(&self.groups[window.start + at]));
        let mut finished = Vec::new();
        for (at, part) in window.clone().zip(parts) {
            self.of_file.push(part, merged_parts);
            let file = self.groups[at].file;
            if self.groups.get(at + 1).is_none_or(|next| next.file != file) {
                finished.extend(self.end_of(file));
            }
        }
        self.next = window.end;
        Some(finished)
    }

    /// Gives the parts of a file to its keys. Returns those that no later file has rows of.
    fn end_of(&mut self, file: usize) -> Vec<Finished> {
        let parts = std::mem::take(&mut self.of_file).finish(merged_parts).unwrap_or_default();
        let mut finished = Vec::new();
        for (key, part) in parts {
            let mut tree = self.of_keys.remove(&key).unwrap_or_default();
            tree.push(part, merged);
            if self.last_files.get(&key).is_some_and(|last| *last > file) {
                self.of_keys.insert(key, tree);
            } else if let Some(summary) = tree.finish(merged) {
                finished.push(Finished { key, summary });
            }
        }
        finished
    }

    /// The summaries of the wanted keys of a row group.
    fn part(&self, group: &Group) -> Part {
        // Damaged bytes may make a decoder panic.
        let read = catch_unwind(AssertUnwindSafe(|| self.read(group)));
        let damaged = |_| Err(self.files[group.file].damaged(group.number, &UNDECODABLE));
        read.unwrap_or_else(damaged).unwrap_or_else(|error| {
            let failed = |key: &usize| (*key, Err(error.to_string()));
            group.keys.iter().map(failed).collect()
        })
    }

    fn read(&self, group: &Group) -> Result<Part, StorageError> {
        let mut tree = MergeTree::default();
        for batch in self.files[group.file].batches(group.number, &self.columns)? {
            let batch = batch?;
            let mut rows_of_keys: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
            for row in 0..batch.rows as u32 {
                let codes = batch.keys.iter().map(|column| column.codes[row as usize]).collect();
                rows_of_keys.entry(codes).or_default().push(row);
            }
            let mut part = Part::new();
            for (codes, rows) in rows_of_keys {
                let number = self.numbers.get(&values_of(&batch.keys, &codes));
                let wanted = number.filter(|number| group.keys.contains(number));
                if let Some(&number) = wanted {
                    let file = (self.first_file + group.file) as u64;
                    let summary = Summary::of(&batch, &rows, file, self.contents);
                    part.insert(number, Ok(summary));
                }
            }
            tree.push(part, merged_parts);
        }
        Ok(tree.finish(merged_parts).unwrap_or_default())
    }
}

/// The last file that has rows of each key.
fn last_files(groups: &[Group]) -> HashMap<usize, usize> {
    let files = groups.iter().flat_map(|group| group.keys.iter().map(|key| (*key, group.file)));
    files.collect()
}

/// Opens a file and reads the keys of each row group that is read of it.
fn opened(
    source: &Source,
    options: &[(String, String)],
    columns: &Columns,
) -> Result<(ParquetFile, Vec<(usize, KeysOfGroup)>), StorageError> {
    let location = Location::parse(&source.address, options)?;
    let file = ParquetFile::open(&source.name, location, source.constants.clone())?;
    let numbers = source.row_groups.clone().unwrap_or_else(|| (0..file.row_groups()).collect());
    let keys = numbers.into_iter().map(|number| {
        // Damaged bytes may make a decoder panic.
        let keys = || file.keys(number, &columns.keys, columns.nulls);
        let read = catch_unwind(AssertUnwindSafe(keys));
        Ok((number, read.unwrap_or_else(|_| Err(file.damaged(number, &UNDECODABLE)))?))
    });
    let keys = keys.collect::<Result<_, StorageError>>()?;
    Ok((file, keys))
}

fn merged_parts(mut before: Part, later: Part) -> Part {
    for (key, part) in later {
        let sum = match before.remove(&key) {
            Some(own) => merged(own, part),
            None => part,
        };
        before.insert(key, sum);
    }
    before
}

/// The summary of two parts of a key; the reason of the first that has none.
fn merged(
    before: Result<Summary, String>,
    later: Result<Summary, String>,
) -> Result<Summary, String> {
    before?.merge(later?).map_err(|error| error.to_string())
}
