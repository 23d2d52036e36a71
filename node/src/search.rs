//! `node search` and `node list`: what there is to get.

mod table;

use std::io::{self, Write as _};

use anyhow::anyhow;
use minibit_core::catalogue::Query;
use owo_colors::OwoColorize as _;
use serde_json::json;

use crate::cli::{List, Look, Search};
use crate::failure::Failure;
use crate::names::{self, Found, Gathered, Named};
use crate::{called_as, session, show};

pub(crate) use table::render;

/// What `--json` prints is of this version.
const SCHEMA: u32 = 1;

/// `node search`.
pub(crate) fn search(options: &Search) -> Result<(), Failure> {
    let Search { text, look } = options;
    look.discovery.has_somebody()?;
    let sources = look.discovery.sources(look.timeout);
    let query = Query::new(text).map_err(|error| Failure::usage(error.into()))?;
    let (gathered, named) = session::run(async {
        let (gathered, named) = tokio::join!(names::search(text, &sources), names::shelves(&sources));
        Ok((gathered.map_err(|error| Failure::usage(error.into()))?, names::fitting(named, &query)))
    })?;
    let nothing = format!("nobody has a file with {:?} in its name", show::harmless(text));
    print(gathered, named, look, &nothing)
}

/// `node list`.
pub(crate) fn list(options: &List) -> Result<(), Failure> {
    let look = &options.look;
    look.discovery.has_somebody()?;
    let sources = look.discovery.sources(look.timeout);
    let (gathered, named) =
        session::run(async { Ok(tokio::join!(names::list(&sources), names::shelves(&sources))) })?;
    print(gathered, named, look, "nobody has anything to give")
}

fn print(gathered: Gathered, named: Vec<Named>, look: &Look, nothing: &str) -> Result<(), Failure> {
    let problems = gathered.problems();
    let Gathered { found, more, .. } = gathered;
    let named = names::without_metainfo(named, &found);
    if found.is_empty() && named.is_empty() {
        let failure =
            Failure::not_found(anyhow!("{}", [&[nothing.to_owned()], &problems[..]].concat().join("; ")));
        let hint = if look.discovery.trackers.is_empty() {
            format!("on the other machine: {} seed FILE; or name a tracker with --tracker", called_as())
        } else {
            format!("on the other machine: {} seed FILE", called_as())
        };
        return Err(failure.hint(hint));
    }
    for problem in problems {
        writeln!(io::stderr(), "warning: {problem}")?;
    }
    if look.json {
        writeln!(io::stdout(), "{}", machine(&found, &named, more))?;
        return Ok(());
    }
    write!(anstream::stdout(), "{}", render(&found, &named))?;
    if more {
        writeln!(anstream::stderr(), "{}", "there are more; search for a part of the name".dimmed())?;
    }
    Ok(())
}

fn machine(found: &[Found], named: &[Named], more: bool) -> serde_json::Value {
    let files: Vec<_> = found
        .iter()
        .map(|found| {
            json!({
                "info_hash": found.info_hash.to_hex(),
                "name": found.name,
                "size": found.size,
                "files": found.files,
                "seeders": found.seeders,
                "leechers": found.leechers,
                "age": found.age.as_secs(),
            })
        })
        .collect();
    let named: Vec<_> = named
        .iter()
        .map(|named| json!({ "name": named.name, "size": named.size, "sources": named.sources.len() }))
        .collect();
    json!({ "schema": SCHEMA, "files": files, "named": named, "more": more })
}
