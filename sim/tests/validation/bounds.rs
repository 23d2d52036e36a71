//! O8: bounds that no run may break, on random swarms.

use minibit_core::Seed;
use minibit_core::rng::{Purpose, Rng};
use minibit_sim::results::Outcome;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde_json::{Value, json};

use crate::harness::{Line, check, last, row, scenario, seconds, traced};

/// Random swarms that are tried.
const SWARMS: u32 = 200;
/// Block data of one connection between the protocol and the network: what may have been sent by the trace, and not yet
/// have left.
const CREDIT: u64 = 32 * 1024;

/// A random swarm.
struct Drawn {
    value: Value,
    len: u64,
    /// Bytes per second, of the seed and of each leecher.
    seed_up: u64,
    ups: Vec<u64>,
    downs: Vec<u64>,
}

fn draw(rng: &mut Rng) -> Drawn {
    let pick = |rng: &mut Rng, choices: &[Value]| choices[rng.index(choices.len())].clone();
    let leechers = if rng.chance(1, 4) { rng.between(10, 20) } else { rng.between(1, 9) };
    let piece = 1_u64 << rng.between(15, 18);
    let len = piece * rng.between(1, 24) + rng.below(piece);
    let seed_up = rng.between(50_000, 2_000_000);
    let ups: Vec<u64> = (0..leechers).map(|_| rng.between(20_000, 1_000_000)).collect();
    let downs: Vec<u64> = (0..leechers).map(|_| rng.between(40_000, 4_000_000)).collect();
    let mut groups = vec![json!({ "name": "seed", "pieces": "all", "up": format!("{seed_up} B/s") })];
    for (number, (up, down)) in ups.iter().zip(&downs).enumerate() {
        groups.push(
            json!({ "name": format!("l{number}"), "up": format!("{up} B/s"), "down": format!("{down} B/s") }),
        );
    }
    let value = json!({
        "content": { "size": len, "piece": piece, "block": pick(rng, &[json!("16 KiB"), json!("8 KiB"), json!(piece)]) },
        "network": { "latency": pick(rng, &[
            json!({ "rtt": "1 ms" }),
            json!({ "rtt": "20 ms" }),
            json!({ "rtt": "150 ms" }),
            json!({ "rtt": { "uniform": ["1 ms", "300 ms"] }, "drawn": "per_pair" })
        ]) },
        "neighbours": pick(rng, &[json!("mesh"), json!("mesh"), json!({ "degree": leechers.min(5) })]),
        "defaults": {
            "down": "8 MB/s",
            "profile": pick(rng, &[json!("bittorrent"), json!("bittorrent"), json!("s2"), json!("s3"), json!("s4")]),
            "piece_selection": pick(rng, &[
                json!("rarest-first"), json!("random"), json!("sequential"), json!("random-first-then-rarest")
            ]),
            "choking": pick(rng, &[
                json!("tit-for-tat"), json!("none"), json!("random-slots"), json!({ "parallel_uploads": 1 })
            ]),
            "endgame": rng.chance(1, 2)
        },
        "groups": groups,
        "stop": { "time": "12 h" },
        "timeline": "10 s"
    });
    Drawn { value, len, seed_up, ups, downs }
}

/// Kumar and Ross 2006: no schedule ends before the seed has sent the file once, the slowest peer has received it, and all
/// together have sent it to everybody.
#[expect(clippy::cast_precision_loss, reason = "files and capacities are small")]
fn least_time(drawn: &Drawn) -> f64 {
    let len = drawn.len as f64;
    let slowest = *drawn.downs.iter().min().unwrap() as f64;
    let all = (drawn.seed_up + drawn.ups.iter().sum::<u64>()) as f64;
    (len / drawn.seed_up as f64).max(len / slowest).max(drawn.ups.len() as f64 * len / all)
}

/// No peer sends block data of a piece before it has completed it.
fn forwards_only_what_is_checked(trace: &[Line], seed: &str) {
    let mut complete = std::collections::BTreeSet::new();
    for line in trace {
        if line.event == "piece_completed" {
            complete.insert((line.peer.as_str(), line.index));
        } else if line.sends("piece") && line.peer != seed {
            assert!(complete.contains(&(line.peer.as_str(), line.index)), "unchecked: {line:?}");
        }
    }
}

/// In no window of a second does a peer hand more block data to the network than its uplink carries in that time, plus what
/// its connections may hold.
fn keeps_to_its_uplink(trace: &[Line], peer: &str, up: u64, allowance: u64) {
    let sent: Vec<(u64, u64)> = trace
        .iter()
        .filter(|line| line.sends("piece") && line.peer == peer)
        .map(|line| (line.t_ns, u64::from(line.length.unwrap_or(0))))
        .collect();
    let (mut begin, mut bytes) = (0, 0);
    for &(at, length) in &sent {
        bytes += length;
        while sent[begin].0 + 1_000_000_000 <= at {
            bytes -= sent[begin].1;
            begin += 1;
        }
        assert!(
            bytes <= up + allowance,
            "{peer}: {bytes} bytes in the second before {} of {up}",
            seconds(at)
        );
    }
}

/// One swarm, held against every bound; the time of the last completion over the least possible.
#[expect(clippy::cast_precision_loss, reason = "files and capacities are small")]
fn hold(number: u32) -> f64 {
    let drawn = draw(&mut Seed::from_number(8).stream(Purpose::Test, number));
    let (run, trace) = traced(&scenario(&drawn.value), 0);
    let context = || format!("swarm {number}: {}", drawn.value);
    assert!(run.ending == minibit_sim::results::Ending::Finished, "{:?}, {}", run.ending, context());
    let ratio = last(&run) / least_time(&drawn);
    assert!(ratio >= 1.0, "{ratio}, {}", context());

    let sum = |field: fn(&minibit_sim::results::PeerResult) -> u64| run.peers.iter().map(field).sum::<u64>();
    let (up, down) = (sum(|peer| peer.payload_up), sum(|peer| peer.payload_down));
    assert!(up >= down, "{up} bytes sent, {down} received, {}", context());
    assert_eq!(run.timeline.last().unwrap().payload, down);
    assert!(run.timeline.last().unwrap().payload_from_seeds <= run.peers[0].payload_up, "{}", context());

    let end = run.end.as_secs_f64();
    let connections = drawn.ups.len() as u64;
    let block = drawn.value["content"]["block"].as_u64().unwrap_or(16 * 1024);
    let allowance = connections * CREDIT.max(block) + block;
    let leechers = run.peers.iter().skip(1).zip(drawn.ups.iter().zip(&drawn.downs));
    for (peer, (&up, &down)) in leechers {
        assert_eq!(peer.outcome, Outcome::Completed);
        assert!(peer.payload_down >= drawn.len, "{}, {}", peer.name, context());
        assert!(peer.payload_down as f64 <= down as f64 * end, "{}, {}", peer.name, context());
        assert!(peer.payload_up as f64 <= up as f64 * end, "{}, {}", peer.name, context());
        assert!(
            peer.download_time().unwrap().as_secs_f64() >= drawn.len as f64 / down as f64,
            "{}, {}",
            peer.name,
            context()
        );
        keeps_to_its_uplink(&trace, &peer.name, up, allowance);
    }
    keeps_to_its_uplink(&trace, "seed", drawn.seed_up, allowance);
    forwards_only_what_is_checked(&trace, "seed");
    ratio
}

/// O8: the bounds hold whatever the swarm. The links' own capacity in any window is a property of the network model, with
/// its random walks.
#[test]
fn o8_no_run_is_better_than_possible() {
    let ratios: Vec<f64> = (0..SWARMS).into_par_iter().map(hold).collect();
    let least = ratios.iter().copied().fold(f64::MAX, f64::min);
    check("O8", &format!("least T_last / T_min of {SWARMS} random swarms"), 1.0..=f64::INFINITY, least);
    let mut sorted = ratios;
    sorted.sort_by(f64::total_cmp);
    let median = sorted[sorted.len() / 2];
    row("O8", "median T_last / T_min of them", "(no bound)", &format!("{median:.3}"));
    assert!(least < 1.2, "the bound is nearly reached somewhere, else this would prove little: {least}");
}
