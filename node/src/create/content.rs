//! What is to be described: the files, their order and their names in the torrent.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use minibit_core::metainfo::Builder;

use crate::failure::Failure;
use crate::storage::Layout;

/// A file, or a directory with all the files below it.
#[derive(Debug)]
pub(crate) struct Content {
    /// The torrent's name.
    pub(crate) name: String,
    /// Where the files are, and their lengths, in the torrent's order.
    pub(crate) files: Vec<(PathBuf, u64)>,
    /// Their paths below the directory; `None` when it is a single file.
    below: Option<Vec<Vec<String>>>,
}

impl Content {
    /// Looks at what is there.
    ///
    /// Directories are walked in the order of the names' bytes, so that the same files always make the same torrent. What is
    /// neither file nor directory is refused: a link, followed or not, would give other content on other machines.
    pub(crate) fn find(path: &Path) -> Result<Self, Failure> {
        let place = path.canonicalize().with_context(|| format!("cannot find {}", path.display()));
        let place = place.map_err(Failure::usage)?;
        let metadata = fs::metadata(&place).with_context(|| format!("cannot look at {}", path.display()))?;
        let name = place.file_name().ok_or_else(|| anyhow!("{} has no name", path.display()));
        let name = text(name.map_err(Failure::usage)?, path)?;
        if metadata.is_file() {
            return Ok(Self { name, files: vec![(path.into(), metadata.len())], below: None });
        }
        let mut files = Vec::new();
        let mut below = Vec::new();
        walk(path, &mut Vec::new(), &mut files, &mut below)?;
        if files.iter().all(|&(_, len)| len == 0) {
            return Err(Failure::usage(anyhow!("there is nothing in {}", path.display())));
        }
        Ok(Self { name, files, below: Some(below) })
    }

    /// A torrent in the making that has these names and lengths.
    pub(crate) fn builder(&self) -> Builder {
        let lens = self.files.iter().map(|&(_, len)| len);
        match &self.below {
            Some(below) => Builder::directory(&self.name, below.iter().cloned().zip(lens).collect()),
            None => Builder::file(&self.name, lens.sum()),
        }
    }

    /// Where the content's bytes are.
    pub(crate) fn layout(&self) -> Layout {
        let lens = self.files.iter().map(|&(_, len)| len);
        match &self.below {
            Some(below) => Layout::directory(below.iter().cloned().zip(lens)),
            None => Layout::file(lens.sum()),
        }
    }

    /// A file that is not as long any more as it was found to be.
    pub(crate) fn changed(&self) -> Option<&Path> {
        let is_changed =
            |(path, len): &&(PathBuf, u64)| !fs::metadata(path).is_ok_and(|now| now.len() == *len);
        self.files.iter().find(is_changed).map(|(path, _)| path.as_path())
    }
}

fn walk(
    directory: &Path,
    above: &mut Vec<String>,
    files: &mut Vec<(PathBuf, u64)>,
    below: &mut Vec<Vec<String>>,
) -> Result<(), Failure> {
    let cannot_list = || format!("cannot list {}", directory.display());
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.with_context(cannot_list)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let metadata = entry.metadata().with_context(|| format!("cannot look at {}", path.display()))?;
        above.push(text(&entry.file_name(), &path)?);
        if metadata.is_dir() {
            walk(&path, above, files, below)?;
        } else if metadata.is_file() {
            files.push((path, metadata.len()));
            below.push(above.clone());
        } else {
            let kind =
                if metadata.is_symlink() { "a symbolic link" } else { "neither a file nor a directory" };
            return Err(anyhow!("{} is {kind}, which a torrent cannot have", path.display()).into());
        }
        above.pop();
    }
    Ok(())
}

/// Names in a torrent are UTF-8.
fn text(name: &OsStr, path: &Path) -> Result<String, Failure> {
    let name = name.to_str().ok_or_else(|| anyhow!("the name of {} is not UTF-8", path.display()));
    Ok(name?.to_owned())
}
