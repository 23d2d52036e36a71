//! Hashes of whole files (BEP 47): written when asked for, compared when a download is complete.

use minibit_core::metainfo::{Builder, PieceHasher};

use crate::support::{Place, content};

#[test]
fn a_whole_file_is_compared_with_the_hash_in_its_torrent() {
    let (here, there) = (Place::new(), Place::new());
    here.write("album/a", content(50_000));
    here.write("album/b", "of its own");
    let made = here.command(&["create", "album", "--sha1"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (_seeder, addr) = here.seed("album.torrent", &[]);
    let ended = there.get(&here.join("album.torrent"), addr, &["--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.is_done().out).unwrap();
    assert_eq!(summary["whole_files_equal"], 2);
    assert!(ended.err.contains("the SHA-1 of the whole is equal"), "{}", ended.err);
}

#[test]
fn a_torrent_that_is_wrong_about_the_whole_file_is_found_out() {
    let (here, there) = (Place::new(), Place::new());
    let bytes = "of no other file ".repeat(3_000).into_bytes();
    here.write("file", &bytes);
    let builder = Builder::file("file", bytes.len() as u64).sha1(vec![[7; 20]]);
    let mut hasher = PieceHasher::new(builder.geometry().unwrap());
    hasher.update(&bytes).unwrap();
    let metainfo = builder.build(&hasher.finish().unwrap()).unwrap();
    here.write("file.torrent", metainfo.to_bytes());
    let (_seeder, addr) = here.seed("file.torrent", &[]);
    let ended = there.get(&here.join("file.torrent"), addr, &[]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{}", ended.err);
    let expected = "and not 0707070707070707070707070707070707070707, as its torrent says";
    assert!(ended.err.contains(expected), "{}", ended.err);
    // What is passed on is out by then.
    let poured = there.get(&here.join("file.torrent"), addr, &["-o", "-"]);
    assert_eq!((poured.code, poured.out.as_bytes()), (Some(1), &bytes[..]), "{}", poured.err);
    assert!(poured.err.contains(expected), "{}", poured.err);
}
