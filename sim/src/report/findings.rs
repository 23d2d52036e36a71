//! The sentence on top of a report: what happened, made out of the results.

use super::format::{count, duration, duration_or_never, grouped};
use super::summary::{Summary, ending_name};
use super::{ReportInput, format};
use crate::results::{Ending, RunResult, Stuck};

/// What happened, in one sentence. Runs that did not end well come first.
pub fn headline(input: &ReportInput<'_>, summary: &Summary) -> String {
    let all = &summary.overall.downloads;
    let Some(first) = input.runs.first() else {
        return "Nothing was run".to_owned();
    };
    let unfinished = if all.infinite() == 0 {
        "everybody had finished".to_owned()
    } else {
        format!("{} of {} did not finish", grouped(all.infinite() as u64), count(all.len(), "download"))
    };
    if let Some(worst) = input.runs.iter().find(|run| !matches!(run.ending, Ending::Finished)) {
        let story = story(worst);
        if input.runs.len() == 1 {
            return format!("{story}; {unfinished}");
        }
        let alike =
            input.runs.iter().filter(|run| ending_name(&run.ending) == ending_name(&worst.ending)).count();
        return format!(
            "{} of {} ended so: {story} (run {}); {unfinished}",
            grouped(alike as u64),
            count(input.runs.len(), "run"),
            worst.run
        );
    }
    if all.is_empty() {
        return format!("Nobody had anything to download in {}", duration(first.end.as_secs_f64()));
    }
    let median = duration_or_never(all.median());
    match (input.runs.len(), all.infinite()) {
        (1, 0) if all.len() == 1 => format!("The peer has the file after {median}"),
        (1, 0) => format!("{} the file; the median download took {median}", everybody(all.len())),
        (runs, 0) => format!(
            "All {} of {} finished; the median took {median}",
            count(all.len(), "download"),
            count(runs, "run")
        ),
        (_, lost) if lost == all.len() => "Nobody got the whole file".to_owned(),
        _ => {
            let tail = all.median().map_or_else(String::new, |median| {
                format!("; the median download took {}", duration(median))
            });
            format!("{unfinished}{tail}")
        }
    }
}

fn everybody(peers: usize) -> String {
    if peers == 2 { "Both peers have".to_owned() } else { format!("All {} have", count(peers, "peer")) }
}

/// How a run ended that did not finish.
fn story(run: &RunResult) -> String {
    let end = duration(run.end.as_secs_f64());
    match &run.ending {
        Ending::Finished => format!("Finished after {end}"),
        Ending::Stuck(stuck) => self::stuck(stuck),
        Ending::TimeLimit => format!("Stopped by the time limit at {end}"),
        Ending::EventLimit => format!("Stopped by the limit on events at {end}"),
        Ending::Interrupted => format!("Interrupted at {end} of virtual time"),
    }
}

/// What is missing, and who had it last.
fn stuck(stuck: &Stuck) -> String {
    let since = duration(stuck.since.as_secs_f64());
    let Some(first) = stuck.missing.first() else {
        return format!("Stuck since {since}: every piece is there, but no block arrives");
    };
    let gone = match stuck.missing.len() {
        1 => format!("piece {} is gone", first.piece),
        more => format!("piece {} and {} are gone", first.piece, count(more - 1, "other")),
    };
    match &first.last_holder {
        Some((holder, until)) => {
            let holder = format::shortened(holder, 40);
            format!(
                "Stuck since {since}: {gone}, last held by {holder} until {}",
                duration(until.as_secs_f64())
            )
        }
        None => format!("Stuck since {since}: {}", gone.replace(" gone", " missing; nobody ever had it")),
    }
}

#[cfg(test)]
mod tests {
    use minibit_core::Instant;

    use super::super::testing::Case;
    use super::*;
    use crate::results::MissingPiece;

    fn said(case: &Case) -> String {
        headline(&case.input(), &Summary::new(&case.input()))
    }

    #[test]
    fn what_happened_is_said_plainly() {
        assert_eq!(said(&Case::tiny()), "Both peers have the file; the median download took 9.25 s");
        let lost = Case::swarm(&[("peer", 12)], 1, 10).with_losses(4);
        assert_eq!(said(&lost), "3 of 12 downloads did not finish; the median download took 32.4 s");
        let nobody = Case::swarm(&[("peer", 4)], 1, 10).with_losses(1);
        assert_eq!(said(&nobody), "Nobody got the whole file");
        let runs = Case::swarm(&[("peer", 4)], 3, 10);
        assert_eq!(said(&runs), "All 12 downloads of 3 runs finished; the median took 28.3 s");
    }

    #[test]
    fn a_stuck_swarm_says_what_is_missing_and_who_had_it() {
        let mut case = Case::swarm(&[("peer", 4)], 1, 10).stuck();
        assert_eq!(
            said(&case),
            "Stuck since 24.3 s: piece 17 is gone, last held by tracker until 16.2 s; 4 of 4 downloads did not finish"
        );
        let stuck = |missing| Ending::Stuck(Stuck { since: Instant::from_secs(1), missing, incomplete: 4 });
        case.runs[0].ending = stuck(vec![]);
        assert!(said(&case).contains("every piece is there"));
        case.runs[0].ending = stuck(vec![MissingPiece { piece: 3, last_holder: None }]);
        assert!(said(&case).contains("piece 3 is missing; nobody ever had it"), "{}", said(&case));
    }
}
