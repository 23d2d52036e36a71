//! An earlier report as the baseline: the same scenarios on the same seeds, then and now.
//!
//! Of the report, `scenario.json` says what was run and `runs.csv` what came out. Equal digests mean that not a single event
//! has changed. Otherwise the runs are compared seed by seed like any two variants, and held against [`Rule`]s.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::evidence::Evidence;
use super::execute::CaseRuns;
use super::files::Recorded;
use super::measures::Measure;
use super::pairing::people;
use super::plan::{Case, Variant};
use super::rows::{self, BadRows, Row};
use super::words;
use crate::scenario::{Scenario, ScenarioError, parse};
use crate::statistics::paired::Scale;

/// An earlier report.
#[derive(Debug)]
pub struct Baseline {
    variants: Vec<Earlier>,
}

/// A variant of it.
#[derive(Debug)]
struct Earlier {
    case: String,
    label: String,
    scenario: Scenario,
    rows: Vec<Row>,
}

/// Why a folder is no baseline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// A file cannot be read.
    #[error("cannot read {}\n  hint: a baseline is the folder of a report that `sim run` or `sim compare` wrote", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is of another version.
    #[error("{} is not of this version of sim: {what}\n  hint: write the baseline anew with the version that is to be the baseline", path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A recorded scenario is none any more.
    #[error("the baseline's scenario is no longer one")]
    Scenario(#[from] ScenarioError),
    /// It is of other variants.
    #[error(
        "the baseline has no variant `{label}` of `{case}`; it has {known}\n  hint: give the --vary of the baseline, or no scenario to run it as recorded"
    )]
    Variant {
        /// The case.
        case: String,
        /// The variant.
        label: String,
        /// What there is.
        known: String,
    },
    /// It is of another swarm.
    #[error(
        "the baseline is of another swarm: `{case}` has not the same {what}\n  hint: compare the two scenarios with `sim compare A.json B.json`"
    )]
    Swarm {
        /// The case.
        case: String,
        /// What differs.
        what: &'static str,
    },
}

/// Reads an earlier report.
///
/// # Errors
/// When the folder is none, or one of another version.
pub fn read(dir: &Path) -> Result<Baseline, BaselineError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| BaselineError::Unreadable { path, source }
    };
    let path = dir.join("scenario.json");
    let text = fs::read(&path).map_err(unreadable(&path))?;
    let version = |what: String| BaselineError::Version { path: path.clone(), what };
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| version(error.to_string()))?;
    let recorded: Vec<Recorded> = if value.is_array() {
        serde_json::from_value(value).map_err(|error| version(error.to_string()))?
    } else {
        let name = value["name"].as_str().unwrap_or_default().to_owned();
        vec![Recorded { case: name.clone(), variant: name, scenario: value }]
    };
    let path = dir.join("runs.csv");
    let file = fs::File::open(&path).map_err(unreadable(&path))?;
    let found = rows::read(file)
        .map_err(|error: BadRows| BaselineError::Version { path: path.clone(), what: error.to_string() })?;
    let mut by_name: BTreeMap<(String, String), Vec<Row>> = BTreeMap::new();
    for found in found {
        by_name.entry((found.case, found.variant)).or_default().push(found.row);
    }
    let mut variants = Vec::new();
    for Recorded { case, variant: label, scenario } in recorded {
        let rows = by_name.remove(&(case.clone(), label.clone())).unwrap_or_default();
        let (Some(first), Ok(runs)) = (rows.first(), u32::try_from(rows.len())) else {
            return Err(BaselineError::Version { path, what: format!("it has no runs of `{label}`") });
        };
        let mut scenario = parse(&format!("{case}.json"), &scenario.to_string(), &[], dir)?;
        (scenario.seed, scenario.runs) = (first.seed, runs);
        variants.push(Earlier { case, label, scenario, rows });
    }
    Ok(Baseline { variants })
}

impl Baseline {
    /// What was run, to run it again.
    pub fn cases(&self) -> Vec<Case> {
        let mut cases: Vec<Case> = Vec::new();
        for earlier in &self.variants {
            let variant = Variant { label: earlier.label.clone(), scenario: earlier.scenario.clone() };
            match cases.iter_mut().find(|case| case.name == earlier.case) {
                Some(case) => case.variants.push(variant),
                None => cases.push(Case { name: earlier.case.clone(), variants: vec![variant] }),
            }
        }
        cases
    }

    /// Gives the cases the baseline's seeds; refuses those that it is not of.
    ///
    /// # Errors
    /// When the baseline is of other variants, or of other swarms.
    pub fn adopt(&self, cases: &mut [Case]) -> Result<(), BaselineError> {
        for case in cases {
            for variant in &mut case.variants {
                let earlier = self.earlier(&case.name, &variant.label)?;
                let (before, now) = (&earlier.scenario, &mut variant.scenario);
                (now.seed, now.runs) = (before.seed, before.runs);
                let what = if now.content != before.content {
                    "content"
                } else if people(now) != people(before) {
                    "peers"
                } else if now.network != before.network {
                    "network"
                } else {
                    continue;
                };
                return Err(BaselineError::Swarm { case: case.name.clone(), what });
            }
        }
        Ok(())
    }

    fn earlier(&self, case: &str, label: &str) -> Result<&Earlier, BaselineError> {
        let found = self.variants.iter().find(|earlier| earlier.case == case && earlier.label == label);
        found.ok_or_else(|| {
            let known =
                self.variants.iter().map(|earlier| format!("`{}` of `{}`", earlier.label, earlier.case));
            BaselineError::Variant {
                case: case.to_owned(),
                label: label.to_owned(),
                known: known.collect::<Vec<_>>().join(", "),
            }
        })
    }

    /// What has changed, for each variant of each case.
    ///
    /// # Errors
    /// When the baseline has no such variant.
    pub fn against(&self, cases: &[CaseRuns]) -> Result<Vec<Since>, BaselineError> {
        let mut since = Vec::new();
        for case in cases {
            for variant in &case.variants {
                let earlier = self.earlier(&case.name, &variant.label)?;
                let alike = |(before, now): (&Row, &Row)| before.digest == now.digest;
                since.push(Since {
                    name: if variant.label == case.name {
                        case.name.clone()
                    } else {
                        format!("{}, {}", case.name, variant.label)
                    },
                    unchanged: earlier.rows.iter().zip(&variant.rows).all(alike),
                    evidence: Evidence::new(
                        &case.name,
                        &[("baseline", &earlier.rows), ("now", &variant.rows)],
                    ),
                });
            }
        }
        Ok(since)
    }
}

/// What has changed of a variant since the baseline.
#[derive(Clone, Debug)]
pub struct Since {
    /// The case and the variant.
    pub name: String,
    /// Not a single event has.
    pub unchanged: bool,
    /// The baseline against now.
    pub evidence: Evidence,
}

/// What makes a comparison with a baseline fail: `median_download > +5%`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// As it was given.
    pub text: String,
    measure: Measure,
    /// Fails above the limit, rather than below.
    above: bool,
    limit: f64,
}

/// A rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadRule {
    /// It has another shape.
    #[error("`{0}` is no rule\n  hint: write e.g. 'median_download > +5%' or 'unfinished > 0'")]
    Shape(String),
    /// There is no such measure.
    #[error("there is no measure `{0}`\n  hint: possible: {known}", known = Measure::ALL.map(Measure::name).join(", "))]
    Measure(String),
}

impl Rule {
    /// What is asked for when nothing is: nobody may fail to finish who did, and the median may be 5 % longer.
    pub const USUAL: [&'static str; 2] = ["median_download > +5%", "unfinished > 0"];

    /// Reads a rule: a measure, `>` or `<`, and a change. The change is relative for times and messages (`+5%`), in
    /// percentage points for shares (`+2%`), and a number of peers per run for `unfinished`.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, BadRule> {
        let shape = || BadRule::Shape(text.to_owned());
        let at = text.find(['<', '>']).ok_or_else(shape)?;
        let (name, limit) = (text[..at].trim(), text[at + 1..].trim());
        let measure = Measure::by_name(name).ok_or_else(|| BadRule::Measure(name.to_owned()))?;
        let (number, percent) =
            limit.strip_suffix('%').map_or((limit, false), |number| (number.trim_end(), true));
        let limit = number.parse::<f64>().ok().filter(|limit| limit.is_finite()).ok_or_else(shape)?;
        if percent == (measure == Measure::Unfinished) && limit != 0.0 {
            return Err(shape());
        }
        let limit = if percent { limit / 100.0 } else { limit };
        Ok(Self { text: text.trim().to_owned(), measure, above: text[at..].starts_with('>'), limit })
    }

    /// Why a variant fails it, in a sentence; `None`: it does not.
    pub fn failure(&self, since: &Since) -> Option<String> {
        let finding = since.evidence.finding(1, self.measure)?;
        let change = finding.change.estimate.value;
        let fails = if self.above { change > self.limit } else { change < self.limit };
        let unit = match self.measure.scale() {
            _ if self.measure == Measure::Unfinished => " peers in a run",
            Scale::Relative | Scale::Difference => "",
        };
        fails.then(|| {
            format!(
                "{}: {} changed by {}{unit} since the baseline, which `{}` does not allow",
                since.name,
                self.measure.title(),
                words::spread(finding),
                self.text
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::rows;
    use super::*;

    fn since(before: &[f64], now: &[f64]) -> Since {
        Since {
            name: "swarm".to_owned(),
            unchanged: false,
            evidence: Evidence::new("swarm", &[("baseline", &rows(before)), ("now", &rows(now))]),
        }
    }

    const SEEDS: [f64; 6] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0];

    #[test]
    fn rules_fail_beyond_their_limit_and_say_by_how_much() {
        let slower = since(&SEEDS, &SEEDS.map(|seconds| seconds * 1.06));
        let rule = Rule::parse("median_download > +5%").unwrap();
        assert_eq!(
            rule.failure(&slower).unwrap(),
            "swarm: median download changed by +6.0 % (95 % interval +6.0 %) since the baseline, which \
             `median_download > +5%` does not allow"
        );
        assert_eq!(rule.failure(&since(&SEEDS, &SEEDS.map(|seconds| seconds * 1.04))), None);
        assert_eq!(Rule::parse("unfinished > 0").unwrap().failure(&slower), None);
        assert!(Rule::parse("median_download < +10%").unwrap().failure(&slower).is_some());
    }

    #[test]
    fn who_no_longer_finishes_is_found() {
        let mut now = SEEDS;
        now[2] = f64::INFINITY;
        let lost = since(&SEEDS, &now);
        let failure = Rule::parse("unfinished > 0").unwrap().failure(&lost).unwrap();
        assert!(
            failure.starts_with("swarm: peers that did not finish changed by +1 (95 % interval"),
            "{failure}"
        );
        assert!(
            Rule::parse("last_download > +5%").unwrap().failure(&lost).is_none(),
            "the median seed is as it was"
        );
    }

    #[test]
    fn other_rules_are_refused() {
        for wrong in [
            "",
            "median_download",
            "median_download > ",
            "median_download > 5",
            "unfinished > 5%",
            "waste > NaN%",
        ] {
            assert!(matches!(Rule::parse(wrong), Err(BadRule::Shape(_))), "{wrong}");
        }
        assert_eq!(Rule::parse("speed > 1%"), Err(BadRule::Measure("speed".to_owned())));
        for usual in Rule::USUAL {
            Rule::parse(usual).unwrap();
        }
    }
}
