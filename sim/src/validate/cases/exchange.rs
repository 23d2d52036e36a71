//! O3, O4, O7: what peers give each other.

use super::{Case, EMPTY, bounded, scenario};
use crate::validate::figures::lasts;
use crate::validate::lab::Lab;

/// A piece that comes in blocks may have two sources, so that the floor is that of M 16 blocks; two uploads at a time double the
/// log.
pub(super) fn exchange(lab: Lab) -> Case {
    const ONE_BY_ONE: Option<&str> = Some("defaults.requests={\"fixed\": 1}");
    let mut rows = Vec::new();
    for (block, floor, parallel, latest, requests) in [
        ("256 KiB", 65.0, 1, 68.0, ONE_BY_ONE),
        ("256 KiB", 65.0, 1, 68.0, None),
        ("16 KiB", 64.0 + 1.0 / 16.0, 1, 68.0, None),
        ("16 KiB", 64.0 + 1.0 / 16.0, 2, 69.0, None),
    ] {
        let block_is = format!("content.block={block}");
        let at_a_time = format!("defaults.choking.parallel_uploads={parallel}");
        let changes: Vec<&str> = [block_is.as_str(), &at_a_time].into_iter().chain(requests).collect();
        let runs = lab.runs(scenario!("validation/o3_exchange"), &changes);
        let asked = if requests.is_some() { ", asked for one by one" } else { "" };
        let what = format!("last completion, P; blocks of {block}{asked}, {parallel} at a time");
        rows.push(bounded(what, "65 to 68", (floor, latest), lasts(&runs)));
    }
    Case {
        id: "O3",
        title: "Two leechers swap what a seed gives them",
        source: "Mundinger, Weber, Weiss 2008",
        formula: "M + floor(log2 N) rounds = 65 P in whole pieces; 128 P without exchange",
        scenario: "o3_exchange.json",
        rows,
        note: "By default a peer asks for a block before the last one has come, so that the link is never idle. When blocks are as long as pieces that costs two or \
               three P against asking for one after the other: the seed has promised what the other leecher could have given by then.",
        ..EMPTY
    }
}

pub(super) fn chain(lab: Lab) -> Case {
    const OPEN: &str = r#"defaults.choking={"algorithm": "none", "parallel_uploads": "unlimited"}"#;
    const SERIAL: &str = r#"defaults.choking={"algorithm": "none", "parallel_uploads": 1}"#;
    let rows = [
        ("tit for tat", &[][..]),
        ("nobody is choked", &[OPEN][..]),
        ("one at a time, whole pieces", &[SERIAL, "content.block=256 KiB"][..]),
    ]
    .map(|(name, changes)| {
        let values = lasts(&lab.runs(scenario!("validation/o4_chain"), changes));
        bounded(format!("last completion, P; {name}"), "22, -0 / +5 %", (22.0, 23.1), values)
    });
    Case {
        id: "O4",
        title: "A chain of three behind the seed",
        formula: "(M + H - 1) P = 22 P; less would be pieces passed on unchecked",
        scenario: "o4_chain.json",
        rows: rows.into(),
        ..EMPTY
    }
}

pub(super) fn duplex(lab: Lab) -> Case {
    let values = lasts(&lab.runs(scenario!("validation/o7_duplex"), &[]));
    Case {
        id: "O7",
        title: "Two halves swap places",
        formula: "(M / 2) P = 20 P",
        scenario: "o7_duplex.json",
        rows: vec![bounded("last completion, P", "20 + 3 %", (20.0, 20.6), values)],
        ..EMPTY
    }
}
