//! The reference's tables say which test shows a sentence to be true: that each such test is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// Where the tables are.
const TABLES: &str = "docs/reference";
/// Where the tests are.
const SOURCES: &[&str] = &["crates", "tests", "xtask"];
/// The heading of the column that names tests.
const COLUMN: &str = "test";

/// Checks every table with a column `test` below the repository's root.
pub(crate) fn check(root: &Path) -> Result<String> {
    let mut functions = BTreeSet::new();
    for folder in SOURCES {
        for file in files(&root.join(folder), "rs")? {
            functions.extend(functions_of(&read(&file)?));
        }
    }
    let (mut rows, mut wrong) = (0, Vec::new());
    for file in files(&root.join(TABLES), "md")? {
        let name = file
            .strip_prefix(root)
            .unwrap_or(&file)
            .display()
            .to_string();
        let (count, complaints) = judge(&name, &read(&file)?, &functions);
        rows += count;
        wrong.extend(complaints);
    }
    ensure!(rows > 0, "no table with a column \"{COLUMN}\" in {TABLES}");
    if !wrong.is_empty() {
        bail!("rows without evidence:\n  {}", wrong.join("\n  "));
    }
    Ok(format!("evidence: {rows} rows name tests that exist"))
}

/// How many rows of a file name tests, and what is wrong with the others.
fn judge(name: &str, text: &str, functions: &BTreeSet<String>) -> (usize, Vec<String>) {
    let (mut rows, mut wrong) = (0, Vec::new());
    let mut column = None;
    for (number, line) in (1..).zip(text.lines()) {
        let Some(cells) = cells(line) else {
            column = None;
            continue;
        };
        if let Some(index) = cells.iter().position(|cell| cell == COLUMN) {
            column = Some((index, cells.len()));
            continue;
        }
        let Some((index, width)) = column else {
            continue;
        };
        if cells
            .iter()
            .all(|cell| cell.chars().all(|c| "-: ".contains(c)))
        {
            continue;
        }
        rows += 1;
        if cells.len() != width || cells.iter().any(String::is_empty) {
            wrong.push(format!(
                "{name}:{number}: a cell is empty, or there are too few or too many"
            ));
            continue;
        }
        let named = quoted(&cells[index]);
        if named.is_empty() {
            wrong.push(format!("{name}:{number}: names no `test`"));
        }
        for test in named {
            let function = test.rsplit("::").next().unwrap_or_default();
            if !functions.contains(function) {
                wrong.push(format!("{name}:{number}: there is no test `{test}`"));
            }
        }
    }
    (rows, wrong)
}

/// The cells of a row; a bar inside backticks does not part two cells.
fn cells(line: &str) -> Option<Vec<String>> {
    let inside = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let (mut cells, mut cell, mut is_code) = (Vec::new(), String::new(), false);
    for c in inside.chars() {
        match c {
            '|' if !is_code => cells.push(std::mem::take(&mut cell).trim().to_owned()),
            _ => {
                is_code ^= c == '`';
                cell.push(c);
            }
        }
    }
    cells.push(cell.trim().to_owned());
    Some(cells)
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn functions_of(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("fn ").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    })
}

fn files(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries =
            std::fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(rows: &str) -> Vec<String> {
        let known = BTreeSet::from(["it_works".to_owned()]);
        let text = format!("| what | test |\n|---|---|\n{rows}");
        judge("a.md", &text, &known).1
    }

    #[test]
    fn a_row_names_a_test_that_exists() {
        assert!(complaints("| x | `evercert-db::it::it_works` |").is_empty());
        assert!(complaints("| `a|b` | `it_works`, `it_works` |").is_empty());
        assert_eq!(complaints("| x | `it_does_not` |").len(), 1);
        assert_eq!(complaints("| x | by hand |").len(), 1);
        assert_eq!(complaints("| x | |").len(), 1);
        assert_eq!(complaints("| x |").len(), 1);
    }

    #[test]
    fn every_row_of_the_reference_names_a_test_that_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        check(&root).unwrap();
    }
}
