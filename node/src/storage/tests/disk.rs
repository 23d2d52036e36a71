//! Operations, and what becomes of them.

use std::fs;

use bytes::Bytes;
use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::id::{BlockRef, BlockSpan, ConnId};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{Content, Mode, Mounted, Running};

/// Files of odd lengths with empty ones between them: most blocks are in several.
fn scattered() -> Content {
    let lens = [1, 0, 20_000, 5, 0, 0, 16_384, 33_333, 7, 90_000];
    let names: Vec<_> = (0..lens.len()).map(|number| format!("{}/{number}", number % 3)).collect();
    let files: Vec<_> = names.iter().zip(lens).map(|(name, len)| (name.as_str(), len)).collect();
    Content::directory("scattered", &files, 64 * 1024)
}

fn read(conn: u32, index: u32, begin: u32, length: u32) -> DiskOp<Bytes> {
    DiskOp::Read { conn: ConnId::new(conn, 0), span: BlockSpan { index, begin, length } }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn blocks_in_any_order_and_grouping_give_the_files(
        order in Just((0..11_usize).collect::<Vec<_>>()).prop_shuffle(),
        groups in proptest::collection::vec(1_usize..6, 11),
        spans in proptest::collection::vec((0_u32..3, 0_u32..65_536, 1_u32..20_000), 20),
    ) {
        let content = scattered();
        let dir = TempDir::new().unwrap();
        let mut running = Running::download(&content, dir.path());
        let blocks: Vec<_> = content.pieces().flat_map(|piece| content.blocks(piece)).collect();
        assert!(blocks.len() <= order.len());
        let mut left: Vec<_> = order.iter().filter_map(|&at| blocks.get(at).copied()).collect();
        for size in groups {
            let group: Vec<_> = left.drain(..size.min(left.len())).collect();
            running.perform(group.into_iter().map(|block| content.write(block)).collect());
        }
        prop_assert_eq!(running.verify(content.pieces()), content.pieces().len());

        let geometry = content.metainfo.geometry();
        let whole: Vec<_> = content.pieces().flat_map(|piece| content.blocks(piece)).map(|block| geometry.span(block)).collect();
        let odd = spans.iter().map(|&(index, begin, length)| BlockSpan { index, begin, length });
        let ops: Vec<_> = whole.into_iter().chain(odd).map(|span| DiskOp::Read { conn: ConnId::new(1, 0), span }).collect();
        for done in running.perform(ops) {
            match done {
                DiskDone::Read { index, begin, data, .. } => {
                    let start = index as usize * 65_536 + begin as usize;
                    prop_assert_eq!(&data, &content.bytes.slice(start..start + data.len()));
                }
                DiskDone::ReadFailed { span, .. } => prop_assert!(geometry.checked_span(span).is_none()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let path = running.finish().unwrap();
        prop_assert_eq!(content.on_disk(&path), content.bytes);
    }
}

#[test]
fn padding_files_are_zeros_and_not_written() {
    // "a" of 10 bytes, 16 374 bytes of padding, "b" of 20 000 bytes, in two pieces of 32 KiB.
    let inner = |pad: &str| {
        format!(
            "d5:filesld6:lengthi10e4:pathl1:aeed4:attr1:p6:lengthi16374e4:pathl4:.pad5:16374ee\
             d6:lengthi20000e4:pathl1:beee4:name3:dir12:piece lengthi32768e6:pieces40:{pad}e"
        )
    };
    let bytes: Bytes =
        [&[1; 10][..], &[0; 16_374], &(0..20_000_u32).map(|at| at.to_le_bytes()[0]).collect::<Vec<_>>()]
            .concat()
            .into();
    let hashes: Vec<u8> = bytes
        .chunks(32_768)
        .flat_map(|piece| <[u8; 20]>::from(<sha1::Sha1 as sha1::Digest>::digest(piece)))
        .collect();
    let text = inner(&"x".repeat(40)).into_bytes();
    let at = text.windows(40).position(|window| window == [b'x'; 40]).unwrap();
    let info = [b"d4:info", &text[..at], &hashes, &text[at + 40..], b"e"].concat();
    let content = Content { metainfo: minibit_core::metainfo::Metainfo::parse(&info).unwrap().into(), bytes };

    let dir = TempDir::new().unwrap();
    let mut running = Running::download(&content, dir.path());
    assert_eq!(running.fetch(&content, content.pieces()), 2);
    running.close();
    let again = Running::download(&content, dir.path());
    assert_eq!((again.have, again.report.trusted), (2, 2));
    let path = again.finish().unwrap();
    assert_eq!(super::names(&path), ["a", "b"]);
    assert_eq!(fs::read(path.join("a")).unwrap(), content.bytes[..10]);
    assert_eq!(fs::read(path.join("b")).unwrap(), content.bytes[16_384..]);
}

#[test]
fn wrong_bytes_are_found_and_told_apart() {
    let content = scattered();
    let dir = TempDir::new().unwrap();
    let mut running = Running::download(&content, dir.path());
    let piece = content.pieces().next().unwrap();
    let blocks: Vec<_> = content.blocks(piece).collect();
    let wrong = |block: BlockRef| {
        let data = if block.block == 2 { vec![0; 16_384].into() } else { content.data(block) };
        DiskOp::Write { block, data }
    };
    let fingerprints = |running: &mut Running| match &running.perform(vec![DiskOp::Fingerprint { piece }])[..]
    {
        [DiskDone::Fingerprints { blocks, .. }] => blocks.clone(),
        other => panic!("{other:?}"),
    };
    running.perform(blocks.iter().map(|&block| wrong(block)).collect());
    assert_eq!(running.verify([piece]), 0);
    let before = fingerprints(&mut running);
    assert_eq!(running.fetch(&content, [piece]), 1);
    let after = fingerprints(&mut running);
    let same: Vec<_> = before.iter().zip(&after).map(|(before, after)| before == after).collect();
    assert_eq!(same, [true, true, false, true]);

    // A block that is written again before the piece is verified.
    let piece = content.pieces().nth(1).unwrap();
    running.perform(content.blocks(piece).map(wrong).collect());
    running.perform(content.blocks(piece).map(|block| content.write(block)).collect());
    assert_eq!(running.verify([piece]), 1);
    running.perform(content.blocks(piece).map(wrong).collect());
    assert_eq!(running.verify([piece]), 0, "what is hashed is what is on the disk");
}

#[test]
fn a_broken_disk_is_told_for_each_operation() {
    let content = scattered();
    let dir = TempDir::new().unwrap();
    let mut running = Running::download(&content, dir.path());
    running.fetch(&content, content.pieces());
    let path = running.finish().unwrap();
    running.close();

    // Opened to be read, every write fails: as on a disk that has become read-only.
    let mut seed = Running::start(&content, &path, Mode::Seed).unwrap();
    assert_eq!(seed.have as usize, content.pieces().len());
    let piece = content.pieces().next().unwrap();
    let done = seed.perform(content.blocks(piece).map(|block| content.write(block)).collect());
    let failed: Vec<_> = done
        .iter()
        .map(|done| matches!(done, DiskDone::WriteFailed { block } if block.piece == piece))
        .collect();
    assert_eq!(failed, [true; 4]);
    assert!(seed.disk.last_error().unwrap().starts_with("cannot write /"), "{:?}", seed.disk.last_error());

    // A file that ends too early: what is before and behind is still served, and the piece is not called wrong.
    let short = fs::File::options().write(true).open(path.join("2/2")).unwrap();
    short.set_len(19_000).unwrap();
    let done =
        seed.perform(vec![read(0, 0, 0, 16_384), read(0, 0, 16_384, 16_384), read(0, 0, 32_768, 16_384)]);
    let failed: Vec<_> = done.iter().map(|done| matches!(done, DiskDone::ReadFailed { .. })).collect();
    assert_eq!(failed, [false, true, false]);
    let done = seed.perform(vec![DiskOp::Verify { piece }, DiskOp::Fingerprint { piece }]);
    assert!(
        matches!(&done[..], [DiskDone::WriteFailed { .. }, DiskDone::Fingerprints { blocks, .. }] if blocks.is_empty())
    );
    seed.close();
}

#[test]
fn a_full_disk_keeps_what_is_there_and_goes_on_when_there_is_room() {
    let Some(mounted) = Mounted::tmpfs("1m") else { return };
    let dir = mounted.0.path();
    let content = Content::file("movie", 800_000, 64 * 1024);
    fs::write(dir.join("other"), vec![1; 600_000]).unwrap();
    let mut running = Running::download(&content, dir);
    let shortage = running.report.short_of_space.expect("it is foreseen");
    assert!(shortage.free < shortage.needed && shortage.needed == 800_000, "{shortage:?}");
    let done = running.perform(
        content.pieces().flat_map(|piece| content.blocks(piece)).map(|block| content.write(block)).collect(),
    );
    let written: Vec<_> = content
        .pieces()
        .filter(|piece| {
            let fails = |done: &DiskDone<Bytes>| matches!(done, DiskDone::WriteFailed { block } if block.piece == *piece);
            !done.iter().any(fails)
        })
        .collect();
    assert!((3..=6).contains(&written.len()), "{} of 13 pieces are written", written.len());
    assert!(running.disk.last_error().unwrap().contains("No space left"), "{:?}", running.disk.last_error());
    assert_eq!(
        running.verify(written.iter().copied()),
        written.len(),
        "the record was given its room before"
    );
    running.close();

    // Not even room for a new record: what is there can be seeded.
    let full = Running::download(&content, dir);
    assert_eq!(full.report.trusted as usize, written.len());
    full.close();

    fs::remove_file(dir.join("other")).unwrap();
    let mut again = Running::download(&content, dir);
    assert_eq!(again.report.trusted as usize, written.len());
    again.fetch(&content, content.pieces().filter(|piece| !written.contains(piece)));
    assert_eq!(fs::read(again.finish().unwrap()).unwrap(), content.bytes);
}
