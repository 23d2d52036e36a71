//! What can be wrong with a place for content.

use std::io;
use std::path::PathBuf;

/// Why content cannot be kept, or read, at its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum StorageError {
    /// The system refused something.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried, as in "cannot … PATH".
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is something else: a directory where a file is to be, a link, a device.
    #[error("{} is {found}, and not {expected}", path.display())]
    Kind {
        /// Where.
        path: PathBuf,
        /// What is to be there.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// Writing to a file would change the file of another name, too.
    #[error("{} has another name (a hard link); writing would change what is there", path.display())]
    Linked {
        /// The file.
        path: PathBuf,
    },
    /// Content of another torrent, or another version of it, has the name; it is not overwritten.
    #[error("{} exists and is not what the torrent describes", path.display())]
    Different {
        /// What is in the way.
        path: PathBuf,
    },
    /// Two names of the torrent lead to one file, as `A` and `a` do on some file systems: one would overwrite the other.
    #[error("{} is another file of the torrent at the same time; the file system takes their names for one", path.display())]
    Same {
        /// The second of them.
        path: PathBuf,
    },
    /// Another process downloads to this place.
    #[error("{} is in use by another download", path.display())]
    InUse {
        /// The partial file or directory.
        path: PathBuf,
    },
    /// A download was to begin with pieces of other content, and has begun already.
    #[error("{} is there already: a download begins with pieces of something else only where nothing is", path.display())]
    Begun {
        /// What is there.
        path: PathBuf,
    },
    /// A piece that was to be taken from content is not what the torrent says.
    #[error("piece {piece} of {} is not what the torrent describes", path.display())]
    WrongPiece {
        /// The content.
        path: PathBuf,
        /// The piece.
        piece: u32,
    },
    /// The download was to be finished, but not every piece is verified.
    #[error("{missing} pieces are not verified yet")]
    Incomplete {
        /// How many.
        missing: u32,
    },
    /// The disk's threads are gone.
    #[error("the storage is closed")]
    Closed,
}

impl StorageError {
    /// For `map_err`: the system refused `what` on `path`.
    pub(crate) fn io<E: Into<io::Error>>(
        what: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(E) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source: source.into() }
    }

    /// As an error of reading or writing, with the kind that the system gave it.
    pub(super) fn into_io(self) -> io::Error {
        let kind = if let Self::Io { source, .. } = &self { source.kind() } else { io::ErrorKind::Other };
        io::Error::new(kind, self)
    }
}
