//! `get -o -`: the content goes to standard output, byte for byte, while it comes.
//!
//! What is verified from the beginning on without a gap is written, and what comes after a gap waits for it. Who reads slowly holds
//! nothing up but the writing. A reader that goes away has seen enough: that ends the command.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use anyhow::anyhow;
use minibit_core::metainfo::Metainfo;
use tokio::sync::watch;

use crate::cli::Get;
use crate::engine::Status;
use crate::failure::Failure;

/// Bytes that are read and written at once; a pipe of Linux holds as many as a quarter of this.
const CHUNK: usize = 256 * 1024;

/// Does the user want the content on standard output?
pub(super) fn is_wanted(options: &Get) -> bool {
    options.output.as_os_str() == "-"
}

/// Refuses what would mix with the content there.
pub(super) fn check(options: &Get) -> Result<(), Failure> {
    if is_wanted(options) && options.json {
        return Err(Failure::usage(anyhow!("--json and the content cannot both go to standard output")));
    }
    Ok(())
}

/// Refuses what is more than one stream of bytes.
pub(super) fn check_content(metainfo: &Metainfo) -> Result<(), Failure> {
    if metainfo.directory().is_none() {
        return Ok(());
    }
    let name = crate::show::harmless(metainfo.name());
    let error = anyhow!("{name} is a directory, and standard output takes a single file");
    Err(Failure::usage(error).hint("-o DIR puts it into a directory"))
}

/// Writes all of it to standard output, as far as it has come and on, until nothing is missing.
///
/// # Errors
/// When standard output takes no more, or the content cannot be read again.
pub(super) async fn pour(file: Arc<File>, len: u64, mut status: watch::Receiver<Status>) -> io::Result<()> {
    let out = Arc::new(File::from(io::stdout().as_fd().try_clone_to_owned()?));
    let mut written = 0;
    while written < len {
        let Ok(ready) = status.wait_for(|status| status.unbroken > written).await.map(|seen| seen.unbroken)
        else {
            // The engine has ended, and says why.
            return std::future::pending().await;
        };
        let (file, out) = (Arc::clone(&file), Arc::clone(&out));
        // On another thread: who reads may take as long as they like.
        let copied = tokio::task::spawn_blocking(move || copy(&file, &out, written, ready)).await;
        copied.map_err(io::Error::other)??;
        written = ready;
    }
    Ok(())
}

fn copy(file: &File, mut out: &File, from: u64, to: u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut at = from;
    while at < to {
        let len = usize::try_from(to - at).unwrap_or(CHUNK).min(CHUNK);
        file.read_exact_at(&mut buffer[..len], at)?;
        out.write_all(&buffer[..len])?;
        at += len as u64;
    }
    Ok(())
}
