//! Hashes of whole files (BEP 47), which some metainfo has beside those of the pieces.
//!
//! Pieces are verified as they come, so files that differ in the end were described by somebody who was mistaken, or lied.

use std::fmt::{Display, Write as _};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use minibit_core::metainfo::Metainfo;
use sha1::{Digest as _, Sha1};

use crate::failure::Failure;
use crate::show;

/// Bytes that are read at a time.
const CHUNK: usize = 256 * 1024;

/// SHA-1 of a file.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn sha1_of(path: &Path) -> Result<[u8; 20], Failure> {
    let hash = File::open(path).and_then(|file| sha1(&file));
    Ok(hash.with_context(|| format!("cannot read {}", path.display()))?)
}

fn sha1(mut file: &File) -> io::Result<[u8; 20]> {
    let (mut hash, mut chunk) = (Sha1::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(len) => hash.update(&chunk[..len]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Compares the files of a complete download with the hashes that its metainfo has of them, and counts them.
///
/// # Errors
/// When one of them differs, or cannot be read.
pub(crate) fn compare(metainfo: &Metainfo, at: &Path) -> Result<usize, Failure> {
    let mut compared = 0;
    for file in metainfo.files().iter().filter(|file| !file.padding) {
        let Some(expected) = file.sha1 else { continue };
        let path = match metainfo.directory() {
            Some(_) => file.path.iter().fold(PathBuf::from(at), |path, name| path.join(name)),
            None => at.into(),
        };
        equal(&path.display(), &sha1_of(&path)?, &expected)?;
        compared += 1;
    }
    Ok(compared)
}

/// The same with a single file that was passed on and has no name. Nobody has read it before but from certain places of it.
///
/// # Errors
/// When it differs, or cannot be read.
pub(crate) fn compare_passed_on(metainfo: &Metainfo, file: &File) -> Result<usize, Failure> {
    let Some(expected) = metainfo.files().first().and_then(|file| file.sha1) else { return Ok(0) };
    let found = sha1(file).context("cannot read what was passed on")?;
    equal(&show::harmless(metainfo.name()), &found, &expected)?;
    Ok(1)
}

fn equal(what: &dyn Display, found: &[u8; 20], expected: &[u8; 20]) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (hex(found), hex(expected));
    Err(anyhow!("the SHA-1 of {what} is {found} and not {expected}, as its torrent says").into())
}

/// A hash as it is written.
pub(crate) fn hex(digest: &[u8; 20]) -> String {
    digest.iter().fold(String::with_capacity(40), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes everything");
        text
    })
}
