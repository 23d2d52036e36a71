//! What is allowed but probably not meant.

use std::time::Duration;

use minibit_core::{Config, Profile};

use super::{Arrivals, Group, InitialPieces, Scenario};

/// Things about a good scenario that its author may want to know, one sentence each.
pub fn warnings(scenario: &Scenario) -> Vec<String> {
    let late = scenario.groups.iter().filter(|group| begin(&group.arrivals) >= scenario.stop.time);
    let late = late
        .map(|group| format!("nobody of the group `{}` joins before the run ends (stop.time)", group.name));
    missing_pieces(scenario)
        .into_iter()
        .chain(late)
        .chain(parts_of_pieces(scenario))
        .chain(other_words(scenario))
        .collect()
}

/// Blocks that the messages of a group have no word for.
fn parts_of_pieces(scenario: &Scenario) -> Option<String> {
    let group = scenario.groups.iter().find(|group| group.config.encoding.whole_pieces())?;
    (scenario.content.block_len < scenario.content.piece_len).then(|| {
        format!("peers of the group `{}` ask for parts of pieces, but their messages know whole ones only (content.block)", group.name)
    })
}

/// Peers that do not use the messages of their system, as those have no word for something that they say.
fn other_words(scenario: &Scenario) -> Vec<String> {
    let warning = |group: &Group| {
        let profile = Profile::ALL.into_iter().find(|profile| profile.name() == group.profile)?;
        let encoding = profile.config().encoding;
        let kind = Config { encoding, ..group.config }.unspoken()?;
        Some(format!(
            "peers of the group `{}` speak json: the messages of {} have no word for `{}` (encoding)",
            group.name,
            group.profile,
            kind.name()
        ))
    };
    scenario.groups.iter().filter_map(warning).collect()
}

/// When the first peer may join.
fn begin(arrivals: &Arrivals) -> Duration {
    match arrivals {
        Arrivals::Together(start)
        | Arrivals::Staggered { start, .. }
        | Arrivals::Poisson { start, .. }
        | Arrivals::FlashCrowd { start, .. } => *start,
        Arrivals::Trace(times) => times.iter().min().copied().unwrap_or_default(),
    }
}

/// Pieces that nobody joins with, where this does not depend on luck.
fn missing_pieces(scenario: &Scenario) -> Option<String> {
    if scenario.tracker.as_ref().is_some_and(|tracker| tracker.seed.is_some()) {
        return None;
    }
    let content = scenario.content;
    let count = usize::try_from(content.len.div_ceil(content.piece_len.into())).ok()?;
    let mut held = vec![false; count];
    for group in &scenario.groups {
        match &group.pieces {
            InitialPieces::None => {}
            InitialPieces::Exactly(pieces) => pieces.iter().for_each(|&piece| held[piece as usize] = true),
            InitialPieces::All | InitialPieces::Random(_) | InitialPieces::SeedShare { .. } => return None,
        }
    }
    let missing = held.iter().filter(|held| !**held).count();
    let first = held.iter().position(|held| !held)?;
    Some(match missing {
        1 => format!("nobody joins with piece {first}: no download can complete"),
        _ => format!("nobody joins with piece {first} and {} others: no download can complete", missing - 1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(groups: &str, tracker: &str) -> Vec<String> {
        let text = format!(
            r#"{{"content": {{"size": "4 MiB", "piece": "1 MiB"}}, "tracker": {tracker}, "stop": {{"time": "1 h"}},
                "defaults": {{"up": "1 Mbit/s"}}, "groups": [{groups}]}}"#
        );
        warnings(&crate::scenario::parse("test.json", &text, &[], std::path::Path::new("")).unwrap())
    }

    #[test]
    fn a_piece_that_nobody_has_is_mentioned() {
        let halves = r#"{"name": "a", "pieces": {"first": 2}}, {"name": "b", "pieces": {"last": 1}}"#;
        assert_eq!(of(halves, "true"), ["nobody joins with piece 2: no download can complete"]);
        assert_eq!(of(halves, r#"{"seed": true, "up": "1 Mbit/s"}"#), [""; 0]);
        let with_seed = format!(r#"{halves}, {{"name": "c", "pieces": "all"}}"#);
        assert_eq!(of(&with_seed, "true"), [""; 0]);
        let one = r#"{"name": "a", "pieces": {"exactly": [1]}}"#;
        assert_eq!(of(one, "true"), ["nobody joins with piece 0 and 2 others: no download can complete"]);
    }

    #[test]
    fn parts_of_pieces_are_mentioned_where_there_is_no_word_for_them() {
        let text = |block: &str| {
            format!(
                r#"{{"content": {{"size": "4 MiB", "piece": "1 MiB"{block}}}, "tracker": {{"seed": true, "up": "1 Mbit/s"}},
                    "groups": [{{"name": "a", "profile": "s3", "up": "1 Mbit/s"}}]}}"#
            )
        };
        let of =
            |block| crate::scenario::parse("test.json", &text(block), &[], std::path::Path::new("")).unwrap();
        assert_eq!(of("").content.block_len, 1 << 20, "a block is a piece");
        assert_eq!(warnings(&of("")), [""; 0]);
        assert_eq!(warnings(&of(r#", "block": "16 KiB""#)).len(), 1);
    }

    #[test]
    fn a_group_that_comes_too_late_is_mentioned() {
        let groups = r#"{"name": "a", "pieces": "all"}, {"name": "b", "arrivals": {"together": "1 h"}}"#;
        assert_eq!(of(groups, "true"), ["nobody of the group `b` joins before the run ends (stop.time)"]);
    }
}
