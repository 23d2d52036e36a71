//! Where the bytes of the content are: in which file, and where in it (BEP 3 *files*, BEP 47 *padding files*).
//!
//! The content is all files one after the other; pieces and blocks know nothing of where a file ends. Files of no length hold
//! no byte of it, padding files hold zeros that are on no disk.

use minibit_core::metainfo::Metainfo;

/// One file's place in the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Directories and name below the directory of the torrent; no elements when the torrent is a single file.
    pub(crate) path: Vec<String>,
    /// Position of its first byte in the content.
    pub(crate) offset: u64,
    /// Length in bytes.
    pub(crate) len: u64,
    /// Its bytes are zeros and are not kept.
    pub(crate) padding: bool,
}

impl Slot {
    const fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// A part of the content that is in one file; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The file's number in [`Layout::slots`].
    pub(crate) file: usize,
    /// Position of the first byte in that file.
    pub(crate) offset: u64,
    /// Number of bytes.
    pub(crate) len: u64,
    /// The bytes are zeros and are not kept.
    pub(crate) padding: bool,
}

/// The files of a content, in order and without gaps.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    slots: Vec<Slot>,
    single: bool,
}

impl Layout {
    /// The files of a torrent.
    pub(crate) fn of(metainfo: &Metainfo) -> Self {
        let single = metainfo.directory().is_none();
        let slots = metainfo.files().iter().map(|file| Slot {
            path: if single { Vec::new() } else { file.path.clone() },
            offset: file.offset,
            len: file.len,
            padding: file.padding,
        });
        Self { slots: slots.collect(), single }
    }

    /// One file of that length.
    pub(crate) fn file(len: u64) -> Self {
        Self { slots: vec![Slot { path: Vec::new(), offset: 0, len, padding: false }], single: true }
    }

    /// Files with their paths below a directory, and their lengths.
    pub(crate) fn directory(files: impl IntoIterator<Item = (Vec<String>, u64)>) -> Self {
        let mut offset = 0_u64;
        let place = |(path, len)| {
            let slot = Slot { path, offset, len, padding: false };
            offset = slot.end();
            slot
        };
        Self { slots: files.into_iter().map(place).collect(), single: false }
    }

    /// Is it one file, and not a directory of files?
    pub(crate) const fn is_single(&self) -> bool {
        self.single
    }

    /// All files in order.
    pub(crate) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The files that are on the disk, with their numbers.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (usize, &Slot)> {
        self.slots.iter().enumerate().filter(|(_, slot)| !slot.padding)
    }

    /// Length of the content in bytes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        self.slots.last().map_or(0, Slot::end)
    }

    /// Where these bytes of the content are, in order; shorter when the content ends before. Finding the first costs a binary
    /// search.
    pub(crate) fn extents(&self, offset: u64, len: u64) -> impl Iterator<Item = Extent> + '_ {
        let end = offset.saturating_add(len);
        let first = self.slots.partition_point(|slot| slot.end() <= offset);
        let reached =
            self.slots.iter().enumerate().skip(first).take_while(move |(_, slot)| slot.offset < end);
        reached.filter_map(move |(file, slot)| {
            let from = offset.max(slot.offset);
            let to = end.min(slot.end());
            let extent = Extent {
                file,
                offset: from - slot.offset,
                len: to.checked_sub(from)?,
                padding: slot.padding,
            };
            (extent.len > 0).then_some(extent)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn layout(lens: &[(u64, bool)]) -> Layout {
        let names = (0..).map(|number| vec![format!("{number}")]);
        let mut layout = Layout::directory(names.zip(lens.iter().map(|&(len, _)| len)));
        for (slot, &(_, padding)) in layout.slots.iter_mut().zip(lens) {
            slot.padding = padding;
        }
        layout
    }

    #[test]
    fn a_block_spans_files_and_passes_by_empty_ones() {
        let layout = layout(&[(0, false), (10, false), (0, false), (6, true), (100, false), (0, false)]);
        assert_eq!(layout.len(), 116);
        let spans: Vec<_> = layout.extents(8, 12).collect();
        assert_eq!(
            spans,
            [
                Extent { file: 1, offset: 8, len: 2, padding: false },
                Extent { file: 3, offset: 0, len: 6, padding: true },
                Extent { file: 4, offset: 0, len: 4, padding: false },
            ]
        );
        assert_eq!(layout.extents(110, 50).map(|extent| extent.len).sum::<u64>(), 6);
        assert_eq!(layout.extents(116, 1).count(), 0);
        assert_eq!(layout.extents(5, 0).count(), 0);
    }

    proptest! {
        /// The naive model: one entry per byte of the content.
        #[test]
        fn agrees_with_a_list_of_all_bytes(
            lens in proptest::collection::vec((0_u64..20, any::<bool>()), 1..12),
            offset in 0_u64..150,
            len in 0_u64..150,
        ) {
            let mut bytes = Vec::new();
            for (file, &(len, padding)) in lens.iter().enumerate() {
                bytes.extend((0..len).map(|at| (file, at, padding)));
            }
            let layout = layout(&lens);
            prop_assert_eq!(layout.len(), bytes.len() as u64);
            let mut expected = bytes.into_iter().skip(usize::try_from(offset).unwrap());
            let mut left = len;
            for extent in layout.extents(offset, len) {
                prop_assert!(extent.len > 0);
                for at in 0..extent.len {
                    prop_assert_eq!(expected.next(), Some((extent.file, extent.offset + at, extent.padding)));
                    left -= 1;
                }
            }
            prop_assert!(left == 0 || expected.next().is_none());
        }
    }
}
