//! Directories, entered one by one, and what is opened in them.
//!
//! Names of a torrent come from strangers, and others may be at work in the directory. Every name is opened relative to the
//! open directory that it is in, and a symbolic link is never followed: nothing outside is touched, even when a directory is
//! replaced by a link at the same moment. Only the path that the user has typed may lead through links.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::error::StorageError;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Missing,
    File,
    Directory,
    /// Neither of them, in words.
    Other(&'static str),
}

impl Kind {
    const fn of(mode: u32) -> Self {
        let kind = SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()).bits();
        if kind == SFlag::S_IFREG.bits() {
            Self::File
        } else if kind == SFlag::S_IFDIR.bits() {
            Self::Directory
        } else if kind == SFlag::S_IFLNK.bits() {
            Self::Other("a symbolic link")
        } else {
            Self::Other("neither a file nor a directory")
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Other(words) => words,
        }
    }
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// To be read.
    Read,
    /// To be read and written; it has this name alone.
    Write,
    /// Like `Write`; an empty one is made when there is none.
    Create,
    /// A new one.
    New,
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Place {
    fd: OwnedFd,
    /// For messages; the directory may have another name by now.
    path: PathBuf,
}

impl Place {
    /// A directory that the user has named.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let fd = File::open(path).map_err(StorageError::io("open", path))?;
        let metadata = fd.metadata().map_err(StorageError::io("look at", path))?;
        let found = Kind::of(metadata.mode());
        if found == Kind::Directory {
            return Ok(Self { fd: fd.into(), path: path.into() });
        }
        Err(StorageError::Kind { path: path.into(), expected: "a directory", found: found.words() })
    }

    /// Where the directory was when it was opened.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is there under the name, links not followed.
    pub(super) fn kind(&self, name: &str) -> Result<Kind, StorageError> {
        match fstatat(&self.fd, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Kind::of(stat.st_mode)),
            Err(Errno::ENOENT) => Ok(Kind::Missing),
            Err(error) => Err(StorageError::io("look at", self.path.join(name))(error)),
        }
    }

    /// The directory of that name; made when there is none and it shall be.
    pub(super) fn directory(&self, name: &str, create: bool) -> Result<Self, StorageError> {
        let path = self.path.join(name);
        if create {
            match mkdirat(&self.fd, name, Mode::from_bits_truncate(0o777)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(error) => return Err(StorageError::io("create", path)(error)),
            }
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match openat(&self.fd, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Self { fd, path }),
            Err(Errno::ENOTDIR | Errno::ELOOP) => {
                let found = self.kind(name)?.words();
                Err(StorageError::Kind { path, expected: "a directory", found })
            }
            Err(error) => Err(StorageError::io("open", path)(error)),
        }
    }

    /// The file of that name.
    pub(super) fn file(&self, name: &str, access: Access) -> Result<File, StorageError> {
        let path = self.path.join(name);
        let wrong = |found: Kind, path: &Path| StorageError::Kind {
            path: path.into(),
            expected: "a file",
            found: found.words(),
        };
        // A pipe would hold the opener up without `O_NONBLOCK`; for files it means nothing.
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let flags = flags
            | match access {
                Access::Read => OFlag::O_RDONLY,
                Access::Write => OFlag::O_RDWR,
                Access::Create => OFlag::O_RDWR | OFlag::O_CREAT,
                Access::New => OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL,
            };
        let file = match openat(&self.fd, name, flags, Mode::from_bits_truncate(0o666)) {
            Ok(fd) => File::from(fd),
            Err(Errno::ELOOP | Errno::EISDIR | Errno::ENXIO) => return Err(wrong(self.kind(name)?, &path)),
            Err(error) => return Err(StorageError::io("open", path)(error)),
        };
        let metadata = file.metadata().map_err(StorageError::io("look at", &path))?;
        let found = Kind::of(metadata.mode());
        if found != Kind::File {
            return Err(wrong(found, &path));
        }
        if access != Access::Read && metadata.nlink() > 1 {
            return Err(StorageError::Linked { path });
        }
        Ok(file)
    }

    /// Gives a file or directory another name, unless that is taken.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), StorageError> {
        match self.rename_to_free(from, to) {
            Ok(()) => Ok(()),
            Err(Errno::EEXIST) => Err(StorageError::Different { path: self.path.join(to) }),
            Err(error) => Err(StorageError::io("rename", self.path.join(from))(error)),
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn rename_to_free(&self, from: &str, to: &str) -> nix::Result<()> {
        use nix::fcntl::{RenameFlags, renameat2};
        match renameat2(&self.fd, from, &self.fd, to, RenameFlags::RENAME_NOREPLACE) {
            // Not every file system can.
            Err(Errno::EINVAL | Errno::ENOSYS) => self.rename_after_a_look(from, to),
            renamed => renamed,
        }
    }

    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    fn rename_to_free(&self, from: &str, to: &str) -> nix::Result<()> {
        self.rename_after_a_look(from, to)
    }

    /// The name may get taken between the look and the renaming; there is nothing better here.
    fn rename_after_a_look(&self, from: &str, to: &str) -> nix::Result<()> {
        match fstatat(&self.fd, to, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Err(Errno::EEXIST),
            Err(Errno::ENOENT) => self.replace(from, to),
            Err(error) => Err(error),
        }
    }

    /// Gives a file the name of another, which is gone then: a file of our own, not one of the user's.
    pub(super) fn replace(&self, from: &str, to: &str) -> nix::Result<()> {
        nix::fcntl::renameat(&self.fd, from, &self.fd, to)
    }

    /// Removes a file, when it is there.
    pub(super) fn remove(&self, name: &str) -> Result<(), StorageError> {
        match unlinkat(&self.fd, name, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(StorageError::io("remove", self.path.join(name))(error)),
        }
    }

    /// Makes names that were added, changed or removed last. Some file systems cannot do that for directories: they do it always.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self.as_file()?.sync_all() {
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            synced => synced,
        }
    }

    /// The directory as what the standard library locks, syncs and looks at.
    pub(super) fn as_file(&self) -> io::Result<File> {
        Ok(self.fd.try_clone()?.into())
    }

    /// Bytes that are free for us, as far as the file system says.
    pub(super) fn free(&self) -> Option<u64> {
        free(&self.fd)
    }
}

/// Bytes that are free for us where this is, as far as the file system says.
pub(super) fn free(fd: impl AsFd) -> Option<u64> {
    let stat = nix::sys::statvfs::fstatvfs(fd).ok()?;
    Some(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// The directory, made with all above it when it is missing.
pub(super) fn make(path: &Path) -> Result<Place, StorageError> {
    fs::create_dir_all(path).map_err(StorageError::io("create", path))?;
    Place::open(path)
}
