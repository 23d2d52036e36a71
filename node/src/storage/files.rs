//! The files of a content, read and written by positions in the content.

use std::collections::BTreeSet;
use std::fs::{File, Metadata, TryLockError};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use nix::sys::uio::pwritev;
use nix::unistd::{Whence, lseek};

use super::error::StorageError;
use super::layout::{Extent, Layout};
use super::place::{Access, Place};

/// So many files of a torrent are open at a time: few beside the connections, of which each needs a descriptor, too; opening a
/// file again costs some microseconds.
const MAX_OPEN: usize = 16;

/// The files of one content.
#[derive(Debug)]
pub(crate) struct Files {
    layout: Layout,
    /// Where the content was when it was opened, for messages.
    path: PathBuf,
    root: Root,
    access: Access,
    /// Those that are open in a directory; the one that was used last is at the end.
    open: Mutex<Vec<(usize, Arc<File>)>>,
    /// Those that were written and not synced since.
    dirty: Mutex<BTreeSet<usize>>,
    lock: Option<Lock>,
}

/// The content is this process's alone as long as this is there.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    /// A process that is being started has our descriptors for a moment, and with them the lock, so closing them is not enough.
    fn drop(&mut self) {
        // Where it fails there was no lock.
        let _ = self.0.unlock();
    }
}

#[derive(Debug)]
enum Root {
    File(Arc<File>),
    Directory(Place),
}

/// What the files look like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Inode of the file or directory that stands for the whole torrent.
    pub(super) inode: u64,
    /// Every file is there and as long as it is to be.
    pub(super) sized: bool,
    /// One of them is longer.
    pub(super) longer: bool,
    /// The last change of any of them, by content, name or attribute, in nanoseconds since 1970. No program can set it back.
    pub(super) changed: i128,
    /// Bytes of the disk that they take.
    pub(super) allocated: u64,
}

impl Files {
    /// The content under a name in a directory. Its files are made when they are missing and `access` says so.
    pub(super) fn open(
        place: &Place,
        name: &str,
        layout: Layout,
        access: Access,
    ) -> Result<Self, StorageError> {
        let root = if layout.is_single() {
            Root::File(Arc::new(place.file(name, access)?))
        } else {
            Root::Directory(place.directory(name, access == Access::Create)?)
        };
        Ok(Self::new(place.path().join(name), root, layout, access))
    }

    /// The content at a path that the user has named, to be read.
    pub(crate) fn at(path: &Path, layout: Layout) -> Result<Self, StorageError> {
        let root = if layout.is_single() {
            let file = File::open(path).map_err(StorageError::io("open", path))?;
            let metadata = file.metadata().map_err(StorageError::io("look at", path))?;
            if !metadata.is_file() {
                let found = if metadata.is_dir() { "a directory" } else { "neither a file nor a directory" };
                return Err(StorageError::Kind { path: path.into(), expected: "a file", found });
            }
            Root::File(Arc::new(file))
        } else {
            Root::Directory(Place::open(path)?)
        };
        Ok(Self::new(path.into(), root, layout, Access::Read))
    }

    /// The content in a file that is open already, to be read and written; the path is for messages.
    pub(super) fn over(file: Arc<File>, path: &Path, layout: Layout) -> Self {
        Self::new(path.into(), Root::File(file), layout, Access::Write)
    }

    fn new(path: PathBuf, root: Root, layout: Layout, access: Access) -> Self {
        Self { layout, path, root, access, open: Mutex::default(), dirty: Mutex::default(), lock: None }
    }

    /// Makes all files with their full lengths. Nothing is allocated by that: a disk that is full shows when it is written to.
    pub(super) fn allocate(&mut self) -> Result<(), StorageError> {
        self.access = Access::Create;
        let mut seen = BTreeSet::new();
        for (number, slot) in self.layout.kept() {
            let file = self.handle(number)?;
            let metadata = file.metadata().map_err(self.io("look at", number))?;
            if !seen.insert((metadata.dev(), metadata.ino())) {
                return Err(StorageError::Same { path: self.path_of(number) });
            }
            if metadata.len() != slot.len {
                file.set_len(slot.len).map_err(self.io("resize", number))?;
            }
        }
        // What disappears from now on is not made again: it would be empty.
        self.access = Access::Write;
        Ok(())
    }

    /// For `map_err`: the system refused something on a file.
    fn io(&self, what: &'static str, number: usize) -> impl FnOnce(io::Error) -> StorageError {
        move |source| StorageError::Io { what, path: self.path_of(number), source }
    }

    fn path_of(&self, number: usize) -> PathBuf {
        self.layout.slots()[number].path.iter().fold(self.path.clone(), |path, name| path.join(name))
    }

    /// An open file. Errors name its whole path.
    fn handle(&self, number: usize) -> Result<Arc<File>, StorageError> {
        let place = match &self.root {
            Root::File(file) => return Ok(Arc::clone(file)),
            Root::Directory(place) => place,
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().rposition(|&(other, _)| other == number) {
            if at + 1 != open.len() {
                let used = open.remove(at);
                open.push(used);
            }
            return Ok(Arc::clone(&open[open.len() - 1].1));
        }
        let file = Arc::new(descend(place, &self.layout.slots()[number].path, self.access)?);
        if open.len() == MAX_OPEN {
            open.remove(0);
        }
        open.push((number, Arc::clone(&file)));
        Ok(file)
    }

    /// Fills the buffer from a position of the content on.
    ///
    /// # Errors
    /// When the system cannot read, or files or content end before the buffer is full.
    pub(crate) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut rest = buffer;
        for Extent { file, offset, len, padding } in self.layout.extents(offset, rest.len() as u64) {
            let len = usize::try_from(len).expect("an extent of a buffer");
            let (part, after) = rest.split_at_mut(len);
            rest = after;
            if padding {
                part.fill(0);
            } else {
                let read = self
                    .handle(file)
                    .and_then(|open| open.read_exact_at(part, offset).map_err(self.io("read", file)));
                read.map_err(StorageError::into_io)?;
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Writes what is in the blocks, one after the other, from a position of the content on: one system call per file.
    pub(super) fn write_at(&self, offset: u64, blocks: &[Bytes]) -> io::Result<()> {
        let len = blocks.iter().map(|block| block.len() as u64).sum();
        let mut blocks = blocks.iter().map(|block| &block[..]);
        let mut begun: &[u8] = &[];
        for extent in self.layout.extents(offset, len) {
            let mut slices = Vec::new();
            let mut missing = usize::try_from(extent.len).expect("an extent of what is in memory");
            while missing > 0 {
                if begun.is_empty() {
                    begun = blocks.next().unwrap_or_default();
                    continue;
                }
                let (part, rest) = begun.split_at(missing.min(begun.len()));
                slices.push(IoSlice::new(part));
                missing -= part.len();
                begun = rest;
            }
            if !extent.padding {
                let file = self.handle(extent.file).map_err(StorageError::into_io)?;
                let written = write_all(&file, &mut slices, extent.offset);
                // Afterwards: a sync that runs meanwhile would take the mark and miss the bytes.
                self.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(extent.file);
                written.map_err(|error| self.io("write", extent.file)(error).into_io())?;
            }
        }
        Ok(())
    }

    /// Has the disk taken all that was written before? Files that were written are synced one by one.
    pub(super) fn sync(&self) -> io::Result<()> {
        let dirty = std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner));
        for number in dirty {
            let synced =
                self.handle(number).and_then(|file| file.sync_data().map_err(self.io("sync", number)));
            synced.map_err(StorageError::into_io)?;
        }
        Ok(())
    }

    /// Like [`sync`](Self::sync), and the names in all directories, too.
    pub(super) fn sync_names(&self) -> io::Result<()> {
        self.sync()?;
        let Root::Directory(root) = &self.root else { return Ok(()) };
        let above = self.layout.kept().filter_map(|(_, slot)| slot.path.split_last()).map(|(_, above)| above);
        let all: BTreeSet<&[String]> =
            above.flat_map(|path| (0..=path.len()).map(|depth| &path[..depth])).collect();
        for path in all {
            let synced = match path.split_first() {
                None => root.sync(),
                Some((first, rest)) => enter(root, first, rest, false).map_err(StorageError::into_io)?.sync(),
            };
            synced?;
        }
        Ok(())
    }

    /// How the files look. Missing ones are no error.
    pub(super) fn facts(&self) -> Result<Facts, StorageError> {
        let mut facts = Facts { inode: 0, sized: true, longer: false, changed: i128::MIN, allocated: 0 };
        let root = match &self.root {
            Root::File(file) => file.metadata(),
            Root::Directory(place) => place.as_file().and_then(|file| file.metadata()),
        };
        facts.inode = root.map_err(StorageError::io("look at", &self.path))?.ino();
        for (number, slot) in self.layout.kept() {
            let Some(metadata) = self.metadata(number)? else {
                facts.sized = false;
                continue;
            };
            facts.sized &= metadata.len() == slot.len;
            facts.longer |= metadata.len() > slot.len;
            facts.changed = facts.changed.max(changed(&metadata));
            facts.allocated = facts.allocated.saturating_add(metadata.blocks().saturating_mul(512));
        }
        Ok(facts)
    }

    fn metadata(&self, number: usize) -> Result<Option<Metadata>, StorageError> {
        match self.handle(number) {
            Ok(file) => Ok(Some(file.metadata().map_err(self.io("look at", number))?)),
            Err(StorageError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// May there be anything but holes in these bytes of the content? File systems that know no holes say yes to all.
    pub(super) fn is_written(&self, offset: u64, len: u64) -> bool {
        self.layout.extents(offset, len).all(|extent| {
            if extent.padding {
                return true;
            }
            let Ok(file) = self.handle(extent.file) else { return false };
            let Ok(from) = i64::try_from(extent.offset) else { return false };
            match lseek(&file, from, Whence::SeekHole) {
                Ok(hole) => u64::try_from(hole).is_ok_and(|hole| hole >= extent.offset + extent.len),
                // Past the end there is nothing; a file system that cannot tell has to be read.
                Err(error) => error != nix::errno::Errno::ENXIO,
            }
        })
    }

    /// Takes the content for this process alone, as long as these files are open; false when another has it. Where a file
    /// system knows no locks, everybody gets it.
    pub(super) fn lock(&mut self) -> bool {
        // A duplicate of the descriptor shares the lock.
        let file = match &self.root {
            Root::File(file) => file.try_clone(),
            Root::Directory(place) => place.as_file(),
        };
        let Ok(file) = file else { return true };
        let locked = file.try_lock();
        if locked.is_ok() {
            self.lock = Some(Lock(file));
        }
        !matches!(locked, Err(TryLockError::WouldBlock))
    }
}

/// When the inode was changed last, in nanoseconds since 1970.
pub(super) fn changed(metadata: &Metadata) -> i128 {
    i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec())
}

/// The file at a path below a directory, made with all directories on the way when it shall be.
fn descend(place: &Place, path: &[String], access: Access) -> Result<File, StorageError> {
    match path {
        [] => place.file("", access),
        [name] => place.file(name, access),
        [first, rest @ .., name] => enter(place, first, rest, access == Access::Create)?.file(name, access),
    }
}

fn enter(place: &Place, first: &str, rest: &[String], create: bool) -> Result<Place, StorageError> {
    let mut inner = place.directory(first, create)?;
    for name in rest {
        inner = inner.directory(name, create)?;
    }
    Ok(inner)
}

fn write_all(file: &File, mut slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    while !slices.is_empty() {
        let at = i64::try_from(offset).map_err(io::Error::other)?;
        match pwritev(file, slices, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut slices, written);
            }
            Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
