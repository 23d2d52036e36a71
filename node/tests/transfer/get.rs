//! Transfers between two of the real programs.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use minibit_core::Message;

use crate::support::{Place, Stranger, content, skipped};

#[test]
fn a_file_arrives_as_it_was_and_is_reported() {
    let (here, there) = (Place::new(), Place::new());
    here.write("movie.mp4", content(3_000_001));
    let (torrent, _) = here.create("movie.mp4");
    let (mut seeder, addr) = here.seed("movie.mp4.torrent", &[]);
    let ended = there.get(&torrent, addr, &["-o", "into"]);
    assert_eq!(ended.is_done().out, "into/movie.mp4\n");
    for part in ["movie.mp4: 2.9 MiB in ", "on average, from 1 peer", "messages sent, verified"] {
        assert!(ended.err.contains(part), "{part:?} is not in {}", ended.err);
    }
    assert_eq!(there.read("into/movie.mp4"), here.read("movie.mp4"));
    let names: Vec<_> =
        fs::read_dir(there.join("into")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["movie.mp4"], "nothing else is left behind");
    assert!(seeder.is_running());

    let again = there.get(&torrent, addr, &["-o", "into"]);
    assert!(again.is_done().err.contains("were here already, verified"), "{}", again.err);
}

#[test]
fn a_directory_arrives_with_blocks_that_span_files_and_empty_ones() {
    let (here, there) = (Place::new(), Place::new());
    let all = content(200_000);
    for (name, range) in [("a", 0..1), ("b/c", 1..70_000), ("b/empty", 0..0), ("d/e/f", 70_000..200_000)] {
        here.write(&format!("photos/{name}"), &all[range]);
    }
    let (torrent, _) = here.create("photos");
    let (_seeder, addr) = here.seed("photos", &[]);
    // The seeder has made its own metainfo: the pieces are longer, so it is another torrent.
    let other = there.get(&torrent, addr, &["--timeout", "1s"]);
    assert_eq!(other.code, Some(3), "{}", other.err);

    let (_seeder, addr) = here.seed("photos.torrent", &[]);
    let ended = there.get(&torrent, addr, &[]);
    assert_eq!(ended.is_done().out, "./photos\n");
    for name in ["a", "b/c", "b/empty", "d/e/f"] {
        let name = format!("photos/{name}");
        assert_eq!(there.read(&name), here.read(&name), "{name}");
    }
}

#[test]
fn every_profile_and_encoding_gets_there() {
    let here = Place::new();
    here.write("file", content(90_000));
    let (torrent, _) = here.create("file");
    let json = ["--encoding", "json"];
    let s1 = ["--profile", "s1", "--requests", "paced:20ms", "--choke-interval", "100ms"];
    let s2 = ["--profile", "s2"];
    let s5 = ["--profile", "s5", "--requests", "paced:20ms"];
    let sequential = ["--pieces", "sequential", "--requests", "fixed:2", "--choke", "none"];
    let alike = [&s1[..], &s2, &s5, &sequential].map(|options| (options, options));
    for (seeder, leecher) in [(&json[..0], &json[..])].into_iter().chain(alike) {
        let there = Place::new();
        let (_seeder, addr) = here.seed("file.torrent", seeder);
        let ended = there.get(&torrent, addr, leecher);
        assert_eq!(ended.is_done().out, "./file\n", "{leecher:?}");
        assert_eq!(there.read("file"), here.read("file"), "{leecher:?}");
    }
}

#[test]
fn a_summary_for_programs() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(100_000));
    let (torrent, metainfo) = here.create("file");
    let (_seeder, addr) = here.seed("file.torrent", &[]);
    let ended = there.get(&torrent, addr, &["--json", "-q"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.is_done().out).unwrap();
    assert_eq!(ended.err, "");
    assert_eq!(summary["info_hash"], metainfo.info_hash().to_hex());
    assert_eq!((&summary["length"], &summary["downloaded"]), (&100_000.into(), &100_000.into()));
    assert_eq!(
        (&summary["pieces"], &summary["peers_used"], &summary["verified"]),
        (&4.into(), &1.into(), &true.into())
    );
    assert_eq!(summary["messages_sent"]["request"], 7, "one for each block of 16 KiB");
    assert_eq!(summary["messages_received"]["piece"], 7);
}

#[test]
fn an_interrupted_download_goes_on_where_it_was() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(2_000_000));
    let (torrent, _) = here.create("file");
    let (_seeder, addr) = here.seed("file.torrent", &["--up", "4 MiB/s"]);
    let (torrent_text, from) = (torrent.to_str().unwrap(), addr.to_string());
    let arguments =
        ["get", torrent_text, "--peer", &from, "--no-lan", "--listen", "127.0.0.1", "--port", "0"];
    let mut first = there.start(&[&arguments[..], &["--tracker", "127.0.0.1:1"]].concat());
    first.says("0 %, ");
    let asked = Instant::now();
    first.signal("INT");
    let ended = first.wait();
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    assert_eq!((ended.code, ended.out.as_str()), (Some(130), ""), "{}", ended.err);
    let goes_on = format!(" get -o . --tracker 127.0.0.1:1 --peer {from} {torrent_text} goes on from there");
    for part in ["interrupted; ", " of 62 pieces are here", &goes_on] {
        assert!(ended.err.contains(part), "{part:?} is not in {}", ended.err);
    }
    assert!(there.join("file.part").exists() && !there.join("file").exists());

    let ended = there.get(&torrent, addr, &["--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.is_done().out).unwrap();
    let before = summary["pieces_before"].as_u64().unwrap();
    assert!(before > 0, "{summary}");
    assert!(summary["downloaded"].as_u64().unwrap() <= 2_000_000 - 32_768 * (before - 1), "{summary}");
    assert_eq!(there.read("file"), here.read("file"));
}

#[test]
fn a_seeder_ends_when_it_is_told_to() {
    for name in ["INT", "TERM"] {
        let here = Place::new();
        here.write("file", content(1_000));
        let (seeder, _) = here.seed("file", &[]);
        let asked = Instant::now();
        seeder.signal(name);
        let ended = seeder.wait();
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
    }
}

#[test]
fn nobody_there_is_told_in_time() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(1_000));
    let (torrent, _) = here.create("file");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = there.get(&torrent, silent.local_addr().unwrap(), &["--timeout", "300ms"]);
    assert_eq!((ended.code, ended.out.as_str()), (Some(3), ""));
    assert!(
        ended.err.contains("not complete in time; 0 of 1 pieces are here, 0 peers connected"),
        "{}",
        ended.err
    );
}

#[test]
fn who_sends_wrong_bytes_is_found_out_and_others_are_asked() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(100_000));
    let (torrent, metainfo) = here.create("file");
    let (_seeder, addr) = here.seed("file.torrent", &["--up", "100 KiB/s"]);
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let liar_addr = door.local_addr().unwrap().to_string();
    let liar = std::thread::spawn(move || {
        let mut liar = Stranger::over(door.accept().unwrap().0, &metainfo);
        liar.shake_hands(&metainfo, 7);
        liar.send(&Message::HaveAll);
        liar.send(&Message::Unchoke);
        let mut lies = 0;
        while let Some(message) = liar.receive() {
            if let Message::Request(span) = message {
                lies += 1;
                let data = vec![0; span.length as usize].into();
                liar.send(&Message::Piece { index: span.index, begin: span.begin, data });
            }
        }
        lies
    });
    let ended = there.get(&torrent, addr, &["--peer", &liar_addr, "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.is_done().out).unwrap();
    assert_eq!(there.read("file"), here.read("file"));
    assert!(liar.join().unwrap() > 0);
    assert!(summary["hash_failures"].as_u64().unwrap() > 0, "{summary}");
}

/// What a web browser would get.
fn fetch(host: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_name_is_enough_with_a_tracker_and_a_magnet_link_without() {
    let (here, there) = (Place::new(), Place::new());
    here.write("a film.mp4", content(300_000));
    let mut tracker = here.start(&["tracker", "--listen", "127.0.0.1:0"]);
    let line = tracker.says("listening on 127.0.0.1:");
    let url = format!("127.0.0.1:{}", line.split([':', ',']).nth(1).unwrap());
    let by_tracker = ["--no-lan", "--tracker", &url];
    let (mut seeder, addr) = here.seed("a film.mp4", &by_tracker);
    let arguments = ["--listen", "127.0.0.1", "--port", "0", "--timeout", "20s"];

    let get =
        |what: &str, more: &[&str]| there.start(&[&["get", what], &arguments[..], more].concat()).wait();
    let named = loop {
        // The tracker lists it as soon as the seeder has said so, which nobody waits for.
        let ended = get("film", &by_tracker);
        if ended.code != Some(3) {
            break ended;
        }
    };
    assert_eq!(named.is_done().out, "./a film.mp4\n");
    assert_eq!(there.read("a film.mp4"), here.read("a film.mp4"));
    assert!(
        get("a film.mp4", &by_tracker).is_done().err.contains("were here already"),
        "a file is a name, too"
    );
    there.write("cartoon", "a file that happens to be called so");
    let nobody = get("cartoon", &by_tracker);
    assert_eq!((nobody.code, nobody.out.as_str()), (Some(3), ""));
    assert!(nobody.err.contains("nobody has \"cartoon\""), "{}", nobody.err);
    // Seven digits would be the beginning of an info-hash, were there one more; a word of two is none.
    for (text, is_short) in [("abcdef1", true), ("abcdefg", false), ("ab", false)] {
        let nobody = get(text, &by_tracker);
        assert_eq!(nobody.code, Some(3), "{}", nobody.err);
        let hint = "hint: of an info-hash at least 8 digits are needed; ";
        assert_eq!(nobody.err.contains(hint), is_short, "{text}: {}", nobody.err);
    }

    let list = there.start(&[&["list", "--json"], &by_tracker[..]].concat()).wait();
    let list: serde_json::Value = serde_json::from_str(&list.is_done().out).unwrap();
    let page = fetch(&url, "/status.json");
    let (_, status) = page.split_once("\r\n\r\n").unwrap();
    let status: serde_json::Value = serde_json::from_str(status).unwrap();
    let swarm = &status["largest_swarms"][0];
    assert_eq!((&swarm["name"], &swarm["size"]), (&"a film.mp4".into(), &300_000.into()), "{status}");
    assert!(fetch(&url, "/").contains("<td>a film.mp4</td><td class=\"n\">293.0 KiB</td>"));
    let magnet =
        format!("magnet:?xt=urn:btih:{}&x.pe={addr}", list["files"][0]["info_hash"].as_str().unwrap());
    let ended = get(&magnet, &["--no-lan", "-o", "again"]);
    assert_eq!(ended.is_done().out, "again/a film.mp4\n");
    assert_eq!(there.read("again/a film.mp4"), here.read("a film.mp4"));
    assert!(seeder.is_running());
    seeder.signal("INT");
    assert_eq!(seeder.wait().code, Some(0));
    let list = there.start(&[&["list"], &by_tracker[..]].concat()).wait();
    assert_eq!(list.code, Some(3), "the seeder has said good-bye: {}", list.out);
}

#[test]
fn a_tracker_may_seed() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(100_000));
    let (torrent, _) = here.create("file");
    let mut tracker = here.start(&["tracker", "--listen", "127.0.0.1:0", "--seed", "file.torrent"]);
    let line = tracker.says("listening on 127.0.0.1:");
    let url = format!("127.0.0.1:{}", line.split([':', ',']).nth(1).unwrap());
    tracker.says("seeding file");
    let torrent = torrent.to_str().unwrap();
    // By name, and as other clients ask it.
    for (number, (what, tracker)) in [
        ("file", url.clone()),
        (torrent, format!("http://{url}/announce")),
        (torrent, format!("udp://{url}")),
    ]
    .into_iter()
    .enumerate()
    {
        let output = number.to_string();
        let arguments = ["get", what, "--tracker", &tracker, "-o", &output, "--timeout", "20s"];
        let network = ["--no-lan", "--listen", "127.0.0.1", "--port", "0"];
        there.start(&[&arguments[..], &network].concat()).wait().is_done();
        assert_eq!(there.read(&format!("{number}/file")), here.read("file"));
    }
}

/// Over IPv6 alone, and at all addresses: by HTTP and by UDP it names itself as those reach it who ask.
#[test]
fn a_tracker_seeds_over_ipv6() {
    if let Err(error) = TcpListener::bind("[::1]:0") {
        skipped(&format!("no IPv6 on the loopback interface here: {error}"));
        return;
    }
    let here = Place::new();
    here.write("file", content(100_000));
    let (torrent, _) = here.create("file");
    for listen in ["[::1]:0", "[::]:0"] {
        let mut tracker = here.start(&["tracker", "--listen", listen, "--no-lan", "--seed", "file.torrent"]);
        let line = tracker.says("listening on [::");
        let port = line.split("]:").nth(1).and_then(|rest| rest.split(',').next()).unwrap().to_owned();
        tracker.says("seeding file");
        for url in [format!("udp://[::1]:{port}"), format!("http://[::1]:{port}/announce")] {
            let there = Place::new();
            let arguments = ["get", torrent.to_str().unwrap(), "--tracker", &url, "--timeout", "20s"];
            let network = ["--no-lan", "--listen", "::1", "--port", "0"];
            there.start(&[&arguments[..], &network].concat()).wait().is_done();
            assert_eq!(there.read("file"), here.read("file"), "{url} of {listen}");
        }
    }
}

#[test]
fn a_trace_replays_to_the_same_outputs() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(300_000));
    let (torrent, _) = here.create("file");
    let (_seeder, addr) = here.seed("file.torrent", &[]);
    there.get(&torrent, addr, &["--trace", "trace.ndjson"]).is_done();
    let trace = String::from_utf8(there.read("trace.ndjson")).unwrap();
    let summary = minibit_core::trace::replay(trace.lines()).unwrap();
    assert!(summary.inputs > 50, "{summary:?}");
}
