//! O19: the report of system S5, whose authors measured five peers and a tracker on two files.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use minibit_sim::results::PeerResult;
use minibit_sim::run::run_all;
use minibit_sim::scenario::load;

use crate::harness::{check, mean, row, within};

/// O19: time and messages, means over five peers and twenty seeds, as in the report.
#[test]
#[expect(clippy::cast_precision_loss, reason = "some hundreds of messages")]
fn o19_s5_behaves_as_its_authors_measured() {
    for (file, seconds, messages) in [("5peers_png", 15.34, 46.2), ("5peers_mp4", 125.19, 357.5)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../scenarios/{file}.json"));
        let scenario = load(&path, &[]).unwrap();
        assert!(scenario.runs >= 20);
        let results = run_all(&scenario, &AtomicBool::new(false), &|_, _| ());
        let peers = || results.iter().flat_map(|run| &run.peers).filter(|peer| peer.group.is_some());
        let time = mean(peers().filter_map(PeerResult::download_time).map(|time| time.as_secs_f64()));
        let sent = mean(peers().map(|peer| peer.messages_sent as f64));
        assert_eq!(peers().filter(|peer| peer.completed.is_some()).count(), 5 * scenario.runs as usize);
        for (what, expected, measured) in [("seconds", seconds, time), ("messages", messages, sent)] {
            let deviation = format!("{:+.1} %", (measured / expected - 1.0) * 100.0);
            row("O19", &format!("{file}, mean {what}: deviation"), "-10 % to +10 %", &deviation);
            check("O19", &format!("{file}, mean {what}"), within(expected, 0.1), measured);
        }
    }
}
