//! The sentences of a comparison. All are made out of the data; where the interval of a change contains zero, they say "no
//! difference shown", whatever one had hoped for.

use super::evidence::{Evidence, Finding, VariantEvidence};
use super::measures::{Better, Measure};
use crate::report::format::{between, count, grouped, shortened};
use crate::statistics::{Change, Verdict};

/// Most characters of a name in a sentence.
const NAME: usize = 40;

/// What a comparison found, in one sentence.
pub fn headline(cases: &[Evidence]) -> String {
    match cases {
        [] => "Nothing was compared".to_owned(),
        [case] => of_case(case),
        cases if comparable(cases) => {
            let [first, second] = [0, 1].map(|variant| shortened(&cases[0].variants[variant].label, NAME));
            let common = common_beginning(cases);
            let found = cases.iter().map(|case| {
                let finding = case.finding(1, Measure::MedianDownload);
                let what = finding.map_or_else(
                    || "nothing to compare".to_owned(),
                    |finding| match finding.change.verdict() {
                        Verdict::Lower | Verdict::Higher => {
                            finding.measure.shown_change(finding.change.estimate.value)
                        }
                        Verdict::NotShown => "no difference shown".to_owned(),
                        Verdict::TooFewSeeds => "too few seeds to tell".to_owned(),
                    },
                );
                format!("{what} in {}", shortened(&case.name[common..], NAME))
            });
            format!(
                "The median download with {second} against {first}: {}",
                found.collect::<Vec<_>>().join(", ")
            )
        }
        cases => {
            let shown = |case: &&Evidence| differs(case);
            let with: Vec<&str> = cases.iter().filter(shown).map(|case| case.name.as_str()).collect();
            match with.len() {
                0 => format!("No difference shown in any of {}", count(cases.len(), "scenario")),
                all if all == cases.len() => format!("A difference is shown in all {all} scenarios"),
                some => format!(
                    "It depends on the swarm: a difference is shown in {some} of {} scenarios, {}",
                    cases.len(),
                    with.join(", ")
                ),
            }
        }
    }
}

/// Length of the words that all names of cases begin with: `swarm_` of `swarm_small` and `swarm_large`.
fn common_beginning(cases: &[Evidence]) -> usize {
    let first = &cases[0].name;
    let shared = |length: &usize| {
        cases.iter().all(|case| case.name.len() > *length && case.name.starts_with(&first[..*length]))
    };
    first.rmatch_indices(['_', '-']).map(|(at, _)| at + 1).find(shared).unwrap_or(0)
}

/// Do all cases compare the same two variants, with which everybody finished?
fn comparable(cases: &[Evidence]) -> bool {
    let labels =
        |case: &Evidence| case.variants.iter().map(|variant| variant.label.clone()).collect::<Vec<_>>();
    cases.iter().all(|case| {
        case.variants.len() == 2 && labels(case) == labels(&cases[0]) && !case.anybody_unfinished()
    })
}

/// Is a difference shown in what the headline of a case is about?
fn differs(case: &Evidence) -> bool {
    (1..case.variants.len()).any(|variant| {
        [Measure::Unfinished, Measure::MedianDownload].into_iter().any(|measure| {
            case.finding(variant, measure)
                .is_some_and(|finding| matches!(finding.change.verdict(), Verdict::Lower | Verdict::Higher))
        })
    })
}

/// What was found in a case, in one sentence.
pub fn of_case(case: &Evidence) -> String {
    match case.variants.as_slice() {
        [] => "Nothing was compared".to_owned(),
        [only] => alone(only),
        [_, _] => of_two(case),
        _ => of_many(case),
    }
}

fn alone(variant: &VariantEvidence) -> String {
    let Some(median) = variant.estimated(Measure::MedianDownload) else {
        return "Nobody had anything to download".to_owned();
    };
    format!("The median download takes {}", Measure::MedianDownload.shown(median.shown().value))
}

fn of_two(case: &Evidence) -> String {
    let names = [0, 1].map(|variant| shortened(&case.variants[variant].label, NAME));
    let [first, second] = &names;
    let between = format!("between {first} and {second}");
    if let Some(finding) = case.finding(1, Measure::Unfinished)
        && matches!(finding.change.verdict(), Verdict::Lower | Verdict::Higher)
    {
        let (more, less) = if finding.change.verdict() == Verdict::Higher { (1, 0) } else { (0, 1) };
        return format!(
            "With {}, {}; with {}, {}",
            names[more],
            finished(&case.variants[more]),
            names[less],
            finished(&case.variants[less])
        );
    }
    let Some(finding) = case.finding(1, Measure::MedianDownload) else {
        return format!("There is nothing to compare {between}");
    };
    let change = &finding.change;
    match change.verdict() {
        Verdict::Higher => {
            format!("The median download takes {} longer with {second} than with {first}", amount(change))
        }
        Verdict::Lower => {
            format!("The median download takes {} less time with {second} than with {first}", amount(change))
        }
        Verdict::NotShown => {
            format!("No difference shown {between}: the median download changes by {}", spread(finding))
        }
        Verdict::TooFewSeeds => format!(
            "Too few seeds to tell: the median download changes by {} from {first} to {second}",
            Measure::MedianDownload.shown_change(change.estimate.value)
        ),
    }
}

/// The size of a change without its sign.
pub fn amount(change: &Change) -> String {
    let value = change.estimate.value.abs();
    if value.is_infinite() { "infinitely".to_owned() } else { format!("{:.1} %", value * 100.0) }
}

fn finished(variant: &VariantEvidence) -> String {
    let (all, lost) = (grouped(variant.downloads), grouped(variant.unfinished));
    match variant.unfinished {
        0 => format!("all {all} finished"),
        _ if variant.unfinished == variant.downloads => format!("none of {all} downloads finished"),
        _ => format!("{lost} of {all} downloads did not finish"),
    }
}

fn of_many(case: &Evidence) -> String {
    let measure = Measure::MedianDownload;
    let value = |variant: &VariantEvidence| {
        variant.estimated(measure).map_or(f64::INFINITY, |estimated| estimated.shown().value)
    };
    let ranked = case.variants.iter().enumerate().min_by(|a, b| value(a.1).total_cmp(&value(b.1)));
    let Some((best, variant)) = ranked else { return "Nothing was compared".to_owned() };
    let first = shortened(&case.variants[0].label, NAME);
    let losing = case.variants.iter().filter(|variant| variant.unfinished > 0).count();
    let losses = match losing {
        0 => String::new(),
        1 => " 1 leaves downloads unfinished;".to_owned(),
        _ => format!(" {losing} leave downloads unfinished;"),
    };
    let lead = format!(
        "Of {},{losses} {} has the shortest median download, {}",
        count(case.variants.len(), "variant"),
        shortened(&variant.label, NAME),
        measure.shown(value(variant))
    );
    match case.finding(best, measure) {
        None => lead,
        Some(finding) => match finding.change.verdict() {
            Verdict::NotShown => format!("{lead}; against {first} no difference is shown"),
            Verdict::TooFewSeeds => format!("{lead}; there are too few seeds to tell it from {first}"),
            Verdict::Lower | Verdict::Higher => {
                format!("{lead}: {} against {first}", measure.shown_change(finding.change.estimate.value))
            }
        },
    }
}

/// A change with its interval: `+0.3 % (95 % interval −0.9 to +1.4 %)`.
pub fn spread(finding: &Finding) -> String {
    let value = finding.measure.shown_change(finding.change.estimate.value);
    match interval(finding) {
        Some(interval) => format!("{value} (95 % interval {interval})"),
        None => format!("{value} (too few seeds for an interval)"),
    }
}

/// The interval of a change: `−0.9 to +1.4 %`.
pub fn interval(finding: &Finding) -> Option<String> {
    let interval = finding.change.estimate.interval?;
    let [low, high] = [interval.low, interval.high].map(|change| finding.measure.shown_change(change));
    Some(between(&low, &high))
}

/// What the data say of a change, in two or three words.
pub fn verdict(finding: &Finding) -> &'static str {
    match (finding.change.verdict(), finding.measure.better()) {
        _ if finding.change.lower == 0 && finding.change.higher == 0 => "equal on every seed",
        (Verdict::NotShown, _) => "no difference shown",
        (Verdict::TooFewSeeds, _) => "too few seeds",
        (Verdict::Lower, Better::Lower) | (Verdict::Higher, Better::Higher) => "better",
        (Verdict::Lower, Better::Higher) | (Verdict::Higher, Better::Lower) => "worse",
        (Verdict::Lower, Better::Neither) => "lower",
        (Verdict::Higher, Better::Neither) => "higher",
    }
}

/// On how many seeds it went which way: `lower on 2, higher on 28 of 30 seeds`.
pub fn signs(change: &Change) -> String {
    let all = change.lower + change.equal + change.higher;
    let mut parts = Vec::new();
    for (number, word) in [(change.lower, "lower"), (change.equal, "equal"), (change.higher, "higher")] {
        if number > 0 {
            parts.push(format!("{word} on {number}"));
        }
    }
    format!("{} of {}", parts.join(", "), count(all, "seed"))
}

/// The same for a table: `2 ↓ 28 ↑`.
pub fn arrows(change: &Change) -> String {
    let parts = [(change.lower, "↓"), (change.equal, "="), (change.higher, "↑")];
    let shown = parts.into_iter().filter(|(number, _)| *number > 0);
    shown.map(|(number, sign)| format!("{number} {sign}")).collect::<Vec<_>>().join("  ")
}

#[cfg(test)]
mod tests {
    use super::super::testing::rows;
    use super::*;

    const SEEDS: [f64; 8] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0];

    fn of(a: &[f64], b: &[f64]) -> Evidence {
        Evidence::new("swarm", &[("rarest-first", &rows(a)), ("random", &rows(b))])
    }

    #[test]
    fn the_headline_says_which_way_and_by_how_much() {
        let longer = of(&SEEDS, &SEEDS.map(|seconds| seconds * 1.257));
        assert_eq!(
            of_case(&longer),
            "The median download takes 25.7 % longer with random than with rarest-first"
        );
        let shorter = of(&SEEDS, &SEEDS.map(|seconds| seconds * 0.9));
        assert_eq!(
            of_case(&shorter),
            "The median download takes 10.0 % less time with random than with rarest-first"
        );
    }

    #[test]
    fn where_the_interval_contains_zero_no_difference_is_shown() {
        let noise = [1.04, 0.97, 1.02, 0.99, 0.96, 1.03, 1.01, 0.98];
        let mut other = SEEDS;
        other.iter_mut().zip(noise).for_each(|(seconds, factor)| *seconds *= factor);
        let same = of(&SEEDS, &other);
        let headline = of_case(&same);
        assert!(
            headline.starts_with("No difference shown between rarest-first and random: the median download changes by +0.0 % (95 % interval −"),
            "{headline}"
        );
        let few = of(&SEEDS[..3], &SEEDS.map(|seconds| seconds * 2.0)[..3]);
        assert_eq!(
            of_case(&few),
            "Too few seeds to tell: the median download changes by +100.0 % from rarest-first to random"
        );
    }

    #[test]
    fn who_does_not_finish_comes_before_who_is_slow() {
        let never = of(&SEEDS, &[f64::INFINITY; 8]);
        assert_eq!(
            of_case(&never),
            "With random, 48 of 80 downloads did not finish; with rarest-first, all 80 finished"
        );
        let finding = never.finding(1, Measure::MedianDownload).unwrap();
        assert_eq!(spread(finding), "never reached (95 % interval never reached)");
        assert_eq!((verdict(finding), signs(&finding.change).as_str()), ("worse", "higher on 8 of 8 seeds"));
    }

    #[test]
    fn several_variants_and_several_cases() {
        let slower = SEEDS.map(|seconds| seconds * 1.1);
        let faster = SEEDS.map(|seconds| seconds * 0.8);
        let three = Evidence::new("s", &[("a", &rows(&SEEDS)), ("b", &rows(&slower)), ("c", &rows(&faster))]);
        assert_eq!(
            of_case(&three),
            "Of 3 variants, c has the shortest median download, 36.0 s: −20.0 % against a"
        );
        let lossy = Evidence::new(
            "s",
            &[("a", &rows(&SEEDS)), ("b", &rows(&[f64::INFINITY; 8])), ("c", &rows(&faster))],
        );
        assert_eq!(
            of_case(&lossy),
            "Of 3 variants, 1 leaves downloads unfinished; c has the shortest median download, 36.0 s: −20.0 % against a"
        );
        let same = of(&SEEDS, &SEEDS);
        assert_eq!(
            headline(&[of(&SEEDS, &slower), same.clone()]),
            "The median download with random against rarest-first: +10.0 % in swarm, no difference shown in swarm"
        );
        assert_eq!(headline(&[three.clone(), three]), "A difference is shown in all 2 scenarios");
        let named = |name| Evidence { name, ..same.clone() };
        assert_eq!(
            headline(&["few_seeds_far", "few_seeds_near"].map(|name| named(name.to_owned()))),
            "The median download with random against rarest-first: no difference shown in far, no difference shown in near"
        );
        let lost = of(&SEEDS, &[f64::INFINITY; 8]);
        assert_eq!(
            headline(&[lost, same]),
            "It depends on the swarm: a difference is shown in 1 of 2 scenarios, swarm"
        );
    }
}
