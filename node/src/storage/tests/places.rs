//! Names that are taken, and directories in which others are at work.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use minibit_core::boundary::DiskDone;
use tempfile::TempDir;

use super::{Content, Mode, Mounted, Running, StorageError, names, wait};

fn photos() -> Content {
    Content::directory("photos", &[("a/one", 40_000), ("a/two", 40_000), ("b", 40_000)], 16 * 1024)
}

fn movie() -> Content {
    Content::file("movie", 100_000, 16 * 1024)
}

fn refused(content: &Content, dir: &Path) -> StorageError {
    Running::start(content, dir, Mode::Download).err().expect("it is refused")
}

#[test]
fn links_are_never_followed() {
    let outside = TempDir::new().unwrap();
    let target = outside.path().join("target");
    for name in ["movie", "movie.part"] {
        let dir = TempDir::new().unwrap();
        symlink(&target, dir.path().join(name)).unwrap();
        let error = refused(&movie(), dir.path());
        assert!(error.to_string().ends_with("is a symbolic link, and not a file"), "{error}");
        fs::write(&target, movie().bytes).unwrap();
        refused(&movie(), dir.path());
        assert_eq!(fs::read(&target).unwrap(), movie().bytes);
        fs::remove_file(&target).unwrap();
    }
    for name in ["photos", "photos.part", "photos.part/a"] {
        let dir = TempDir::new().unwrap();
        fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        symlink(outside.path(), dir.path().join(name)).unwrap();
        let error = refused(&photos(), dir.path());
        assert!(error.to_string().ends_with("is a symbolic link, and not a directory"), "{error}");
    }
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("photos.part/a")).unwrap();
    symlink(&target, dir.path().join("photos.part/a/two")).unwrap();
    let error = refused(&photos(), dir.path());
    assert!(error.to_string().ends_with("two is a symbolic link, and not a file"), "{error}");
    assert_eq!(names(outside.path()), [""; 0]);

    // The record's own names are as little to be trusted.
    let dir = TempDir::new().unwrap();
    let record = format!(".minibit-{}.resume", movie().metainfo.info_hash().to_hex());
    symlink(&target, dir.path().join(&record)).unwrap();
    symlink(&target, dir.path().join(format!("{record}.new"))).unwrap();
    let mut running = Running::download(&movie(), dir.path());
    running.fetch(&movie(), movie().pieces());
    running.finish().unwrap();
    assert_eq!(names(dir.path()), ["movie"]);
    assert_eq!(names(outside.path()), [""; 0]);
}

/// More files than are open at a time, so directories are entered again while it runs.
#[test]
fn a_link_that_comes_later_is_not_followed_either() {
    let outside = TempDir::new().unwrap();
    let dir = TempDir::new().unwrap();
    let files: Vec<_> = (0..40).map(|number| (format!("sub/{number:02}"), 16 * 1024)).collect();
    let files: Vec<_> = files.iter().map(|(name, len)| (name.as_str(), *len)).collect();
    let content = Content::directory("photos", &files, 16 * 1024);
    for (name, len) in &files {
        fs::create_dir_all(outside.path().join("sub")).unwrap();
        fs::write(outside.path().join(name), vec![0; *len]).unwrap();
    }
    let mut running = Running::download(&content, dir.path());
    let sub = dir.path().join("photos.part/sub");
    fs::rename(&sub, dir.path().join("away")).unwrap();
    symlink(outside.path().join("sub"), &sub).unwrap();
    let done = running.perform(
        content.pieces().flat_map(|piece| content.blocks(piece)).map(|block| content.write(block)).collect(),
    );
    let failed = done.iter().filter(|done| matches!(done, DiskDone::WriteFailed { .. })).count();
    assert!(failed >= 24, "at most 16 were still open, but only {failed} failed");
    assert!(
        running.disk.last_error().unwrap().contains("is a symbolic link"),
        "{:?}",
        running.disk.last_error()
    );
    for (name, len) in &files {
        assert_eq!(fs::read(outside.path().join(name)).unwrap(), vec![0; *len]);
    }
}

/// The system forgets what it could not write, and the next sync succeeds: it must not be believed.
#[test]
fn after_a_sync_that_failed_nothing_is_called_complete() {
    let dir = TempDir::new().unwrap();
    let files: Vec<_> = (0..40).map(|number| (format!("sub/{number:02}"), 16 * 1024)).collect();
    let files: Vec<_> = files.iter().map(|(name, len)| (name.as_str(), *len)).collect();
    let content = Content::directory("photos", &files, 16 * 1024);
    let mut running = Running::download(&content, dir.path());
    assert_eq!(running.fetch(&content, content.pieces()), 40);
    let sub = dir.path().join("photos.part/sub");
    fs::rename(&sub, dir.path().join("away")).unwrap();
    let error = running.finish().unwrap_err();
    assert!(matches!(error, StorageError::Io { what: "write", .. }), "{error}");
    assert!(matches!(&running.done.try_recv().unwrap()[..], [DiskDone::WriteFailed { .. }]));
    fs::rename(dir.path().join("away"), &sub).unwrap();
    running.finish().unwrap_err();
    assert_eq!(names(dir.path()), ["photos.part"], "no record: all is checked the next time");
    wait(running.disk.close()).unwrap_err();
    let again = Running::download(&content, dir.path());
    assert_eq!((again.have, again.report.trusted, again.report.hashed), (40, 0, 40));
    again.finish().unwrap();
}

#[test]
fn what_is_in_the_way_is_named_and_left_alone() {
    let place = |name: &str, bytes: &[u8]| {
        let dir = TempDir::new().unwrap();
        fs::write(dir.path().join(name), bytes).unwrap();
        dir
    };
    // Something else under the final name, or under the partial one; the whole content with something after it.
    let longer = [&movie().bytes[..], b"more"].concat();
    let other = vec![7; 100_000];
    for (name, bytes) in [("movie", &b"mine"[..]), ("movie.part", &other), ("movie", &longer)] {
        let dir = place(name, bytes);
        let error = refused(&movie(), dir.path());
        assert!(
            matches!(&error, StorageError::Different { path } if *path == dir.path().join(name)),
            "{error}"
        );
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), bytes);
        assert_eq!(names(dir.path()), [name]);
    }
    // A part under the one and a part under the other name: which of them is meant?
    let dir = place("movie", &movie().bytes[..50_000]);
    fs::write(dir.path().join("movie.part"), &movie().bytes[..60_000]).unwrap();
    assert!(matches!(refused(&movie(), dir.path()), StorageError::Different { .. }));
    assert_eq!(fs::read(dir.path().join("movie")).unwrap(), movie().bytes[..50_000]);
    // Complete under the final name, whatever is under the other.
    fs::write(dir.path().join("movie"), movie().bytes).unwrap();
    assert_eq!(Running::download(&movie(), dir.path()).have, 7);
    assert_eq!(names(dir.path()), ["movie", "movie.part"]);

    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("movie.part")).unwrap();
    let error = refused(&movie(), dir.path());
    assert!(error.to_string().ends_with("is a directory, and not a file"), "{error}");
    let error = refused(&photos(), place("photos.part", b"").path());
    assert!(error.to_string().ends_with("is a file, and not a directory"), "{error}");
    nix::unistd::mkfifo(&dir.path().join("movie"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = refused(&movie(), dir.path());
    assert!(error.to_string().ends_with("is neither a file nor a directory, and not a file"), "{error}");
}

#[test]
fn a_file_with_a_second_name_is_not_written_to() {
    let dir = TempDir::new().unwrap();
    let library = TempDir::new_in(dir.path()).unwrap();
    for name in ["movie", "movie.part"] {
        let part = &movie().bytes[..50_000];
        fs::write(library.path().join("kept"), part).unwrap();
        fs::hard_link(library.path().join("kept"), dir.path().join(name)).unwrap();
        let error = refused(&movie(), dir.path());
        assert!(matches!(&error, StorageError::Linked { .. }), "{error}");
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), part);
        fs::remove_file(dir.path().join(name)).unwrap();
    }
}

/// As `A` and `a` are one file where case does not count; here by a mount, since such file systems are rare on Linux.
#[test]
fn two_names_of_one_file_are_refused() {
    let Some(mounted) = Mounted::tmpfs("1m") else { return };
    let content = Content::directory("photos", &[("A", 40_000), ("a", 40_000)], 16 * 1024);
    let partial = mounted.0.path().join("photos.part");
    fs::create_dir(&partial).unwrap();
    for name in ["A", "a"] {
        fs::write(partial.join(name), "").unwrap();
    }
    let bound = Command::new("mount").arg("--bind").args([partial.join("A"), partial.join("a")]).status();
    assert!(bound.unwrap().success());
    let error = refused(&content, mounted.0.path());
    assert!(matches!(&error, StorageError::Same { path } if *path == partial.join("a")), "{error}");
}

#[test]
fn a_name_that_is_taken_meanwhile_is_not_overwritten() {
    for content in [movie(), photos()] {
        let dir = TempDir::new().unwrap();
        let mut running = Running::download(&content, dir.path());
        running.fetch(&content, content.pieces());
        let name = dir.path().join(content.metainfo.name());
        fs::write(&name, "mine").unwrap();
        assert!(matches!(running.finish(), Err(StorageError::Different { path }) if path == name));
        assert_eq!(fs::read(&name).unwrap(), b"mine");
        fs::remove_file(&name).unwrap();
        assert_eq!(running.finish().unwrap(), name);
        assert_eq!(content.on_disk(&name), content.bytes);
    }
}

#[test]
fn the_longest_name_has_a_partial_one_too() {
    let dir = TempDir::new().unwrap();
    let name = "ä".repeat(127);
    let content = Content::file(&name, 100_000, 16 * 1024);
    let mut running = Running::download(&content, dir.path());
    let partial = &running.report.path;
    assert!(
        partial.file_name().unwrap().len() <= 255 && partial.extension().unwrap() == "part",
        "{partial:?}"
    );
    running.fetch(&content, content.pieces());
    running.finish().unwrap();
    assert_eq!(names(dir.path()), [name]);
}
