//! The report of a merged sweep: a page, pictures, tables, and a summary for a pull request.
//!
//! It is made of the plan and the merged rows alone, so it can be made anywhere, and the same rows give the same bytes.

mod maps;
mod page;
mod tables;

use std::path::{Path, PathBuf};

use super::cells::{Cell, cells};
use super::plan::Plan;
use super::row::{Row, Table};
use super::{RUNS_FILE, SweepError, failed, merge, words};
use crate::compare::Measure;
use crate::report::command::quoted;
use crate::report::{ReportError, atomic, plot};

/// What the parts of the report are made of.
#[derive(Debug)]
struct Material<'a> {
    plan: &'a Plan,
    cells: &'a [Cell],
    headline: String,
    details: Vec<String>,
}

/// Writes the report of the merged rows of a plan in the folder `sweep` into the folder `dir`, which is made when it is not there. Returns the
/// paths of all files.
///
/// # Errors
/// When nothing has been merged, what was merged does not fit the plan, or the disk says no.
pub fn write(sweep: &Path, plan: &Plan, dir: &Path) -> Result<Vec<PathBuf>, SweepError> {
    let path = sweep.join(RUNS_FILE);
    if !path.exists() {
        return Err(SweepError::NotMerged { path: sweep.to_owned() });
    }
    let lines = merge::read(&path, plan)?;
    let runs = std::fs::read(&path).map_err(failed("read", &path))?;
    let in_order = lines.iter().enumerate().all(|(number, (index, _))| number as u64 == *index);
    if !in_order || lines.len() as u64 != plan.runs() {
        let missing = plan.runs().saturating_sub(lines.len() as u64);
        return Err(SweepError::Incomplete { missing, runs: plan.runs(), shards: None });
    }
    let table = Table::new(plan);
    let rows: Vec<Row> = lines.iter().filter_map(|(_, line)| table.parse(line).ok()).collect();
    Ok(atomic::write_all(dir, &files(plan, &rows, runs)?)?)
}

/// Names and contents of all files, the manifest last.
fn files(plan: &Plan, rows: &[Row], runs: Vec<u8>) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let cells = cells(plan, rows);
    let material = Material {
        plan,
        cells: &cells,
        headline: words::headline(plan, &cells),
        details: words::details(plan, &cells),
    };
    let figures = maps::figures(&material)?;
    let mut files = vec![
        (RUNS_FILE.to_owned(), runs),
        ("cells.csv".to_owned(), tables::cells(&material)?),
        ("summary.json".to_owned(), tables::summary(&material)?),
        ("summary.md".to_owned(), tables::markdown(&material).into_bytes()),
    ];
    files.extend(plot::files(&figures)?);
    files.push(("index.html".to_owned(), page::page(&material, &figures)?));
    files.push(("manifest.json".to_owned(), tables::manifest(&material, &files)?));
    Ok(files)
}

impl Material<'_> {
    /// What the numbers are of, in a line.
    fn scope(&self) -> String {
        let policies = match &self.plan.policies {
            Some(axis) => {
                format!(", {} compared on the same seeds", axis.labels().collect::<Vec<_>>().join(" and "))
            }
            None => String::new(),
        };
        format!(
            "{} {} in each cell{policies}",
            self.plan.seeds,
            if self.plan.seeds == 1 { "seed" } else { "seeds" }
        )
    }

    /// Is a lower bound known of some cell, and its efficiency not what the report is about already?
    fn has_efficiencies(&self) -> bool {
        let known = self.cells.iter().flat_map(|cell| &cell.efficiencies).any(Option::is_some);
        known && self.plan.measure != Measure::Efficiency
    }

    /// What the column of a policy's efficiencies is called.
    fn efficiency_title(&self, policy: usize) -> String {
        match self.plan.policies {
            Some(_) => format!("T_min / T_last with {}", self.plan.policy_label(policy)),
            None => "T_min / T_last".to_owned(),
        }
    }

    /// The command that makes it again.
    fn command(&self) -> String {
        let file = &self.plan.file;
        let [runs, report] =
            ["runs", "reports"].map(|folder| quoted(&format!("{folder}/{}", self.plan.name)));
        format!("sim sweep run {file} --out {runs} && sim merge {runs} && sim report {runs} --out {report}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::testing::plan;
    use super::*;

    /// Eight seeds; the second policy takes longer where the seed is slow, as long where it is fast, and is stuck in the last cell.
    fn sample() -> (Plan, Vec<Row>) {
        let mut plan = plan();
        plan.seeds = 8;
        let row = |index: u64| {
            let place = plan.place(index);
            let wobble = f64::from(place.seed * 7 % 5) / 10.0;
            let factor = match (place.policy, place.cell) {
                (1, 0..3) => 1.1 + wobble / 10.0,
                (1, 3 | 4) => 0.98 + f64::from(place.seed % 2) * 0.04,
                (1, _) => f64::INFINITY,
                _ => 1.0,
            };
            let ending = if factor.is_finite() { "finished" } else { "stuck" }.to_owned();
            let seconds = 40.0 + wobble + f64::from(u32::try_from(place.cell).unwrap());
            let mut values = [Some(seconds * factor); Measure::ALL.len()];
            values[Measure::Efficiency as usize] = Some(30.0 / (seconds * factor));
            Row { index, ending, values }
        };
        let rows = (0..plan.runs()).map(row).collect();
        (plan, rows)
    }

    fn text(name: &str) -> String {
        let (plan, rows) = sample();
        let files = files(&plan, &rows, Vec::new()).unwrap();
        let (_, bytes) = files.into_iter().find(|(file, _)| file == name).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_summary_and_the_table() {
        insta::assert_snapshot!("summary", text("summary.md"));
        insta::assert_snapshot!("cells", text("cells.csv"));
    }

    #[test]
    fn same_input_same_bytes() {
        let (plan, rows) = sample();
        let all = || files(&plan, &rows, b"rows".to_vec()).unwrap();
        assert!(all() == all());
    }

    #[test]
    fn the_page_asks_nobody_for_anything_and_names_are_text() {
        let (mut plan, rows) = sample();
        plan.description = "</script><img onerror=x>".to_owned();
        plan.axes[0].name = Some("<b>bold</b>".to_owned());
        let files = files(&plan, &rows, Vec::new()).unwrap();
        let page = files.iter().find(|(name, _)| name == "index.html").unwrap();
        // `url(#…)` is a part of the page itself: what a zoomed figure is cut to.
        let page = std::str::from_utf8(&page.1).unwrap().replace("url(#", "");
        for address in
            ["http:", "https:", "src=\"/", "href=\"/", "url(", "@import", "<link", "<iframe", "<img", "<b>"]
        {
            assert!(!page.contains(address), "{address}");
        }
        assert!(page.contains("dataset.state = \"READY\";\n</script>"), "the last line of the script");
    }

    /// Whatever the axes, there is a report: one axis, three axes, no policies, three policies, too few seeds.
    #[test]
    fn sweeps_of_all_shapes_have_reports() {
        let (base, _) = sample();
        let axis = |path: &str, count: u32| super::super::file::Axis {
            path: path.to_owned(),
            name: None,
            values: (0..count).map(Into::into).collect(),
        };
        for (axes, policies, seeds) in [
            (vec![axis("a", 3)], Some(axis("p", 2)), 8),
            (vec![axis("a", 2), axis("b", 3), axis("c", 2)], Some(axis("p", 3)), 7),
            (vec![axis("a", 2), axis("b", 40)], None, 2),
            (vec![axis("a", 1)], Some(axis("p", 2)), 3),
        ] {
            let mut plan = Plan { axes, policies, seeds, ..base.clone() };
            plan.variants = vec![String::new(); plan.cells() * plan.policy_count()];
            let row = |index: u64| {
                let value = f64::from(u32::try_from(index % 13).unwrap()) + 1.0;
                Row { index, ending: "finished".to_owned(), values: [Some(value); Measure::ALL.len()] }
            };
            let rows: Vec<Row> = (0..plan.runs()).map(row).collect();
            let files = files(&plan, &rows, Vec::new()).unwrap();
            let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names.contains(&"figures/change.svg"), plan.policies.is_some());
            assert!(names.contains(&"figures/value.png") && names.ends_with(&["manifest.json"]));
        }
    }
}
