//! The arrow rule of `DESIGN.md`, and the width of lines: read from the source files themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rooms, and the floor that each stands on. A file may use rooms on lower floors and its own, and
/// nothing else.
const FLOORS: [(&str, u32); 13] = [
    ("parallelism", 0),
    ("sampling", 0),
    ("linalg", 0),
    ("storage", 0),
    ("rows", 1),
    ("ranking", 1),
    ("estimators", 2),
    ("summaries", 2),
    ("transport", 3),
    ("bound", 4),
    ("scores", 4),
    ("plugin", 5),
    ("lib", 6),
];

/// Columns that a line may have.
const WIDTH: usize = 100;

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The room of a file: the first folder below `src`, or the file's own name.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).unwrap();
    inside.components().next().unwrap().as_os_str().to_str().unwrap().replace(".rs", "")
}

/// The rooms that a line uses: what follows `crate::`.
fn used(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or_default();
    let names = code.split("crate::").skip(1);
    names
        .map(|rest| {
            rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

/// Uses that point to a floor above, or to another room on the same floor.
fn upward<'a>(room: &str, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let floors: BTreeMap<&str, u32> = FLOORS.into();
    let own = floors[room];
    let points_up = |used: &&str| {
        *used != room
            && floors.get(used).is_none_or(|floor| *floor >= own && own > 0 || *floor > own)
    };
    lines
        .flat_map(|line| {
            used(line)
                .into_iter()
                .filter(points_up)
                .map(|_| line.trim().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn nothing_points_upward() {
    let mut found = Vec::new();
    for path in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = upward(&room(&path), text.lines());
        found.extend(lines.into_iter().map(|line| format!("{}: {line}", path.display())));
    }
    assert!(found.is_empty(), "these point upward:\n{}", found.join("\n"));
}

#[test]
fn an_upward_import_is_found() {
    let upward = |room: &str, line: &str| upward(room, std::iter::once(line)).len();
    assert_eq!(upward("rows", "use crate::estimators::head::LinearHead;"), 1);
    assert_eq!(upward("scores", "    let bound = crate::bound::transfer_bound(rows);"), 1);
    assert_eq!(upward("transport", "use crate::rows::Table;"), 0);
    assert_eq!(upward("linalg", "use crate::rows::Table; // why"), 1);
    assert_eq!(upward("linalg", "// once `crate::rows` was used here"), 0);
}

/// The certificate must be readable, and its proof checkable, without any file of the search.
#[test]
fn the_certificate_knows_no_search() {
    let text = fs::read_to_string(root().join("src/bound/certificate.rs")).unwrap();
    let code: Vec<&str> =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    assert!(code.iter().any(|line| line.contains("crate::transport")));
    for line in code {
        assert!(!line.contains("search") && !line.contains("solution"), "{line}");
    }
}

#[test]
fn lines_are_not_too_long() {
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches"] {
        for path in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&path).unwrap();
            for (number, line) in (1..).zip(text.lines()) {
                if line.chars().count() > WIDTH {
                    found.push(format!("{}:{number}", path.display()));
                }
            }
        }
    }
    assert!(found.is_empty(), "lines longer than {WIDTH} columns:\n{}", found.join("\n"));
}
