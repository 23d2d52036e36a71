//! Files that peers of S4 give by nothing but their names: no metainfo, so no hashes, and nothing can be verified.
//!
//! How long such a file is its sources say; its chunks are what S4's are. The metainfo that is made up for it never leaves this
//! process: nobody else is told of an info-hash that means nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use minibit_core::catalogue::{Pick, Query};
use minibit_core::config::Encoding;
use minibit_core::metainfo::{Builder, Metainfo};
use minibit_core::wire::MAX_WHOLE_PIECE;

use super::wanted::Wanted;
use crate::cli::Get;
use crate::failure::Failure;
use crate::names::{self, Named, Sources};
use crate::{search, show};

/// The shortest chunk, in bytes: a question costs a round trip …
const SHORTEST_CHUNK: u32 = 256 << 10;
/// … and the longer the file, the longer are its chunks, so that they are no more than this.
const WANTED_CHUNKS: u64 = 4096;

/// The file that a text means; `None` when no tracker lists one by its name alone.
pub(super) async fn find(
    options: &Get,
    text: &str,
    sources: &Sources,
    patience: Duration,
) -> Result<Option<Wanted>, Failure> {
    let query = Query::new(text).map_err(|error| Failure::usage(error.into()))?;
    let named = match names::pick(names::shelves(sources).await, &query) {
        Pick::Nothing => return Ok(None),
        Pick::One(named) => named,
        Pick::Several(several) => {
            let error = anyhow!("{:?} is {} of these", show::harmless(text), several.len());
            let _ =
                std::io::Write::write_all(&mut std::io::stderr(), search::render(&[], &several).as_bytes());
            return Err(Failure::not_found(error).hint("give the whole name"));
        }
    };
    let name = show::harmless(&named.name);
    if options.choices.config().encoding != Encoding::S4 {
        let error = anyhow!("{name} is listed by peers of S4 alone, without metainfo");
        return Err(Failure::not_found(error)
            .hint("--profile s4 gets it; without hashes nothing of it can be verified"));
    }
    let Some((len, sources)) = names::measured(&named, patience).await else {
        return Err(Failure::not_found(anyhow!(
            "{name} is listed, but none of those who are said to have it gives it"
        )));
    };
    let metainfo = made_up(&named, len).with_context(|| format!("{name} cannot be fetched"))?;
    let trackers: BTreeSet<String> = named.trackers.iter().map(|tracker| format!("s4://{tracker}")).collect();
    let trackers = trackers.into_iter().map(|url| vec![url]).collect();
    Ok(Some(Wanted { metainfo, peers: Vec::new(), sources, trackers, unhashed: true }))
}

/// Metainfo with the name and the lengths of a file, and hashes that are none.
fn made_up(named: &Named, len: u64) -> Result<Metainfo, anyhow::Error> {
    let mut chunk = SHORTEST_CHUNK;
    while chunk < MAX_WHOLE_PIECE && u64::from(chunk) * WANTED_CHUNKS < len {
        chunk *= 2;
    }
    let builder = Builder::file(named.name.as_str(), len).piece_len(chunk);
    let hashes = vec![[0; 20]; builder.geometry()?.piece_count() as usize];
    Ok(builder.build(&hashes)?)
}
