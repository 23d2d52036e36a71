//! `node create`: a torrent file of a file or a directory.
//!
//! The same content gives the same bytes, on every machine and at any time: files are in the order of their paths, and no date
//! is written. The torrent file appears under its name only when it is whole.

mod content;
mod progress;

use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use minibit_core::metainfo::Metainfo;

use self::content::Content;
use self::progress::Progress;
use crate::cli::Create;
use crate::failure::Failure;
use crate::storage::{Files, hash_pieces};
use crate::{called_as, show, whole};

pub(crate) fn run(options: &Create) -> Result<(), Failure> {
    let content = Content::find(&options.path)?;
    let output = options.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.torrent", content.name)));
    refuse_to_overwrite(&output, options)?;
    let metainfo = describe(&content, options)?;
    write(&output, &metainfo.to_bytes(), options)?;

    let geometry = metainfo.geometry();
    writeln!(
        io::stderr(),
        "{}: {} in {}, {} of {}\ninfo-hash {}",
        show::harmless(metainfo.name()),
        show::size(geometry.len()),
        show::count(metainfo.files().len() as u64, "file"),
        show::count(geometry.piece_count().into(), "piece"),
        show::size(geometry.nominal_piece_len().into()),
        metainfo.info_hash().to_hex(),
    )?;
    writeln!(io::stdout(), "{}", output.display())?;
    Ok(())
}

/// The metainfo of a file or directory, without a torrent file.
pub(crate) fn metainfo_of(path: &Path) -> Result<Metainfo, Failure> {
    let options = Create {
        path: path.into(),
        output: None,
        trackers: Vec::new(),
        piece_length: None,
        private: false,
        sha1: false,
        force: false,
    };
    describe(&Content::find(path)?, &options)
}

/// Hashes everything, on all cores.
fn describe(content: &Content, options: &Create) -> Result<Metainfo, Failure> {
    let program = concat!("MiniBit ", env!("CARGO_PKG_VERSION"));
    let mut builder = content.builder().private(options.private).created_by(program);
    for tracker in &options.trackers {
        builder = builder.tier([tracker]);
    }
    if let Some(len) = options.piece_length {
        builder = builder.piece_len(len);
    }
    let cannot = || format!("cannot make a torrent of {}", options.path.display());
    let geometry = builder.geometry().with_context(cannot)?;
    let files = Files::at(&options.path, content.layout())?;
    let mut progress = Progress::new(geometry.len());
    let mut hashes = vec![[0; 20]; geometry.piece_count() as usize];
    let mut failed = None;
    let read = |offset, buffer: &mut [u8]| files.read_at(offset, buffer);
    hash_pieces(geometry, &geometry.pieces().collect::<Vec<_>>(), &read, |piece, hash| match hash {
        Ok(hash) => {
            hashes[piece.index()] = hash;
            progress.advance(geometry.piece_len(piece).into());
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    });
    drop(progress);
    if options.sha1 {
        let digests = content.files.iter().map(|(path, _)| whole::sha1_of(path));
        builder = builder.sha1(digests.collect::<Result<_, _>>()?);
    }
    // Two files that changed by as much in opposite directions would not show in the total.
    if let Some(changed) = content.changed() {
        return Err(anyhow!("{} has changed while it was read", changed.display()).into());
    }
    failed.map_or(Ok(()), Err)?;
    Ok(builder.build(&hashes).with_context(cannot)?)
}

/// Before hours of hashing, and not after.
fn refuse_to_overwrite(output: &Path, options: &Create) -> Result<(), Failure> {
    if options.force
        || !output.try_exists().with_context(|| format!("cannot look at {}", output.display()))?
    {
        return Ok(());
    }
    Err(exists(output))
}

fn exists(output: &Path) -> Failure {
    Failure::usage(anyhow!("{} exists", output.display()))
        .hint(format!("{} create --force replaces it; -o FILE takes another name", called_as()))
}

/// Writes the file under another name beside its place, then gives it its own: nobody sees a half of it.
fn write(output: &Path, bytes: &[u8], options: &Create) -> Result<(), Failure> {
    let cannot_write = || format!("cannot write {}", output.display());
    let directory = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".minibit-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // As for any new file: what the umask leaves. Temporary files are private otherwise.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.tempfile_in(directory).with_context(cannot_write)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(cannot_write)?;
    let written = if options.force { file.persist(output) } else { file.persist_noclobber(output) };
    match written {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(output)),
        Err(error) => Err(anyhow!(error.error).context(cannot_write()).into()),
    }
}
