//! From a checked scenario back to the file format, with everything said: what a manifest keeps.
//!
//! Numbers are in base units, keys in the order of the format. Read again it gives the same scenario.

use std::time::Duration;

use minibit_core::Profile;
use minibit_core::config::{Config, Connections as Purpose, Inventory as Kinds, Requests as Asking};
use serde_json::Value;

use super::choices::{
    AnnounceInterval, Announcing, AnnouncingNumbers, Broadcast, BroadcastNumbers, Choices, Choking,
    ChokingNumbers, Connections, Inventory, Limits, Paced, PacedNumbers, Requests, RequestsForm, Timeouts,
};
use super::file::{
    Arrivals as WrittenArrivals, ArrivalsForm, Content, CountMessages, Drawn, File, Group as WrittenGroup,
    Latency as WrittenLatency, Leave, LeaveForm, LinkClass, Matrix, Neighbours as WrittenNeighbours,
    Network as WrittenNetwork, Pieces, SomePieces, Stop, Tracker as WrittenTracker, TrackerChoice,
    TrackerSeed,
};
use super::units::{Bytes, Rate, Time};
use super::values::{Ceiling, Dist, DistForm, LinkRate, Percent, PieceSpan, Quota, QuotaForm, Share, Window};
use super::{
    Arrivals, Departures, DurationDist, Group, InitialPieces, Latency, Link, LinkDist, MessageCount,
    Neighbours, Network, Scenario, Tracker,
};

/// The scenario in the file format, with all defaults filled in, in bytes, bits per second and nanoseconds.
///
/// # Panics
/// Never: the format has no keys but strings.
pub fn resolved_json(scenario: &Scenario) -> Value {
    let mut value = serde_json::to_value(file(scenario)).expect("the format has no keys but strings");
    remove_nulls(&mut value);
    value
}

/// What was left out is left out again.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn file(scenario: &Scenario) -> File {
    let content = scenario.content;
    let places = &scenario.network.places;
    let random = scenario.neighbours == Some(Neighbours::RandomContacts);
    File {
        schema: None,
        name: Some(scenario.name.clone()),
        description: Some(scenario.description.clone()),
        notes: (!scenario.notes.is_empty()).then(|| scenario.notes.clone()),
        seed: Some(scenario.seed),
        runs: Some(scenario.runs),
        content: Content {
            size: Bytes(content.len),
            piece: Some(Bytes(content.piece_len.into())),
            block: Some(Bytes(content.block_len.into())),
        },
        network: Some(network(&scenario.network)),
        // A disk that takes no time is none at all: models of long ago had no word for it.
        disk: Some(scenario.disk).filter(|disk| !disk.is_zero()).map(Time::from),
        tracker: Some(match &scenario.tracker {
            None => TrackerChoice::Flag(false),
            Some(it) => TrackerChoice::Tracker(Box::new(tracker(it, places))),
        }),
        neighbours: scenario.neighbours.as_ref().map(|it| neighbours(it, &scenario.groups)),
        defaults: None,
        groups: scenario.groups.iter().map(|it| group(it, places, random)).collect(),
        stop: Some(Stop {
            when_complete: Some(scenario.stop.when_complete),
            time: Some(scenario.stop.time.into()),
            events: Some(scenario.stop.events),
            stuck_after: Some(scenario.stop.stuck_after.into()),
        }),
        timeline: Some(scenario.timeline.into()),
        expect: Some(scenario.expect.iter().map(|rule| rule.text.clone()).collect()),
    }
}

fn network(network: &Network) -> WrittenNetwork {
    let drawn = |drawn| (None, Some(drawn));
    let mut latency = WrittenLatency::default();
    let (constant, how) = match &network.latency {
        Latency::Constant(delay) => (Some(DurationDist::Fixed(*delay)), (None, None)),
        Latency::PerPair(dist) => (Some(*dist), drawn(Drawn::PerPair)),
        Latency::PerMessage(dist) => (Some(*dist), drawn(Drawn::PerMessage)),
        Latency::Places(matrix) => (None, (Some(named(matrix, &network.places)), None)),
    };
    latency.one_way = constant.map(dist);
    (latency.one_way_between, latency.drawn) = how;
    WrittenNetwork {
        latency: Some(latency),
        window: Some(network.window.map_or(Window::Unlimited, |bytes| Window::Bytes(Bytes(bytes)))),
        overhead: Some(Percent(
            u32::try_from(network.overhead_ppm.saturating_sub(1_000_000)).unwrap_or(u32::MAX),
        )),
    }
}

fn named(matrix: &[Vec<Duration>], places: &[String]) -> Matrix {
    let row = |row: &Vec<Duration>| {
        places.iter().cloned().zip(row.iter().map(|&delay| Time::from(delay))).collect()
    };
    places.iter().cloned().zip(matrix.iter().map(row)).collect()
}

fn dist(dist: DurationDist) -> Dist {
    Dist(match dist {
        DurationDist::Fixed(time) => DistForm::Fixed(time.into()),
        DurationDist::Uniform(low, high) => DistForm::Uniform([low.into(), high.into()]),
        DurationDist::Exponential(mean) => DistForm::Exponential { mean: mean.into() },
        DurationDist::Weibull { scale, shape } => DistForm::Weibull { scale: scale.into(), shape },
        DurationDist::LogNormal { median, sigma } => DistForm::LogNormal { median: median.into(), sigma },
    })
}

fn rate(rate: Option<u64>) -> LinkRate {
    rate.map_or(LinkRate::Unlimited, |rate| LinkRate::Fixed(Rate(rate)))
}

/// Uplink, downlink, capacity.
fn rates(link: Link) -> [Option<LinkRate>; 3] {
    match link {
        Link::Duplex { up, down } => [Some(rate(up)), Some(rate(down)), None],
        Link::Shared(capacity) => [None, None, Some(rate(Some(capacity)))],
    }
}

fn tracker(tracker: &Tracker, places: &[String]) -> WrittenTracker {
    let [up, down, capacity] = rates(tracker.link);
    WrittenTracker {
        up,
        down,
        capacity,
        place: places.get(tracker.place).cloned(),
        interval: Some(tracker.interval.into()),
        timeout: Some(tracker.timeout.into()),
        max_peers: Some(tracker.max_peers),
        seed: Some(match tracker.seed {
            None => TrackerSeed::Flag(false),
            // All choices are said, so it does not matter which profile they are said on top of.
            Some(config) => TrackerSeed::Choices(Box::new(choices(&config, Profile::default()))),
        }),
    }
}

fn neighbours(neighbours: &Neighbours, groups: &[Group]) -> WrittenNeighbours {
    match neighbours {
        Neighbours::Mesh => WrittenNeighbours::Mesh,
        Neighbours::RandomContacts => WrittenNeighbours::RandomContacts,
        Neighbours::Degree(degree) => WrittenNeighbours::Degree(*degree),
        Neighbours::Pairs(pairs) => {
            let names: Vec<String> = groups.iter().flat_map(Group::peer_names).collect();
            let name = |number: u32| names.get(number as usize).cloned().unwrap_or_default();
            WrittenNeighbours::Pairs(pairs.iter().map(|&(a, b)| [name(a), name(b)]).collect())
        }
    }
}

fn group(group: &Group, places: &[String], random_contacts: bool) -> WrittenGroup {
    let mut written = WrittenGroup {
        name: group.name.clone(),
        count: Some(group.count),
        place: places.get(group.place).cloned(),
        pieces: Some(pieces(&group.pieces)),
        arrivals: Some(arrivals(&group.arrivals)),
        leave: Some(leave(&group.departures)),
        contacts_per_second: random_contacts.then_some(group.contacts_per_second),
        count_messages: Some(match group.message_count {
            MessageCount::WholeRun => CountMessages::WholeRun,
            MessageCount::UntilComplete => CountMessages::UntilComplete,
        }),
        ..WrittenGroup::default()
    };
    match &group.link {
        LinkDist::Fixed(link) => [written.up, written.down, written.capacity] = rates(*link),
        LinkDist::Uniform(low, high) => {
            let ends =
                rates(*low).into_iter().zip(rates(*high)).map(|(low, high)| Some(between(low?, high?)));
            let mut ends = ends.map(|end| end.unwrap_or(None));
            written.up = ends.next().flatten();
            written.down = ends.next().flatten();
            written.capacity = ends.next().flatten();
        }
        LinkDist::Classes(classes) => {
            let class = |&(weight, link): &(u64, Link)| {
                let [up, down, capacity] = rates(link);
                LinkClass { weight: Some(weight), up, down, capacity }
            };
            written.classes = Some(classes.iter().map(class).collect());
        }
    }
    let profile =
        Profile::ALL.into_iter().find(|profile| profile.name() == group.profile).unwrap_or_default();
    written.set_choices(choices(&group.config, profile));
    written
}

/// The range between two rates; `None` when one of them is a range itself.
fn between(low: LinkRate, high: LinkRate) -> Option<LinkRate> {
    match (low, high) {
        (LinkRate::Fixed(low), LinkRate::Fixed(high)) if low == high => Some(LinkRate::Fixed(low)),
        (LinkRate::Fixed(low), LinkRate::Fixed(high)) => Some(LinkRate::Uniform([low, high])),
        (LinkRate::Unlimited, LinkRate::Unlimited) => Some(LinkRate::Unlimited),
        _ => None,
    }
}

fn pieces(pieces: &InitialPieces) -> Pieces {
    match pieces {
        InitialPieces::None => Pieces::None,
        InitialPieces::All => Pieces::All,
        InitialPieces::Random(number) => Pieces::Some(SomePieces::Random(*number)),
        InitialPieces::SeedShare { ppm } => Pieces::Some(SomePieces::SeedShare(Share(*ppm))),
        InitialPieces::Exactly(pieces) => {
            let mut spans: Vec<PieceSpan> = Vec::new();
            for &piece in pieces {
                match spans.last_mut() {
                    Some(PieceSpan(_, last)) if last.checked_add(1) == Some(piece) => *last = piece,
                    _ => spans.push(PieceSpan(piece, piece)),
                }
            }
            Pieces::Some(SomePieces::Exactly(spans))
        }
    }
}

fn arrivals(arrivals: &Arrivals) -> WrittenArrivals {
    WrittenArrivals(match arrivals {
        Arrivals::Together(time) => ArrivalsForm::Together((*time).into()),
        Arrivals::Staggered { start, every } => {
            ArrivalsForm::Staggered { start: Some((*start).into()), every: (*every).into() }
        }
        Arrivals::Poisson { start, rate } => {
            ArrivalsForm::Poisson { start: Some((*start).into()), per_second: *rate }
        }
        Arrivals::FlashCrowd { start, rate, decay } => ArrivalsForm::FlashCrowd {
            start: Some((*start).into()),
            per_second: *rate,
            decay: (*decay).into(),
        },
        Arrivals::Trace(times) => ArrivalsForm::At(times.iter().map(|&time| time.into()).collect()),
    })
}

fn leave(departures: &Departures) -> Leave {
    Leave(LeaveForm {
        after_completion: departures.after_completion.map(dist),
        abort_after: departures.abort_after.map(dist),
        crash_after: departures.crash_after.map(dist),
        after_uploading: departures.after_uploading.map(|bytes| Quota(QuotaForm::Bytes(Bytes(bytes)))),
    })
}

fn choices(config: &Config, profile: Profile) -> Choices {
    // Named one by one: a new choice that would not be written does not compile.
    let Config {
        pieces,
        choking,
        requests,
        inventory,
        connections,
        handshake,
        interest,
        fast_extension,
        allowed_fast,
        // The node's alone: no scenario can switch them on.
        extensions: _,
        pex: _,
        suggest,
        endgame,
        super_seeding,
        uploads,
        encoding,
        timeouts,
        limits,
        announcing,
    } = *config;
    Choices {
        profile: Some(profile),
        piece_selection: Some(pieces),
        choking: Some(Choking(ChokingNumbers {
            algorithm: Some(choking.algorithm),
            slots: Some(choking.slots),
            optimistic_slots: Some(choking.optimistic_slots),
            interval: Some(choking.interval.into()),
            optimistic_interval: Some(choking.optimistic_interval.into()),
            snub_after: Some(choking.snub_after.into()),
            immediate: Some(choking.immediate),
            parallel_uploads: Some(choking.parallel_uploads.map_or(Ceiling::Unlimited, Ceiling::Number)),
        })),
        requests: Some(Requests(match requests {
            Asking::Pipelined { min, max, slack } => {
                RequestsForm::Pipelined { min: Some(min), max: Some(max), slack: Some(slack.into()) }
            }
            Asking::Fixed(number) => RequestsForm::Fixed(number),
            Asking::Paced { interval, ask_all_when_unknown } => RequestsForm::Paced(Paced(PacedNumbers {
                interval: interval.into(),
                ask_all_when_unknown: Some(ask_all_when_unknown),
            })),
        })),
        inventory: Some(match inventory {
            Kinds::Have => Inventory::Have,
            Kinds::HaveToAll => Inventory::HaveToAll,
            Kinds::Tracker => Inventory::Tracker,
            Kinds::Broadcast { interval, on_connect } => Inventory::Broadcast(Broadcast(BroadcastNumbers {
                interval: interval.into(),
                on_connect: Some(on_connect),
            })),
        }),
        connections: match connections {
            Purpose::Lasting => Some(Connections::Lasting),
            Purpose::PerPiece { parallel } => Some(Connections::PerPiece(parallel)),
            // It follows from `neighbours`.
            Purpose::Contacts => None,
        },
        handshake: Some(handshake),
        interest: Some(interest),
        fast_extension: Some(fast_extension),
        allowed_fast: Some(allowed_fast),
        suggest: Some(suggest),
        endgame: Some(endgame),
        super_seeding: Some(super_seeding),
        uploads: Some(uploads),
        encoding: Some(encoding),
        timeouts: Some(Timeouts {
            handshake: Some(timeouts.handshake.into()),
            request: Some(timeouts.request.into()),
            keep_alive: Some(timeouts.keep_alive.into()),
            idle: Some(timeouts.idle.into()),
            reconnect: Some(timeouts.reconnect.into()),
        }),
        limits: Some(Limits {
            connections: Some(limits.connections),
            dial_target: Some(limits.dial_target),
            half_open: Some(limits.half_open),
            queued_requests: Some(limits.queued_requests),
            send_credit: Some(Bytes(limits.send_credit.into())),
            disk_high_water: Some(Bytes(limits.disk_high_water)),
            disk_low_water: Some(Bytes(limits.disk_low_water)),
            known_peers: Some(limits.known_peers),
        }),
        announcing: Some(announcing.map_or(Announcing::Flag(false), |announcing| {
            Announcing::Numbers(AnnouncingNumbers {
                numwant: Some(announcing.numwant),
                interval: Some(
                    announcing.interval.map_or(AnnounceInterval::Tracker, |interval| {
                        AnnounceInterval::Every(interval.into())
                    }),
                ),
                on_piece: Some(announcing.on_piece),
                low_peers: Some(announcing.low_peers),
                lists: Some(announcing.lists),
                asks: Some(announcing.asks),
            })
        })),
    }
}
