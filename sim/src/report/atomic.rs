//! Files that are there as a whole or not at all.
//!
//! Names may have folders in them. Everything is first written to a folder `.partial` inside the target, so on the same file system, and flushed to the
//! disk; only when all of it is there are the files renamed into place one by one. `manifest.json` goes first when an
//! older report is replaced and comes last: where there is a manifest, the report beside it is complete. A killed
//! process leaves at most `.partial`, which the next one removes.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::ReportError;

/// Name of the folder for unfinished files.
const STAGING: &str = ".partial";

/// Puts `files` (names and contents) into `dir`, replacing those that are there; returns their paths in the same order.
/// The last file is the seal: its old version is removed before the first new file is put in place.
///
/// # Errors
/// When the disk says no. Unless that happens between the renames, the folder is as it was.
pub fn write_all(dir: &Path, files: &[(String, Vec<u8>)]) -> Result<Vec<PathBuf>, ReportError> {
    let staging = dir.join(STAGING);
    let result = stage(&staging, files).and_then(|()| commit(dir, &staging, files));
    if result.is_err() {
        // The first error is the one that matters.
        drop(fs::remove_dir_all(&staging));
    }
    result
}

/// Makes sure that files can be put into `dir`, or that it can be made; nothing is left behind.
///
/// # Errors
/// What the disk says.
pub fn try_out(dir: &Path) -> io::Result<()> {
    let there = dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let trial = there.join(format!("{STAGING}-{}", std::process::id()));
    fs::create_dir(&trial)?;
    fs::remove_dir(&trial)
}

fn stage(staging: &Path, files: &[(String, Vec<u8>)]) -> Result<(), ReportError> {
    match fs::remove_dir_all(staging) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(staging)(error)),
        _ => fs::create_dir_all(staging).map_err(failed(staging))?,
    }
    for (name, contents) in files {
        let path = staging.join(name);
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(staging))?;
            let mut file = File::create_new(&path)?;
            file.write_all(contents)?;
            file.sync_all()
        };
        write().map_err(failed(&path))?;
    }
    Ok(())
}

fn commit(dir: &Path, staging: &Path, files: &[(String, Vec<u8>)]) -> Result<Vec<PathBuf>, ReportError> {
    if let Some((seal, _)) = files.last() {
        let seal = dir.join(seal);
        match fs::remove_file(&seal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(&seal)(error)),
            _ => sync_folder(dir)?,
        }
    }
    let mut paths = Vec::with_capacity(files.len());
    for (i, (name, _)) in files.iter().enumerate() {
        if i + 1 == files.len() {
            for folder in folders(dir, files) {
                sync_folder(&folder)?;
            }
        }
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        fs::create_dir_all(folder).map_err(failed(folder))?;
        fs::rename(staging.join(name), &path).map_err(failed(&path))?;
        paths.push(path);
    }
    fs::remove_dir_all(staging).map_err(failed(staging))?;
    sync_folder(dir)?;
    Ok(paths)
}

/// The folders that files are in.
fn folders(dir: &Path, files: &[(String, Vec<u8>)]) -> BTreeSet<PathBuf> {
    files.iter().filter_map(|(name, _)| Some(dir.join(name).parent()?.to_owned())).collect()
}

/// Makes renames durable. Only Unix can open a folder; elsewhere a rename is as durable as the system makes it.
fn sync_folder(dir: &Path) -> Result<(), ReportError> {
    if cfg!(unix) {
        File::open(dir).and_then(|folder| folder.sync_all()).map_err(failed(dir))?;
    }
    Ok(())
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ReportError {
    let path = path.to_owned();
    move |source| ReportError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(contents: &str) -> Vec<(String, Vec<u8>)> {
        ["a.csv", "manifest.json"].map(|name| (name.to_owned(), contents.as_bytes().to_vec())).into()
    }

    fn listing(dir: &Path) -> Vec<String> {
        let entries =
            fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = entries.collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_its_own_files_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new/folder");
        write_all(&target, &files("old")).unwrap();
        fs::write(target.join("notes.txt"), "mine").unwrap();
        fs::create_dir(target.join(STAGING)).unwrap();
        fs::write(target.join(STAGING).join("a.csv"), "left by a killed run").unwrap();
        let paths = write_all(&target, &files("new")).unwrap();
        assert_eq!(paths, [target.join("a.csv"), target.join("manifest.json")]);
        assert_eq!(fs::read_to_string(target.join("a.csv")).unwrap(), "new");
        assert_eq!(listing(&target), ["a.csv", "manifest.json", "notes.txt"]);
    }

    #[test]
    fn a_failing_writer_leaves_the_old_files() {
        let dir = tempfile::tempdir().unwrap();
        write_all(dir.path(), &files("old")).unwrap();
        let mut broken = files("new");
        broken.insert(1, ("a.csv/folder.csv".to_owned(), Vec::new()));
        let error = write_all(dir.path(), &broken).unwrap_err();
        assert!(error.to_string().contains("folder.csv"), "{error}");
        for name in ["a.csv", "manifest.json"] {
            assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), "old");
        }
        assert_eq!(listing(dir.path()), ["a.csv", "manifest.json"]);
    }

    #[test]
    fn no_manifest_stands_beside_half_a_report() {
        let dir = tempfile::tempdir().unwrap();
        write_all(dir.path(), &files("old")).unwrap();
        // A folder in the way of the first rename.
        fs::remove_file(dir.path().join("a.csv")).unwrap();
        fs::create_dir_all(dir.path().join("a.csv/full")).unwrap();
        write_all(dir.path(), &files("new")).unwrap_err();
        assert_eq!(listing(dir.path()), ["a.csv"]);
    }
}
