//! Summaries of files are those of their rows, however the rows are spread over row groups and
//! files, and what is wrong with a file is said by its name.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Float32Type;
use arrow_array::{ArrayRef, Int64Array, ListArray, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use polars_transferability::parallelism::Parallelism;
use polars_transferability::rows::moments::ClassScatters;
use polars_transferability::rows::{ClassedTable, Moments, Table};
use polars_transferability::storage::{Columns, Nulls, Value};
use polars_transferability::summaries::{Contents, Finished, Source, SummaryReader};
use proptest::prelude::*;

/// A row: the number of its task, its label, and two coordinates.
type Row = (u8, i64, [f32; 2]);

fn write(path: &Path, rows: &[Row], group: usize) {
    let task: StringArray = rows.iter().map(|row| Some(format!("task{}", row.0))).collect();
    let label: Int64Array = rows.iter().map(|row| row.1).collect();
    let points = rows.iter().map(|row| Some(row.2.map(Some)));
    let points = ListArray::from_iter_primitive::<Float32Type, _, _>(points);
    let columns: [(&str, ArrayRef); 3] =
        [("task", Arc::new(task)), ("label", Arc::new(label)), ("embedding", Arc::new(points))];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(group)).build();
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn source(path: &Path) -> Source {
    let name = path.to_str().unwrap().to_owned();
    Source { address: name.clone(), name, constants: vec![], row_groups: None }
}

fn reader(sources: Vec<Source>, rows_per_class: usize) -> SummaryReader {
    let columns = Columns {
        keys: vec!["task".into()],
        label: "label".into(),
        vectors: vec!["embedding".into()],
        nulls: Nulls::Refused,
    };
    let moments = Some(ClassScatters::Pooled);
    let contents = Contents { moments, rows_per_class, seed: 3 };
    SummaryReader::open(sources, 0, &[], columns, contents, Parallelism::Pool)
}

fn all(mut reader: SummaryReader) -> Vec<(Vec<Value>, Finished)> {
    let keys = reader.keys().to_vec();
    let mut found = Vec::new();
    while let Some(finished) = reader.step(5, Parallelism::Pool) {
        found.extend(finished.into_iter().map(|one| (keys[one.key].clone(), one)));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// The moments of the rows of a task, in memory, by ascending label.
fn in_memory(rows: &[Row], task: u8) -> (Vec<i64>, Moments) {
    let own: Vec<&Row> = rows.iter().filter(|row| row.0 == task).collect();
    let values: Vec<f32> = own.iter().flat_map(|row| row.2).collect();
    let table = ndarray::ArrayView2::from_shape((own.len(), 2), &values[..]).unwrap();
    let mut labels: Vec<i64> = own.iter().map(|row| row.1).collect();
    labels.sort_unstable();
    labels.dedup();
    let of_label = |label: &i64| {
        (0..own.len() as u32).filter(|&at| own[at as usize].1 == *label).collect::<Vec<u32>>()
    };
    let classes: Vec<Vec<u32>> = labels.iter().map(of_label).collect();
    let input = ClassedTable { table: Table::F32(table), classes: &classes };
    let moments = Moments::of(input, ClassScatters::Pooled);
    (labels, moments)
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let coordinates = prop::array::uniform2(-10.0_f32..10.0);
    prop::collection::vec((0_u8..3, 0_i64..3, coordinates), 1..120)
}

proptest! {
    #[test]
    fn moments_are_those_of_the_rows(rows in rows(), group in 1_usize..40, files in 1_usize..4) {
        let folder = tempfile::tempdir().unwrap();
        let parts: Vec<_> = rows.chunks(rows.len().div_ceil(files)).enumerate().collect();
        let mut sources = Vec::new();
        for (number, part) in parts {
            let path = folder.path().join(format!("{number}.parquet"));
            write(&path, part, group);
            sources.push(source(&path));
        }
        let mut turned = sources.clone();
        turned.reverse();
        for (key, finished) in all(reader(sources.clone(), 4)) {
            let Value::Text(name) = &key[0] else { panic!("{key:?}") };
            let task = name.trim_start_matches("task").parse().unwrap();
            let (labels, expected) = in_memory(&rows, task);
            let summary = finished.summary.unwrap();
            let found = summary.moments.unwrap();
            prop_assert_eq!(found.count(), expected.count());
            for (label, count) in labels.iter().zip(expected.counts()) {
                let at = summary.classes.iter().position(|c| *c == Value::Integer(*label));
                prop_assert_eq!(summary.counts[at.unwrap()], *count);
                let drawn = summary.samples[at.unwrap()].clone().into_rows().len();
                prop_assert_eq!(drawn as u64, (*count).min(4));
            }
            let (one, other) = (found.scatter(), expected.scatter());
            for (a, b) in one.values().iter().zip(other.values()) {
                prop_assert!((a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{a} {b}");
            }
            let size = expected.quartic().max(1.0);
            prop_assert!((found.quartic() - expected.quartic()).abs() <= 1e-9 * size);
        }
        // The order in which files are named changes no bit.
        for (one, other) in all(reader(sources, 4)).into_iter().zip(all(reader(turned, 4))) {
            prop_assert_eq!(one.1.summary.unwrap().moments, other.1.summary.unwrap().moments);
        }
    }
}

#[test]
fn a_truncated_file_is_named_and_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| folder.path().join(format!("{name}.parquet")));
    for (task, path) in (0..).zip(&paths) {
        write(path, &[(task, 0, [0.0, 1.0]), (task, 1, [2.0, 3.0])], 10);
    }
    let content = fs::read(&paths[0]).unwrap();
    fs::write(&paths[0], &content[..content.len() - 9]).unwrap();
    let reader = reader(paths.iter().map(|path| source(path)).collect(), 1);
    let [(name, error)] = reader.unreadable() else { panic!("{:?}", reader.unreadable()) };
    assert!(name.ends_with("a.parquet"));
    assert!(error.to_string().contains("a.parquet: is no Parquet file"), "{error}");
    let found = all(reader);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1.summary.as_ref().unwrap().rows(), 2);
}

#[test]
fn a_key_with_an_infinity_is_an_error_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let rows: Vec<Row> = vec![
        (0, 0, [0.0, 1.0]),
        (0, 1, [1.0, 1.0]),
        (1, 0, [0.0, f32::INFINITY]),
        (1, 1, [1.0, 0.0]),
    ];
    write(&path, &rows, 2);
    let found = all(reader(vec![source(&path)], 1));
    assert!(found[0].1.summary.is_ok());
    let error = found[1].1.summary.as_ref().unwrap_err();
    let place = "row group 1: column 'embedding' has a null, NaN or infinite value in row 0";
    assert!(error.contains(place), "{error}");
}
