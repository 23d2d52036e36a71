//! What a new process makes of what another one has left behind.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::process::Command;
use std::thread;

use tempfile::TempDir;

use super::super::files::Files;
use super::super::layout::Layout;
use super::super::place::{Access, Place};
use super::super::record;
use super::{Content, Mode, Running, names, wait};

/// 100 pieces of two blocks each.
fn content() -> Content {
    Content::file("movie.mp4", 100 * 32 * 1024, 32 * 1024)
}

/// A download that has its first 40 pieces, and all blocks of the next one without its having been verified.
fn interrupted(content: &Content) -> TempDir {
    let dir = TempDir::new().unwrap();
    let mut running = Running::download(content, dir.path());
    assert_eq!(running.fetch(content, content.pieces().take(40)), 40);
    let unverified = content.pieces().nth(40).unwrap();
    running.perform(content.blocks(unverified).map(|block| content.write(block)).collect());
    running.close();
    dir
}

fn record_of(content: &Content) -> String {
    format!(".minibit-{}.resume", content.metainfo.info_hash().to_hex())
}

#[test]
fn what_is_recorded_is_trusted_and_what_else_is_written_is_found() {
    let content = content();
    let dir = interrupted(&content);
    let mut again = Running::download(&content, dir.path());
    assert_eq!((again.have, again.report.trusted, again.report.hashed), (41, 40, 1));
    assert_eq!(again.fetch(&content, content.pieces().skip(41)), 59);
    let path = again.finish().unwrap();
    assert_eq!(fs::read(path).unwrap(), content.bytes);
    assert_eq!(names(dir.path()), ["movie.mp4"]);
}

/// What was synced when it was closed is trusted after a restart of the system, and no more than that.
#[test]
fn closing_syncs_what_is_verified() {
    let content = content();
    let dir = interrupted(&content);
    let place = Place::open(dir.path()).unwrap();
    let found = record::read(&place, content.metainfo.info_hash(), 100);
    let files = Files::open(&place, "movie.mp4.part", Layout::of(&content.metainfo), Access::Read).unwrap();
    let (have, synced) = record::trusted(found, &files.facts().unwrap(), &[b'x'; 36], i128::MAX, 100);
    assert_eq!((have.count(), synced.count()), (40, 40));
}

#[test]
fn a_record_that_was_left_behind_is_removed() {
    let content = content();
    let dir = interrupted(&content);
    fs::remove_file(dir.path().join("movie.mp4.part")).unwrap();
    fs::write(dir.path().join("movie.mp4"), &content.bytes).unwrap();
    assert_eq!(Running::download(&content, dir.path()).have, 100);
    assert_eq!(names(dir.path()), ["movie.mp4"]);
}

#[test]
fn without_a_sound_record_all_that_is_written_is_hashed() {
    let content = content();
    let other = Content::file("other", 100 * 32 * 1024, 32 * 1024);
    let foreign = interrupted(&other);
    let foreign = fs::read(foreign.path().join(record_of(&other))).unwrap();
    for record in [None, Some(vec![]), Some(vec![0; 100]), Some(foreign)] {
        let dir = interrupted(&content);
        let path = dir.path().join(record_of(&content));
        match record {
            None => fs::remove_file(path).unwrap(),
            Some(bytes) => fs::write(path, bytes).unwrap(),
        }
        let again = Running::download(&content, dir.path());
        assert_eq!((again.have, again.report.trusted, again.report.hashed), (41, 0, 41));
        again.close();
        // The new record is as good as the old one was.
        let third = Running::download(&content, dir.path());
        assert_eq!((third.have, third.report.trusted), (41, 41));
    }
}

#[test]
fn a_file_that_is_another_one_is_checked() {
    let content = content();
    let dir = interrupted(&content);
    let partial = dir.path().join("movie.mp4.part");
    let mut bytes = fs::read(&partial).unwrap();
    bytes[5 * 32 * 1024] ^= 1;
    fs::write(dir.path().join("new"), bytes).unwrap();
    fs::rename(dir.path().join("new"), &partial).unwrap();
    let again = Running::download(&content, dir.path());
    assert_eq!((again.have, again.report.trusted), (40, 0), "one of the 41 has a wrong byte");
}

#[test]
fn a_file_that_became_shorter_or_longer_is_checked() {
    let content = content();
    for len in [10 * 32 * 1024 + 1, 100 * 32 * 1024 + 1] {
        let dir = interrupted(&content);
        let partial = fs::File::options().write(true).open(dir.path().join("movie.mp4.part")).unwrap();
        partial.set_len(len).unwrap();
        let mut again = Running::download(&content, dir.path());
        let left = if len < 1_000_000 { 10 } else { 41 };
        assert_eq!((again.have, again.report.trusted), (left, 0));
        assert_eq!(again.fetch(&content, content.pieces().skip(left as usize)), 100 - left as usize);
        assert_eq!(fs::read(again.finish().unwrap()).unwrap(), content.bytes);
    }
}

#[test]
fn what_has_the_name_already_is_used() {
    let content = content();
    let dir = TempDir::new().unwrap();
    let name = dir.path().join("movie.mp4");
    // Wrong in the middle, and too short.
    fs::write(&name, &content.bytes[..90 * 32 * 1024]).unwrap();
    fs::File::options().write(true).open(&name).unwrap().write_all_at(b"wrong", 1_000_000).unwrap();
    let mut running = Running::download(&content, dir.path());
    assert_eq!(running.report.continued, Some(name.clone()));
    assert_eq!((running.have, running.report.hashed), (89, 100));
    assert!(!name.exists(), "nothing incomplete has the name");
    running.fetch(&content, content.pieces().skip(30).take(1));
    running.fetch(&content, content.pieces().skip(90));
    assert_eq!(running.finish().unwrap(), name);
    assert_eq!(fs::read(name).unwrap(), content.bytes);
}

#[test]
fn a_second_download_of_the_same_waits_its_turn() {
    let content = content();
    let dir = TempDir::new().unwrap();
    let first = Running::download(&content, dir.path());
    let second = Running::start(&content, dir.path(), super::Mode::Download).err().unwrap();
    assert!(matches!(second, super::StorageError::InUse { .. }), "{second}");
    wait(first.disk.close()).unwrap();
    Running::download(&content, dir.path());
}

/// A process that is being started has all descriptors of its parent until it runs its own program.
#[test]
fn a_process_that_is_being_started_does_not_keep_the_content() {
    let content = content();
    let dir = TempDir::new().unwrap();
    let starting = thread::spawn(|| {
        for _ in 0..300 {
            Command::new("true").status().unwrap();
        }
    });
    while !starting.is_finished() {
        let running = Running::download(&content, dir.path());
        wait(running.disk.close()).unwrap();
    }
    starting.join().unwrap();
}

/// What was hashed just now is believed as long as no length has changed, and checked like anything else otherwise.
#[test]
fn what_was_hashed_just_now_is_not_hashed_again() {
    let dir = TempDir::new().unwrap();
    let content = Content::directory("photos", &[("a", 40_000), ("b", 60_000)], 16 * 1024);
    let root = dir.path().join("photos");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("a"), &content.bytes[..40_000]).unwrap();
    fs::write(root.join("b"), &content.bytes[40_000..]).unwrap();
    let running = Running::start(&content, &root, Mode::SeedHashed).unwrap();
    assert_eq!((running.have, running.report.hashed), (7, 0));
    running.close();

    fs::OpenOptions::new().write(true).open(root.join("b")).unwrap().set_len(50_000).unwrap();
    let running = Running::start(&content, &root, Mode::SeedHashed).unwrap();
    assert_eq!((running.have, running.report.hashed), (5, 7), "what is missing is not given");
    running.close();
    assert_eq!(names(dir.path()), ["photos"], "nothing is kept beside it");
}
