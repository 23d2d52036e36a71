//! A sweep file as it is written.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::compare::Measure;
use crate::scenario::file::File as ScenarioFile;

/// A scenario with every combination of some values, on many seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "minibit sweep")]
pub struct File {
    /// Where the schema is, so that editors can help: `./schema.json`.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// Name of the sweep and of the folder of its report. Default: the file's name without its ending.
    pub name: Option<String>,
    /// What the sweep is to find out, for the report.
    pub description: Option<String>,
    /// The scenario: the path of its file, as seen from this one, or the scenario itself. Its `seed` is the first seed.
    #[schemars(schema_with = "scenario")]
    pub scenario: Value,
    /// Values of the scenario that are replaced in all runs: paths as in `--set`.
    pub set: Option<Map<String, Value>>,
    /// What is varied: every combination of the values is a cell of the result.
    #[schemars(length(min = 1))]
    pub axes: Vec<Axis>,
    /// What is compared in each cell, on the same seeds. The first value is what the others are held against.
    pub policies: Option<Axis>,
    /// Number of seeds in each cell.
    #[schemars(range(min = 1, max = 100_000))]
    pub seeds: u32,
    /// What the report is about. Default: `last_download`.
    pub measure: Option<Measure>,
}

/// Something that is varied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What: a path as in `--set`, such as `groups.seed.up`; or a field that all groups have, such as `pieces` (short for
    /// `piece_selection`) or `choking.slots`.
    pub path: String,
    /// What reports call it. Default: the path.
    pub name: Option<String>,
    /// Its values.
    #[schemars(length(min = 1))]
    pub values: Vec<Value>,
}

impl Axis {
    /// What reports call it.
    pub fn title(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.path)
    }

    /// What its values are called.
    pub fn labels(&self) -> impl ExactSizeIterator<Item = String> + '_ {
        self.values.iter().map(label)
    }
}

/// A value in words: strings without their quotes.
pub fn label(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn scenario(generator: &mut SchemaGenerator) -> Schema {
    let inline = generator.subschema_for::<ScenarioFile>();
    json_schema!({
        "description": "The scenario: the path of its file, as seen from this one, or the scenario itself. Its `seed` is the first seed.",
        "anyOf": [{ "type": "string", "examples": ["../flash_crowd.json"] }, inline]
    })
}

/// The schema (JSON Schema 2020-12) of sweep files, as a text with a newline at its end.
pub fn schema() -> String {
    crate::scenario::schema_of::<File>()
}
