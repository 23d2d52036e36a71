//! Random swarms with random choices and random faults: no law is ever broken, and when the faults stop everyone finishes.
//!
//! Each walk is a function of its number, which a failure prints. The batch counts what has happened, because a batch in which
//! nothing interesting happens proves nothing.

use core::time::Duration;

use minibit_core::boundary::{DiskOp, Simulated};
use minibit_core::config::{ChokeAlgorithm, Choking, Config, Limits, PieceSelection, Requests};
use minibit_core::message::MessageKind;
use minibit_core::rng::Purpose;
use minibit_core::{Bitfield, Event, Rng, Seed};

use crate::support::{BLOCK, Lies, Swarm, What, World, geometry, plain};

/// What a batch has to have seen.
#[derive(Debug, Default)]
struct Sights {
    hash_failures: u64,
    bans: usize,
    fingerprints: usize,
    cancels: usize,
    rejects: usize,
    chokes: usize,
    timeouts: u64,
    wasted: u64,
    cuts: usize,
    departures: usize,
    crossed_dials: usize,
    allowed_fast: usize,
    snubs: usize,
}

fn pick<T: Copy>(rng: &mut Rng, items: &[T]) -> T {
    *rng.choose(items).expect("there is a choice")
}

fn config(rng: &mut Rng) -> Config {
    let pieces = pick(
        rng,
        &[
            PieceSelection::RarestFirst,
            PieceSelection::Random,
            PieceSelection::Sequential,
            PieceSelection::RandomFirstThenRarest,
        ],
    );
    let algorithm = pick(
        rng,
        &[
            ChokeAlgorithm::TitForTat,
            ChokeAlgorithm::RandomSlots,
            ChokeAlgorithm::Contribution,
            ChokeAlgorithm::Rarity,
            ChokeAlgorithm::None,
        ],
    );
    let requests = match rng.below(4) {
        0 => Requests::Fixed(pick(rng, &[1, 2, 5])),
        1 => Requests::Paced {
            interval: Duration::from_millis(rng.between(100, 1_000)),
            ask_all_when_unknown: false,
        },
        _ => plain().requests,
    };
    let choking = Choking {
        algorithm,
        slots: pick(rng, &[1, 2, 4]),
        optimistic_slots: pick(rng, &[1, 2]),
        immediate: rng.chance(1, 2),
        parallel_uploads: pick(rng, &[None, None, Some(1), Some(2)]),
        ..plain().choking
    };
    let limits = Limits {
        disk_high_water: u64::from(BLOCK) * pick(rng, &[2, 8, 100]),
        disk_low_water: u64::from(BLOCK),
        queued_requests: pick(rng, &[8, 250]),
        send_credit: BLOCK * pick(rng, &[1, 2, 4]),
        ..plain().limits
    };
    Config {
        pieces,
        choking,
        requests,
        limits,
        fast_extension: rng.chance(2, 3),
        allowed_fast: pick(rng, &[0, 0, 3]),
        suggest: rng.chance(1, 2),
        endgame: rng.chance(2, 3),
        extensions: rng.chance(1, 2),
        pex: rng.chance(1, 2),
        ..plain()
    }
}

/// One walk. Members 0 and, sometimes, 1 are honest seeds that stay; fewer than half of all lie.
fn walk(number: u64, sights: &mut Sights) {
    let mut rng = Seed::from_number(number).stream(Purpose::Test, 0);
    let geometry =
        geometry(u32::try_from(rng.between(1, 9)).unwrap(), u32::try_from(rng.between(1, 6)).unwrap());
    let world = World {
        latency: pick(&mut rng, &[(0, 0), (1, 5), (10, 200), (0, 2_000)]),
        disk: pick(&mut rng, &[(0, 0), (1, 20), (0, 500), (100, 3_000)]),
        uplink: pick(&mut rng, &[None, Some(1 << 14), Some(1 << 17), Some(1 << 20)]),
    };
    let mut swarm = Swarm::<Simulated>::new(geometry, world, number);
    let members = usize::try_from(rng.between(2, 6)).unwrap();
    let same = rng.chance(1, 2).then(|| config(&mut rng));
    let mut liars = 0;
    for member in 0..members {
        let config = same.unwrap_or_else(|| config(&mut rng));
        let mut have = Bitfield::none(geometry.piece_count());
        let share = if member == 0 { 1 } else { pick(&mut rng, &[0, 0, 1, 2, 4]) };
        for piece in geometry.pieces().filter(|_| share == 1 || share > 0 && rng.chance(1, share)) {
            have.insert(piece);
        }
        swarm.join(config, &have);
        if member > 0 && 2 * (liars + 1) <= members && rng.chance(1, 3) {
            liars += 1;
            swarm.members[member].disk.lies =
                pick(&mut rng, &[Lies::All, Lies::Block(0), Lies::OneIn(2), Lies::OneIn(7)]);
        }
    }
    for member in 0..members {
        let others: Vec<usize> = (0..members).filter(|&other| other != member && rng.chance(2, 3)).collect();
        swarm.introduce(member, &others);
        swarm.introduce(member, &[0]);
    }
    for _ in 0..rng.below(12) {
        swarm.run_for(Duration::from_millis(rng.between(0, 8_000)));
        fault(&mut swarm, &mut rng, sights);
        note_snubs(&swarm, sights);
    }
    // The faults stop; the liars go on. Whoever was cut off is dialled again after a while.
    for member in &mut swarm.members {
        member.disk.unreadable = false;
    }
    for _ in 0..6 {
        swarm.run_for(Duration::from_secs(20));
        note_snubs(&swarm, sights);
    }
    swarm.finish(Duration::from_hours(2));
    look_back(&swarm, sights);
}

fn fault(swarm: &mut Swarm<Simulated>, rng: &mut Rng, sights: &mut Sights) {
    let member = rng.index(swarm.members.len());
    match rng.below(8) {
        0 if member > 0 && swarm.members[member].torrent.is_some() && swarm.members.len() > 2 => {
            swarm.leave(member);
            sights.departures += 1;
        }
        1 => swarm.members[member].disk.unreadable ^= true,
        2 => swarm.stall(member, Duration::from_millis(rng.between(1_000, 90_000))),
        _ => {
            let conns = swarm.conns(member);
            if let Some(&conn) = rng.choose(&conns) {
                swarm.cut(member, conn);
                sights.cuts += 1;
            }
        }
    }
}

fn note_snubs<E: crate::support::Medium>(swarm: &Swarm<E>, sights: &mut Sights) {
    for torrent in swarm.members.iter().filter_map(|member| member.torrent.as_ref()) {
        sights.snubs += torrent.connections().filter(|view| view.snubbing).count();
    }
}

fn look_back(swarm: &Swarm<Simulated>, sights: &mut Sights) {
    for torrent in swarm.members.iter().filter_map(|member| member.torrent.as_ref()) {
        let stats = torrent.stats();
        sights.hash_failures += stats.hash_failures;
        sights.timeouts += stats.request_timeouts;
        sights.wasted += stats.wasted;
    }
    let count = |kind| swarm.count(|entry| entry.is(kind));
    sights.cancels += count(MessageKind::Cancel);
    sights.rejects += count(MessageKind::RejectRequest);
    sights.chokes += count(MessageKind::Choke);
    sights.allowed_fast += count(MessageKind::AllowedFast);
    sights.bans += swarm.count(|entry| matches!(entry.what, What::Event(Event::Banned { .. })));
    sights.fingerprints += swarm.count(|entry| matches!(entry.what, What::Disk(DiskOp::Fingerprint { .. })));
    sights.crossed_dials += swarm.count(|entry| {
        matches!(entry.what, What::Closed(_, minibit_core::boundary::DisconnectReason::Duplicate))
    });
}

#[test]
fn random_swarms_keep_the_laws_and_finish() {
    let mut sights = Sights::default();
    let first = option_env!("WALK").and_then(|number| number.parse().ok());
    let walks = first.map_or(0..2_000, |first: u64| first..first + 1);
    for number in walks.clone() {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| walk(number, &mut sights)));
        if let Err(panic) = result {
            println!(
                "walk {number} failed; again: WALK={number} cargo test -p minibit-core --test torrent walks"
            );
            std::panic::resume_unwind(panic);
        }
    }
    let Sights { hash_failures, bans, fingerprints, cancels, rejects, chokes, .. } = sights;
    if walks.count() > 1 {
        assert!(hash_failures > 0 && bans > 0 && fingerprints > 0, "{sights:?}");
        assert!(cancels > 0 && rejects > 0 && chokes > 0, "{sights:?}");
        assert!(sights.timeouts > 0 && sights.wasted > 0 && sights.snubs > 0, "{sights:?}");
        assert!(sights.cuts > 0 && sights.departures > 0 && sights.crossed_dials > 0, "{sights:?}");
        assert!(sights.allowed_fast > 0, "{sights:?}");
    }
}
