//! How many requests wait to be served, where nobody says so.

use minibit_core::config::Requests;

use super::super::choices::Choices;
use super::super::file::{self, File, TrackerChoice, TrackerSeed};
use super::super::{Group, Tracker};

/// Lets as many requests wait as anybody asks for: who is asked for more refuses the rest, again and again. What is said holds, by a
/// group or the defaults, and for a tracker that seeds by its own choices.
pub(super) fn enough(file: &File, groups: &mut [Group], tracker: Option<&mut Tracker>) {
    let asked = groups.iter().map(|group| most_asked(group.config.requests)).max().unwrap_or(0);
    let raise = |limit: &mut u32| *limit = asked.max(*limit);
    let by_default =
        file.defaults.as_ref().map(file::Defaults::choices).is_some_and(|choices| said(&choices));
    for (group, written) in groups.iter_mut().zip(&file.groups) {
        if !by_default && !said(&written.choices()) {
            raise(&mut group.config.limits.queued_requests);
        }
    }
    if let Some(seed) = tracker.and_then(|tracker| tracker.seed.as_mut()) {
        let written = match &file.tracker {
            Some(TrackerChoice::Tracker(tracker)) => tracker.seed.as_ref(),
            _ => None,
        };
        if !matches!(written, Some(TrackerSeed::Choices(choices)) if said(choices.as_ref())) {
            raise(&mut seed.limits.queued_requests);
        }
    }
}

fn said(choices: &Choices) -> bool {
    choices.limits.as_ref().is_some_and(|limits| limits.queued_requests.is_some())
}

/// Most requests under way to one neighbour.
fn most_asked(requests: Requests) -> u32 {
    match requests {
        Requests::Pipelined { max, .. } => max,
        Requests::Fixed(depth) => depth,
        Requests::Paced { .. } => 1,
    }
}
