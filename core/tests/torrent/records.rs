//! Records: what a swarm on a real network said is said again.

use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

use minibit_core::boundary::Net;
use minibit_core::config::Config;
use minibit_core::torrent::{Identity, Particulars};
use minibit_core::trace::{Malformed, Origin, Recorder, ReplayError, Said, replay};
use minibit_core::{Bitfield, Instant, Seed};
use proptest::prelude::*;

use crate::support::{SWARM, Swarm, World, geometry, peer_id, plain};

/// Two seeders and three leechers, of which one lies and one disk is full for a while; the record of each.
fn records() -> Vec<String> {
    let lengths = geometry(6, 3);
    let recorders = Rc::new(RefCell::new(Vec::<(Recorder, String)>::new()));
    let mut swarm = Swarm::<Net>::new(lengths, World::default(), 5);
    let tapped = Rc::clone(&recorders);
    swarm.tap = Some(Box::new(move |member, now, input, outputs, next| {
        let (recorder, file) = &mut tapped.borrow_mut()[member];
        recorder.input(now, input);
        for output in outputs {
            recorder.output(output);
        }
        *file += &recorder.line(next);
    }));
    let seeds = [true, true, false, false, false];
    for (member, seeds) in seeds.into_iter().enumerate() {
        let config = Config { super_seeding: member == 1, ..plain().for_lan() };
        let have = if seeds { Bitfield::all(6) } else { Bitfield::none(6) };
        let stream = u32::try_from(member).unwrap();
        let origin = Origin {
            config,
            geometry: lengths,
            identity: Identity { info_hash: SWARM, peer_id: peer_id(member), stream },
            particulars: Particulars::default(),
            have: have.clone(),
            start: Instant::ZERO,
            seed: Seed::from_number(5),
        };
        recorders.borrow_mut().push((Recorder::new(), Recorder::header(&origin)));
        swarm.join(config, &have);
    }
    swarm.members[1].disk.lies = crate::support::Lies::OneIn(3);
    swarm.members[3].disk.full = true;
    swarm.mesh();
    swarm.run_for(Duration::from_secs(15));
    swarm.members[3].disk.full = false;
    swarm.run_for(Duration::from_mins(2));
    swarm.leave(4);
    swarm.run_for(Duration::from_mins(1));
    drop(swarm);
    let recorders = Rc::try_unwrap(recorders).unwrap().into_inner();
    recorders.into_iter().map(|(_, file)| file).collect()
}

#[test]
fn a_swarm_is_replayed_from_its_records() {
    for (member, record) in records().iter().enumerate() {
        let summary = replay(record.lines()).unwrap_or_else(|error| panic!("{member}: {error}"));
        assert_eq!(summary.inputs + 1, record.lines().count() as u64);
        assert!(summary.outputs > 50 && summary.pieces == 6, "{member}: {summary:?}");
    }
}

/// Whatever is changed in an output, the first line that differs is named, with both versions.
#[test]
fn what_differs_is_named() {
    let record = &records()[2];
    let at =
        record.lines().position(|line| line.contains("\"out\":[{\"send\":[[0,0],{\"request\":[")).unwrap();
    let changed = |from: &str, to: &str| {
        let lines = record.lines().enumerate();
        let lines: Vec<String> =
            lines.map(|(n, line)| if n == at { line.replacen(from, to, 1) } else { line.into() }).collect();
        match replay(lines) {
            Err(ReplayError::Divergence { line, expected, got, .. }) => {
                assert_eq!(line, at as u64 + 1);
                (expected, got)
            }
            other => panic!("{other:?}"),
        }
    };
    let (expected, got) = changed("\"send\":[[0,0]", "\"send\":[[0,1]");
    assert!(expected.to_string().starts_with("{\"send\":[[0,1],{\"request\":"), "{expected}");
    assert!(got.to_string().starts_with("{\"send\":[[0,0],{\"request\":"), "{got}");
    assert_eq!(changed("\"out\":[", "\"out\":[\"more\",").0, Said::Output(Box::new("more".into())));
    assert!(matches!(changed("\"next\":", "\"next\":1"), (Said::Next(_), Said::Next(_))));
}

#[test]
fn lines_that_are_none_are_named() {
    let record = &records()[2];
    let malformed = |text: &str| match replay(text.lines()) {
        Err(ReplayError::Malformed { line, problem }) => (line, problem),
        other => panic!("{other:?}"),
    };
    assert!(matches!(malformed(""), (1, Malformed::Empty)));
    assert!(matches!(malformed("{}"), (1, Malformed::Json(_))));
    let newer = record.replacen("\"minibit_trace\":1", "\"minibit_trace\":2", 1);
    assert!(matches!(malformed(&newer), (1, Malformed::Version { found: 2 })));
    let cut = &record[..record.len() - 20];
    assert!(matches!(malformed(cut), (line, Malformed::Json(_)) if line == record.lines().count() as u64));
    let header = record.lines().next().unwrap();
    for (line, expected) in [
        ("{\"t\":0,\"in\":{\"written\":[6,0]},\"out\":[],\"next\":null}", "out of range"),
        ("{\"t\":0,\"in\":{\"written\":[0,3]},\"out\":[],\"next\":null}", "out of range"),
        (
            "{\"t\":0,\"in\":{\"message\":[[0,0],{\"piece\":[0,0,4294967295]}]},\"out\":[],\"next\":null}",
            "out of range",
        ),
        (
            "{\"t\":0,\"in\":{\"message\":[[0,0],{\"bitfield\":[9,[]]}]},\"out\":[],\"next\":null}",
            "out of range",
        ),
        (
            "{\"t\":0,\"in\":{\"message\":[[0,0],{\"extended\":[0,\"!\"]}]},\"out\":[],\"next\":null}",
            "base 64",
        ),
        ("{\"t\":0,\"in\":\"nonsense\",\"out\":[],\"next\":null}", "unknown variant"),
    ] {
        let (at, problem) = malformed(&format!("{header}\n{line}"));
        assert!(at == 2 && problem.to_string().contains(expected), "{line}: {problem}");
    }
    let back = "{\"t\":5,\"in\":\"timeout\",\"out\":[],\"next\":null}\n{\"t\":4,\"in\":\"timeout\",\"out\":[],\"next\":null}";
    assert!(matches!(malformed(&format!("{header}\n{back}")), (3, Malformed::Time)));
}

proptest! {
    /// A record is a file, and files can be anything.
    #[test]
    fn damaged_records_are_harmless(cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        thread_local! {
            static RECORD: String = records().swap_remove(2).lines().take(40).collect::<Vec<_>>().join("\n");
        }
        let mut damaged = RECORD.with(|record| record.clone().into_bytes());
        for (at, byte) in cuts {
            let at = at.index(damaged.len());
            damaged[at] = byte;
        }
        let _outcome = replay(String::from_utf8_lossy(&damaged).lines());
    }
}
