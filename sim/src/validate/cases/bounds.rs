//! O8: bounds that no run may break, on random swarms.

use std::collections::BTreeSet;

use minibit_core::Seed;
use minibit_core::rng::{Purpose, Rng};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use serde_json::{Value, json};

use super::{ANY, Case, EMPTY, bounded, row};
use crate::results::{Ending, PeerResult, RunResult};
use crate::statistics::{float, float_len};
use crate::validate::figures::{busiest_second, last};
use crate::validate::lab::{Lab, Line, traced};

/// Random swarms that are tried, or so many for each seed where seeds are few.
const SWARMS: u32 = 200;
const FEW: u32 = 30;
/// Block data of one connection between the protocol and the network: what may have been sent by the log, and not yet have left.
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
    let mut value = json!({
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
    let told_by_tracker = [json!("s3"), json!("s4")].contains(&value["defaults"]["profile"]);
    if told_by_tracker && let Some(object) = value.as_object_mut() {
        object.remove("neighbours");
    }
    Drawn { value, len, seed_up, ups, downs }
}

/// Kumar and Ross 2006: no schedule ends before the seed has sent the file once, the slowest peer has received it, and all
/// together have sent it to everybody.
fn least_time(drawn: &Drawn) -> f64 {
    let len = float(drawn.len);
    let slowest = float(drawn.downs.iter().copied().min().unwrap_or(0));
    let all = float(drawn.seed_up + drawn.ups.iter().sum::<u64>());
    (len / float(drawn.seed_up)).max(len / slowest).max(float_len(drawn.ups.len()) * len / all)
}

/// What came of one swarm.
struct Held {
    /// The last completion over the least possible; infinite when somebody did not finish.
    ratio: f64,
    /// Bytes balance.
    balanced: bool,
    /// Nobody is above its capacity.
    within_capacity: bool,
    /// Nobody passes on what is not checked.
    checked: bool,
}

/// Everybody has received the file; what all received was sent, by as many seeds' bytes as the seed has sent.
fn balances(drawn: &Drawn, run: &RunResult) -> bool {
    let sum = |field: fn(&PeerResult) -> u64| run.peers.iter().map(field).sum::<u64>();
    let Some(end) = run.timeline.last() else { return false };
    let down = sum(|peer| peer.payload_down);
    sum(|peer| peer.payload_up) >= down
        && end.payload == down
        && end.payload_from_seeds <= run.peers[0].payload_up
        && run.peers.iter().skip(1).all(|peer| peer.payload_down >= drawn.len)
}

/// Over the whole run, and in each second what a peer hands to the network, but for what its connections may hold.
fn keeps_to_capacities(drawn: &Drawn, run: &RunResult, trace: &[Line]) -> bool {
    let end = run.end.as_secs_f64();
    let leechers = run.peers.iter().skip(1).zip(drawn.ups.iter().zip(&drawn.downs));
    let mut whole = leechers.map(|(peer, (&up, &down))| {
        let time = peer.download_time().map_or(f64::INFINITY, |time| time.as_secs_f64());
        float(peer.payload_down) <= float(down) * end
            && float(peer.payload_up) <= float(up) * end
            && time >= float(drawn.len) / float(down)
    });
    let block = drawn.value["content"]["block"].as_u64().unwrap_or(16 * 1024);
    let allowance = drawn.ups.len() as u64 * CREDIT.max(block) + block;
    let busiest = busiest_second(trace);
    let ups = std::iter::once(&drawn.seed_up).chain(&drawn.ups);
    let mut seconds = run
        .peers
        .iter()
        .zip(ups)
        .map(|(peer, up)| busiest.get(peer.name.as_str()).is_none_or(|&bytes| bytes <= up + allowance));
    whole.all(|holds| holds) && seconds.all(|holds| holds)
}

/// No peer sends block data of a piece before it has completed it.
fn forwards_only_what_is_checked(trace: &[Line]) -> bool {
    let mut complete = BTreeSet::new();
    trace.iter().all(|line| {
        if line.event == "piece_completed" {
            complete.insert((line.peer.as_str(), line.index));
        }
        !line.sends("piece") || line.peer == "seed" || complete.contains(&(line.peer.as_str(), line.index))
    })
}

fn hold(lab: Lab, number: u32) -> Held {
    let drawn = draw(&mut Seed::from_number(8).stream(Purpose::Test, number));
    let (run, trace) = traced(&lab.scenario(&drawn.value.to_string(), &[]));
    let finished = run.ending == Ending::Finished;
    Held {
        ratio: if finished { last(&run) / least_time(&drawn) } else { f64::INFINITY },
        balanced: finished && balances(&drawn, &run),
        within_capacity: keeps_to_capacities(&drawn, &run, &trace),
        checked: forwards_only_what_is_checked(&trace),
    }
}

pub(super) fn bounds(lab: Lab) -> Case {
    let swarms = lab.seeds.map_or(SWARMS, |seeds| (FEW * seeds).min(SWARMS));
    let held: Vec<Held> = (0..swarms).into_par_iter().map(|number| hold(lab, number)).collect();
    let ratios: Vec<f64> = held.iter().map(|held| held.ratio).collect();
    let least = ratios.iter().copied().fold(ANY, f64::min);
    let share = |of: fn(&Held) -> bool| held.iter().map(|held| f64::from(u8::from(of(held)))).collect();
    Case {
        id: "O8",
        title: "No run is better than possible",
        source: "Kumar and Ross 2006; conservation of bytes",
        formula: "T_last >= T_min = max(F / u_S, F / d_min, N F / (u_S + sum u_i)) in 200 random swarms",
        scenario: "sim/src/validate/cases/bounds.rs",
        rows: vec![
            bounded("T_last / T_min", "at least 1, each", (1.0, ANY), ratios),
            row("the least of these", "close to 1", (1.0, 1.2), vec![least]),
            row("swarms in which bytes balance", "all", (1.0, 1.0), share(|held| held.balanced)),
            row("swarms within all capacities", "all", (1.0, 1.0), share(|held| held.within_capacity)),
            row("swarms that pass on checked pieces alone", "all", (1.0, 1.0), share(|held| held.checked)),
        ],
        note: "One to twenty leechers, capacities from 20 kB/s to 4 MB/s, four latencies, five profiles, every order of pieces and three chokers, drawn. The \
               bound is nearly reached somewhere, else this would prove little.",
        ..EMPTY
    }
}
