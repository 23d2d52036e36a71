//! `reports/index.html`: which reports there are, and what each of them found.
//!
//! Made of what is on the disk and of nothing else: a folder with a manifest is a complete report. It is written when it is asked
//! for, not by every run: a list of the reports that happen to be on one machine has no business in the next commit.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::format::count;
use super::{ReportError, atomic, template};

/// Name of the file.
const NAME: &str = "index.html";

#[derive(Serialize)]
struct Page {
    reports: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    folder: String,
    headline: String,
    runs: String,
    version: String,
    command: String,
    picture: String,
}

/// What is needed of a manifest.
#[derive(Deserialize)]
struct Manifest {
    minibit: String,
    command: String,
    runs: Runs,
    files: Vec<File>,
}

/// The runs: of a sweep there are too many to be listed, and what was validated are cases.
#[derive(Deserialize)]
#[serde(untagged)]
enum Runs {
    Said(String),
    Each(Vec<serde::de::IgnoredAny>),
    Number(usize),
}

#[derive(Deserialize)]
struct File {
    name: String,
}

/// What is needed of a summary.
#[derive(Deserialize)]
struct Summary {
    headline: String,
}

/// Writes the list of the reports in `dir`; returns its path and how many they are.
///
/// # Errors
/// When a folder cannot be read, has no report, or a manifest is none.
pub fn write(dir: &Path) -> Result<(PathBuf, usize), ReportError> {
    let failed = |source| ReportError::Unreadable { path: dir.to_owned(), source };
    let mut folders = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.join("manifest.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    if folders.is_empty() {
        return Err(ReportError::NoReports { path: dir.to_owned() });
    }
    let reports: Vec<Entry> = folders.iter().map(|folder| entry(folder)).collect::<Result<_, _>>()?;
    let count = reports.len();
    let page = template::render(NAME, &Page { reports })?;
    let mut paths = atomic::write_all(dir, &[(NAME.to_owned(), page)])?;
    Ok((paths.pop().unwrap_or_default(), count))
}

fn entry(folder: &Path) -> Result<Entry, ReportError> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(|source| ReportError::Unreadable { path, source })
    };
    let manifest: Manifest = serde_json::from_slice(&read("manifest.json")?)?;
    let summary: Summary = serde_json::from_slice(&read("summary.json")?)?;
    let pictures = || manifest.files.iter().filter_map(|file| file.name.strip_prefix("figures/"));
    let of_run = pictures().find(|name| *name == "swarm.svg");
    let picture = of_run.or_else(|| pictures().next());
    Ok(Entry {
        folder: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        headline: summary.headline,
        runs: match manifest.runs {
            Runs::Said(text) => text,
            Runs::Each(runs) => count(runs.len(), "run"),
            Runs::Number(number) => count(number, "run"),
        },
        version: manifest.minibit,
        command: manifest.command,
        picture: picture.unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    #[test]
    fn complete_reports_are_listed_by_name() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b", "a", "half"] {
            super::super::write(&dir.path().join(name), &Case::tiny().input()).unwrap();
        }
        fs::remove_file(dir.path().join("half/manifest.json")).unwrap();
        fs::write(dir.path().join("notes.txt"), "no report").unwrap();
        let (path, count) = write(dir.path()).unwrap();
        let page = fs::read_to_string(&path).unwrap();
        assert_eq!((count, path), (2, dir.path().join("index.html")));
        assert!(page.find("href=\"a/index.html\"").unwrap() < page.find("href=\"b/index.html\"").unwrap());
        assert!(page.contains("Both peers have the file") && page.contains("a/figures/swarm.svg"));
        assert!(!page.contains("half"));
        let nothing = tempfile::tempdir().unwrap();
        assert!(matches!(write(nothing.path()), Err(ReportError::NoReports { .. })));
        assert_eq!(fs::read_dir(nothing.path()).unwrap().count(), 0, "and no list is left there");
        write(dir.path()).unwrap();
        assert!(fs::read_to_string(dir.path().join("index.html")).unwrap() == page, "the same twice");
    }
}
