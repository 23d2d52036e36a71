//! What the forms of the format mean.

use std::path::Path;
use std::time::Duration;

use minibit_core::Profile;
use minibit_core::config::{Choking, Config, Inventory, PieceSelection, Requests};

use crate::scenario::{
    Arrivals, DurationDist, Group, InitialPieces, Latency, Link, LinkDist, MessageCount, Neighbours,
    Scenario, parse,
};

const MBIT: u64 = 1_000_000;

/// Ten pieces of 1 MB, the last one of 400 kB; one seed, and what is given.
fn scenario(groups: &str, more: &str) -> Scenario {
    let text = format!(
        r#"{{
            "content": {{"size": "9.4 MB", "piece": "1 MB"}},
            "groups": [{{"name": "seed", "pieces": "all", "up": "1 Mbit/s"}}{groups}]{more}
        }}"#
    );
    parse("test.json", &text, &[], Path::new(""))
        .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

/// A group with these keys, under these defaults.
fn group_under(defaults: &str, keys: &str) -> Group {
    let groups = format!(r#", {{"name": "it", {keys}}}"#);
    scenario(&groups, &format!(r#", "defaults": {{{defaults}}}"#)).groups.remove(1)
}

fn group(keys: &str) -> Group {
    group_under(r#""up": "1 Mbit/s""#, keys)
}

#[test]
fn pieces() {
    let of = |keys: &str| group(keys).pieces;
    assert_eq!(of(r#""count": 1"#), InitialPieces::None);
    assert_eq!(of(r#""pieces": 3"#), InitialPieces::Random(3));
    assert_eq!(of(r#""pieces": {"share": 0.29}"#), InitialPieces::Random(2));
    assert_eq!(of(r#""pieces": {"share": "100 %"}"#), InitialPieces::Random(10));
    assert_eq!(of(r#""pieces": {"seed_share": "0.5 %"}"#), InitialPieces::SeedShare { ppm: 5_000 });
    assert_eq!(of(r#""pieces": {"first": 2}"#), InitialPieces::Exactly(vec![0, 1]));
    assert_eq!(of(r#""pieces": {"last": 2}"#), InitialPieces::Exactly(vec![8, 9]));
    assert_eq!(of(r#""pieces": {"exactly": ["7-9", 0, 8]}"#), InitialPieces::Exactly(vec![0, 7, 8, 9]));
    assert_eq!(of(r#""pieces": {"except": [0, "2-9"]}"#), InitialPieces::Exactly(vec![1]));
}

#[test]
fn links() {
    let fixed = |up, down| LinkDist::Fixed(Link::Duplex { up, down });
    let of = |defaults: &str, keys: &str| group_under(defaults, keys).link;
    let both = r#""up": "1 Mbit/s", "down": "2 Mbit/s""#;
    assert_eq!(of(both, r#""count": 1"#), fixed(Some(MBIT), Some(2 * MBIT)));
    assert_eq!(of(both, r#""down": "unlimited""#), fixed(Some(MBIT), None), "one direction replaces one");
    assert_eq!(of(both, r#""capacity": "3 Mbit/s""#), LinkDist::Fixed(Link::Shared(3 * MBIT)));
    assert_eq!(of(r#""capacity": "3 Mbit/s""#, r#""up": "1 Mbit/s""#), fixed(Some(MBIT), None));
    let classes =
        LinkDist::Classes(vec![(2, Link::Shared(8)), (1, Link::Duplex { up: None, down: Some(1) })]);
    let written = r#""classes": [{"weight": 2, "capacity": "1 B/s"}, {"down": 1}]"#;
    assert_eq!(of(both, written), classes);
    assert_eq!(of(written, r#""count": 1"#), classes);
    assert_eq!(of(written, r#""down": 7"#), fixed(None, Some(7)));
    let range = of(r#""up": [1, 3]"#, r#""down": 5"#);
    let ends = [1, 3].map(|up| Link::Duplex { up: Some(up), down: Some(5) });
    assert_eq!(range, LinkDist::Uniform(ends[0], ends[1]));
}

#[test]
fn the_latency_that_is_meant_is_said() {
    let of = |latency: &str| {
        scenario("", &format!(r#", "tracker": {{}}, "network": {{"latency": {{{latency}}}}}"#)).network
    };
    let ms = Duration::from_millis;
    assert_eq!(of(r#""one_way": "15 ms""#).latency, Latency::Constant(ms(15)));
    assert_eq!(of(r#""rtt": "30 ms""#).latency, Latency::Constant(ms(15)));
    let uniform = DurationDist::Uniform(ms(10), ms(400));
    let drawn = of(r#""rtt": {"uniform": ["20 ms", "800 ms"]}, "drawn": "per_pair""#).latency;
    assert_eq!(drawn, Latency::PerPair(uniform));
    let drawn = of(r#""one_way": {"uniform": ["10 ms", "400 ms"]}, "drawn": "per_message""#).latency;
    assert_eq!(drawn, Latency::PerMessage(uniform));
}

#[test]
fn places_are_sorted_and_what_is_missing_is_as_in_the_other_direction() {
    let network = r#", "network": {"latency": {"rtt_between": {
        "us": {"us": "8 ms"}, "eu": {"eu": "4 ms", "us": "90 ms"}
    }}}, "tracker": {"place": "us"}, "defaults": {"place": "us"}"#;
    let scenario = scenario(r#", {"name": "it", "up": 1, "place": "eu"}"#, network);
    let ms = Duration::from_millis;
    assert_eq!(scenario.network.places, ["eu", "us"]);
    assert_eq!(scenario.network.latency, Latency::Places(vec![vec![ms(2), ms(45)], vec![ms(45), ms(4)]]));
    assert_eq!(scenario.tracker.map(|tracker| tracker.place), Some(1));
    assert_eq!(scenario.groups.iter().map(|group| group.place).collect::<Vec<_>>(), [1, 0]);
}

#[test]
fn departures_after_uploading_are_exact() {
    let of = |quota: &str| {
        group(&format!(r#""leave": {{"after_uploading": {quota}}}"#)).departures.after_uploading
    };
    assert_eq!(of(r#""3 MB""#), Some(3_000_000));
    assert_eq!(of(r#"{"copies": 2}"#), Some(18_800_000));
    assert_eq!(
        of(r#"{"pieces": 10}"#),
        Some(9_400_000),
        "one of every piece is one copy, the short last one included"
    );
    assert_eq!(of(r#"{"pieces": 23}"#), Some(18_800_000 + 3_000_000));
    let at_once = group(r#""leave": "on_completion""#).departures;
    assert_eq!(at_once.after_completion, Some(DurationDist::Fixed(Duration::ZERO)));
    assert_eq!((at_once.abort_after, at_once.crash_after, at_once.after_uploading), (None, None, None));
}

#[test]
fn choices_are_the_profiles_then_the_defaults_then_the_groups() {
    let usual = Profile::Bittorrent.config();
    assert_eq!(group(r#""count": 1"#).config, usual);
    let defaults = r#""up": 1, "choking": {"slots": 7}, "piece_selection": "random""#;
    let it = group_under(defaults, r#""choking": {"optimistic_slots": 3}, "piece_selection": "sequential""#)
        .config;
    let choking = Choking { slots: 7, optimistic_slots: 3, ..usual.choking };
    assert_eq!(it, Config { choking, pieces: PieceSelection::Sequential, ..usual });
    let it = group_under(
        defaults,
        r#""profile": "s5", "requests": {"paced": "2 s"}, "inventory": {"broadcast": "1 s"}"#,
    );
    let s5 = Profile::S5.config();
    let seconds = Duration::from_secs;
    assert_eq!(it.config.requests, Requests::Paced { interval: seconds(2), ask_all_when_unknown: true });
    assert_eq!(it.config.inventory, Inventory::Broadcast { interval: seconds(1), on_connect: true });
    assert_eq!((it.config.pieces, it.config.choking.slots), (PieceSelection::Random, 7));
    assert_eq!((it.config.limits, it.config.encoding), (s5.limits, s5.encoding));
    assert_eq!((it.profile.as_str(), it.message_count), ("s5", MessageCount::UntilComplete));
}

#[test]
fn fewer_connections_lower_what_depends_on_them() {
    let limits = group(r#""limits": {"connections": 10}"#).config.limits;
    assert_eq!((limits.connections, limits.dial_target, limits.half_open), (10, 10, 10));
    let limits = group(r#""limits": {"connections": 10, "dial_target": 4}"#).config.limits;
    assert_eq!((limits.dial_target, limits.half_open), (4, 10));
}

#[test]
fn the_tracker_seeds_only_when_it_is_said() {
    let of = |tracker: &str, profile: &str| {
        let more = format!(r#", "tracker": {tracker}, "defaults": {{"profile": "{profile}"}}"#);
        scenario("", &more).tracker.and_then(|tracker| tracker.seed)
    };
    assert_eq!(of("true", "s5"), None);
    assert_eq!(of(r#"{"seed": true, "up": 1}"#, "s5"), Profile::S5.tracker_seed_config());
    let peer = Config { announcing: None, ..Profile::Bittorrent.config() };
    assert_eq!(of(r#"{"seed": true, "up": 1}"#, "bittorrent"), Some(peer));
    let s2 = Profile::S2.tracker_seed_config().map(|config| Config { super_seeding: true, ..config });
    assert_eq!(of(r#"{"seed": {"profile": "s2", "super_seeding": true}, "up": 1}"#, "s5"), s2);
}

#[test]
fn neighbours_go_by_name_and_need_no_tracker() {
    let groups = r#", {"name": "a", "count": 2, "up": 1}, {"name": "b", "up": 1}"#;
    let of = |neighbours: &str| scenario(groups, &format!(r#", "neighbours": {neighbours}"#));
    let chain = of(r#"[["seed", "a-1"], ["a-1", "a-2"], ["b", "a-2"]]"#);
    assert_eq!(chain.neighbours, Some(Neighbours::Pairs(vec![(0, 1), (1, 2), (3, 2)])));
    assert_eq!(chain.tracker, None);
    assert!(chain.groups.iter().all(|group| group.config.announcing.is_none()));
    assert_eq!(of(r#"{"degree": 3}"#).neighbours, Some(Neighbours::Degree(3)));
    assert_eq!(of(r#""mesh""#).neighbours, Some(Neighbours::Mesh));
    let names: Vec<String> = chain.groups.iter().flat_map(Group::peer_names).collect();
    assert_eq!(names, ["seed", "a-1", "a-2", "b"]);
}

#[test]
fn a_trace_gives_one_time_per_peer() {
    let folder = tempfile::tempdir().unwrap();
    let rows = "peer,join_s\r\nx,0.25\r\n\r\ny, 3\r\nz,4\r\n";
    std::fs::write(folder.path().join("joins.csv"), rows).unwrap();
    let text = r#"{"content": {"size": 1000, "piece": 1000}, "groups": [
        {"name": "seed", "count": 2, "pieces": "all", "up": 1, "arrivals": {"trace": "joins.csv"}}
    ]}"#;
    let scenario = parse("test.json", text, &[], folder.path()).unwrap();
    let times = vec![Duration::from_millis(250), Duration::from_secs(3)];
    assert_eq!(scenario.groups[0].arrivals, Arrivals::Trace(times));
}
