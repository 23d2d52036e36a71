use proptest::prelude::*;

use super::*;
use crate::boundary::SimAddr;
use crate::metainfo::{Builder, PieceHasher};

const CONFIG: CatalogueConfig = CatalogueConfig {
    timeout: Duration::from_secs(200),
    max_entries: 3,
    max_publishers: 2,
    max_entries_of_publisher: 2,
    max_metainfo: 300,
    max_metainfo_in_all: 400,
};
const ANNE: SimAddr = SimAddr(1);
const BOB: SimAddr = SimAddr(2);
const CLEO: SimAddr = SimAddr(3);

fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

fn hash(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

fn claimed(number: u8, name: &str) -> Description {
    Description::claimed(hash(number), name, 100, 1).unwrap()
}

/// A torrent file of 20 bytes of content.
fn torrent(name: &str) -> Bytes {
    let builder = Builder::file(name, 20);
    let mut hasher = PieceHasher::new(builder.geometry().unwrap());
    hasher.update(&[7; 20]).unwrap();
    builder.build(&hasher.finish().unwrap()).unwrap().to_bytes().into()
}

fn names(catalogue: &Catalogue<SimAddr>, now: Instant) -> Vec<(String, u8)> {
    catalogue.list(now).map(|listed| (listed.name.to_owned(), listed.info_hash.0[0])).collect()
}

#[test]
fn entries_are_listed_by_name_in_any_case_and_then_by_info_hash() {
    let mut catalogue = Catalogue::new(CatalogueConfig::default());
    for (number, name) in [(9, "b"), (3, "a"), (2, "C"), (1, "a"), (4, "A")] {
        catalogue.publish(secs(0), claimed(number, name), ANNE, true).unwrap();
    }
    let expected = [("a", 1), ("a", 3), ("A", 4), ("b", 9), ("C", 2)];
    assert_eq!(names(&catalogue, secs(1)), expected.map(|(name, number)| (name.to_owned(), number)));
}

#[test]
fn the_best_fit_comes_first_and_equal_names_are_ambiguous() {
    let mut catalogue = Catalogue::new(CatalogueConfig::default());
    for (number, name) in [(1, "film"), (2, "a film"), (3, "FILM"), (4, "dup"), (5, "dup"), (6, "song")] {
        catalogue.publish(secs(0), claimed(number, name), ANNE, true).unwrap();
    }
    let search = |text: &str| -> Vec<_> {
        let found = catalogue.search(secs(1), &Query::new(text).unwrap());
        found.into_iter().map(|(fit, listed)| (fit, listed.info_hash.0[0])).collect()
    };
    assert_eq!(search("film"), [(Fit::Name, 1), (Fit::NameInAnyCase, 3), (Fit::Part, 2)]);
    assert_eq!(search("0606060606"), [(Fit::InfoHash, 6)]);
    assert_eq!(search("opera"), []);
    let lookup = |text: &str| match catalogue.lookup(secs(1), &Query::new(text).unwrap()) {
        Pick::Nothing => vec![],
        Pick::One(one) => vec![one.info_hash.0[0]],
        Pick::Several(several) => several.into_iter().map(|listed| listed.info_hash.0[0]).collect(),
    };
    assert_eq!(lookup("film"), [1]);
    assert_eq!(lookup("on"), [6]);
    assert_eq!(lookup("dup"), [4, 5]);
    assert_eq!(lookup("04040404"), [4]);
    assert!(lookup("nobody has it").is_empty());
}

#[test]
fn an_entry_lives_for_as_long_as_somebody_publishes_it() {
    let mut catalogue = Catalogue::new(CONFIG);
    catalogue.publish(secs(0), claimed(1, "a"), ANNE, true).unwrap();
    catalogue.publish(secs(100), claimed(1, "a"), BOB, false).unwrap();
    let counts = |catalogue: &Catalogue<SimAddr>, now| {
        catalogue.get(now, hash(1)).map(|listed| (listed.seeders, listed.leechers))
    };
    assert_eq!(counts(&catalogue, secs(199)), Some((1, 1)));
    assert_eq!(counts(&catalogue, secs(200)), Some((0, 1)), "silent for the time-out, swept or not");
    assert_eq!(catalogue.heartbeat(secs(201), ANNE), 0, "too late: it has to publish again");
    assert_eq!(catalogue.heartbeat(secs(299), BOB), 1);
    assert!(catalogue.update(secs(300), hash(1), BOB, true));
    assert!(!catalogue.update(secs(300), hash(1), CLEO, true));
    assert_eq!(counts(&catalogue, secs(499)), Some((1, 0)));
    assert_eq!(counts(&catalogue, secs(500)), None);
    catalogue.publish(secs(600), claimed(1, "a"), CLEO, true).unwrap();
    assert_eq!(catalogue.get(secs(600), hash(1)).unwrap().published, secs(600), "a new life");
    catalogue.unregister(hash(1), BOB);
    catalogue.unregister(hash(1), CLEO);
    assert_eq!(counts(&catalogue, secs(600)), None);
}

#[test]
fn who_joins_an_entry_keeps_it() {
    let mut catalogue = Catalogue::new(CONFIG);
    assert_eq!(catalogue.join(secs(0), hash(1), ANNE, true), Ok(false));
    catalogue.publish(secs(0), claimed(1, "a"), ANNE, true).unwrap();
    assert_eq!(catalogue.join(secs(100), hash(1), BOB, false), Ok(true));
    assert_eq!(
        catalogue.join(secs(100), hash(1), CLEO, false),
        Err(CatalogueError::TooManyPublishers { limit: 2 })
    );
    catalogue.unregister(hash(1), ANNE);
    assert_eq!(names(&catalogue, secs(299)), [("a".to_owned(), 1)]);
    assert_eq!(catalogue.join(secs(300), hash(1), ANNE, true), Ok(false), "too late");
}

#[test]
fn sweeps_give_everything_back_and_then_end() {
    let mut catalogue = Catalogue::new(CONFIG);
    assert_eq!(catalogue.poll_timeout(), None);
    catalogue.publish(secs(0), claimed(1, "a"), ANNE, true).unwrap();
    catalogue.publish(secs(50), Description::proven(torrent("b")).unwrap(), BOB, true).unwrap();
    assert_eq!(catalogue.poll_timeout(), Some(secs(200)));
    catalogue.handle_timeout(secs(199));
    assert_eq!(catalogue.entries.len(), 2, "too early is harmless");
    catalogue.handle_timeout(secs(200));
    assert_eq!((catalogue.entries.len(), catalogue.poll_timeout()), (1, Some(secs(260))));
    catalogue.handle_timeout(secs(260));
    assert_eq!(catalogue.poll_timeout(), None);
    assert!(catalogue.entries.is_empty() && catalogue.names.is_empty() && catalogue.publishers.is_empty());
    assert_eq!(catalogue.metainfo_len, 0);
}

#[test]
fn what_is_full_refuses_newcomers_until_somebody_is_gone() {
    use CatalogueError::{MetainfoTooLong, TooManyEntries, TooManyOfPublisher, TooManyPublishers};

    let mut catalogue = Catalogue::new(CONFIG);
    catalogue.publish(secs(0), claimed(1, "a"), ANNE, true).unwrap();
    catalogue.publish(secs(0), claimed(2, "b"), ANNE, true).unwrap();
    let refused = catalogue.publish(secs(1), claimed(3, "c"), ANNE, true);
    assert_eq!(refused, Err(TooManyOfPublisher { limit: 2 }));
    catalogue.publish(secs(1), claimed(1, "a"), ANNE, false).unwrap();
    catalogue.publish(secs(2), claimed(3, "c"), BOB, true).unwrap();
    assert_eq!(catalogue.publish(secs(3), claimed(4, "d"), CLEO, true), Err(TooManyEntries { limit: 3 }));
    catalogue.publish(secs(3), claimed(3, "c"), CLEO, true).unwrap();
    let refused = catalogue.publish(secs(4), claimed(3, "c"), SimAddr(4), true);
    assert_eq!(refused, Err(TooManyPublishers { limit: 2 }));
    // 200 s after Anne's last word on "b", there is room for "d".
    catalogue.publish(secs(200), claimed(4, "d"), CLEO, true).unwrap();
    let listed: Vec<_> = names(&catalogue, secs(200)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(listed, ["a", "c", "d"]);
    let long = Description { metainfo: Some(vec![0; 301].into()), ..claimed(4, "d") };
    let refused = catalogue.publish(secs(201), long, CLEO, true);
    assert_eq!(refused, Err(MetainfoTooLong { len: 301, max: 300 }));
}

#[test]
fn metainfo_without_room_is_left_out_and_the_file_published_all_the_same() {
    let mut catalogue = Catalogue::new(CatalogueConfig { max_metainfo_in_all: 150, ..CONFIG });
    let (first, second) = (torrent("first"), torrent("second"));
    assert!((76..150).contains(&first.len()), "one fits, two do not: {}", first.len());
    let (one, two) = (Description::proven(first).unwrap(), Description::proven(second.clone()).unwrap());
    catalogue.publish(secs(0), one.clone(), ANNE, true).unwrap();
    catalogue.publish(secs(0), two.clone(), BOB, true).unwrap();
    assert!(catalogue.get(secs(0), one.info_hash).unwrap().metainfo.is_some());
    assert_eq!(catalogue.get(secs(0), two.info_hash).unwrap().metainfo, None);
    catalogue.unregister(one.info_hash, ANNE);
    catalogue.publish(secs(1), two.clone(), BOB, true).unwrap();
    assert_eq!(catalogue.get(secs(1), two.info_hash).unwrap().metainfo, Some(&second), "there is room now");
    catalogue.publish(secs(1), two, ANNE, true).unwrap();
    assert_eq!(catalogue.metainfo_len, second.len(), "kept once");
}

#[test]
fn proof_replaces_a_claim_and_a_claim_replaces_nothing() {
    let mut catalogue = Catalogue::new(CONFIG);
    let proven = Description::proven(torrent("true")).unwrap();
    let false_claim = |name| Description::claimed(proven.info_hash, name, 1 << 40, 7).unwrap();
    catalogue.publish(secs(0), false_claim("false"), ANNE, true).unwrap();
    catalogue.publish(secs(1), false_claim("other"), BOB, true).unwrap();
    let shown = |catalogue: &Catalogue<SimAddr>| {
        let listed = catalogue.get(secs(1), proven.info_hash).unwrap();
        (listed.name.to_owned(), listed.len, listed.files, listed.seeders)
    };
    assert_eq!(shown(&catalogue), ("false".into(), 1 << 40, 7, 2));
    catalogue.publish(secs(1), proven.clone(), BOB, true).unwrap();
    assert_eq!(shown(&catalogue), ("true".into(), 20, 1, 2));
    catalogue.publish(secs(1), false_claim("false"), ANNE, true).unwrap();
    assert_eq!(shown(&catalogue), ("true".into(), 20, 1, 2));
    assert_eq!(names(&catalogue, secs(1)).len(), 1, "the old name is gone");
}

#[test]
fn names_that_no_file_can_have_are_refused() {
    for name in ["", "..", "a/b", "a\\b", "a\u{1b}[31m", "nul.txt", &"x".repeat(256)] {
        assert!(
            matches!(Description::claimed(hash(1), name, 1, 1), Err(CatalogueError::Name(_))),
            "{name:?}"
        );
    }
    assert_eq!(Description::claimed(hash(1), "a", 1, 0), Err(CatalogueError::NoFiles));
    assert!(matches!(Description::proven(b"d4:infod1:ai1eee"[..].into()), Err(CatalogueError::Metainfo(_))));
}

proptest! {
    /// Whatever is done, in whatever order: bounds hold, the three indexes agree, and what a naive list of (entry,
    /// publisher, last word) says is what is shown.
    #[test]
    fn random_walks_agree_with_a_naive_model(
        steps in prop::collection::vec((0_u8..5, 1_u8..6, 1_u32..5, any::<bool>(), 0_u64..90), 1..80)
    ) {
        let mut catalogue = Catalogue::new(CONFIG);
        let mut model: BTreeMap<(InfoHash, SimAddr), (u64, bool)> = BTreeMap::new();
        let mut now = 0;
        for (action, entry, publisher, seeder, pause) in steps {
            now += pause;
            let (info_hash, publisher) = (hash(entry), SimAddr(publisher));
            model.retain(|_, (seen, _)| now - *seen < 200);
            match action {
                0 | 1 => {
                    let is_new = !model.contains_key(&(info_hash, publisher));
                    let count = |test: &dyn Fn(&(InfoHash, SimAddr)) -> bool| {
                        model.keys().filter(|key| test(key)).count()
                    };
                    let entries: BTreeSet<_> = model.keys().map(|key| key.0).collect();
                    let room = count(&|key| key.0 == info_hash) < 2
                        && count(&|key| key.1 == publisher) < 2
                        && (entries.contains(&info_hash) || entries.len() < 3);
                    let name = format!("file {entry}");
                    let done = catalogue.publish(secs(now), claimed(entry, &name), publisher, seeder);
                    prop_assert_eq!(done.is_ok(), !is_new || room);
                    if done.is_ok() {
                        model.insert((info_hash, publisher), (now, seeder));
                    }
                }
                2 => {
                    let own = model.iter_mut().filter(|(key, _)| key.1 == publisher);
                    let count = own.map(|(_, (seen, _))| *seen = now).count();
                    prop_assert_eq!(catalogue.heartbeat(secs(now), publisher) as usize, count);
                }
                3 => {
                    catalogue.unregister(info_hash, publisher);
                    model.remove(&(info_hash, publisher));
                }
                _ => catalogue.handle_timeout(secs(now)),
            }
            let mut expected: BTreeMap<InfoHash, (u32, u32)> = BTreeMap::new();
            for (&(info_hash, _), &(_, seeder)) in &model {
                let counts = expected.entry(info_hash).or_default();
                *(if seeder { &mut counts.0 } else { &mut counts.1 }) += 1;
            }
            let shown: Vec<_> =
                catalogue.list(secs(now)).map(|it| (it.info_hash, (it.seeders, it.leechers))).collect();
            prop_assert_eq!(shown, expected.into_iter().collect::<Vec<_>>());
            prop_assert!(catalogue.entries.len() <= 3 && catalogue.names.len() == catalogue.entries.len());
            let pairs: usize = catalogue.entries.values().map(|entry| entry.publishers.len()).sum();
            prop_assert_eq!(pairs, catalogue.publishers.values().map(BTreeSet::len).sum::<usize>());
        }
    }
}
