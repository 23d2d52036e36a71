//! `node inspect`: what a torrent file says.

use std::io::{self, Write};

use minibit_core::metainfo::Metainfo;
use serde_json::json;

use crate::cli::Inspect;
use crate::failure::Failure;
use crate::{show, torrent_file, whole};

pub(crate) fn run(options: &Inspect) -> Result<(), Failure> {
    let metainfo = torrent_file::read(&options.file)?;
    let mut out = io::stdout().lock();
    if options.json { machine(&metainfo, &mut out) } else { human(&metainfo, &mut out) }
}

fn human(metainfo: &Metainfo, out: &mut impl Write) -> Result<(), Failure> {
    let geometry = metainfo.geometry();
    writeln!(out, "name       {}", show::harmless(metainfo.name()))?;
    writeln!(out, "info-hash  {}", metainfo.info_hash().to_hex())?;
    writeln!(out, "length     {} ({})", geometry.len(), show::size(geometry.len()))?;
    let piece_len = show::size(geometry.nominal_piece_len().into());
    writeln!(out, "pieces     {} of {piece_len}", geometry.piece_count())?;
    writeln!(out, "private    {}", if metainfo.is_private() { "yes" } else { "no" })?;
    for (tier, urls) in metainfo.trackers().iter().enumerate() {
        for url in urls {
            writeln!(out, "tracker    {}: {}", tier + 1, show::harmless(url))?;
        }
    }
    if let Some(program) = metainfo.created_by() {
        writeln!(out, "made by    {}", show::harmless(program))?;
    }
    if let Some(comment) = metainfo.comment() {
        writeln!(out, "comment    {}", show::harmless(comment))?;
    }
    if metainfo.directory().is_some() {
        writeln!(out, "files      {}", metainfo.files().len())?;
        for file in metainfo.files().iter().filter(|file| !file.padding) {
            writeln!(out, "{:>14}  {}", file.len, show::harmless(&file.path.join("/")))?;
        }
    }
    Ok(())
}

/// Keys are added, never changed; `schema` is counted up when that cannot be helped.
fn machine(metainfo: &Metainfo, out: &mut impl Write) -> Result<(), Failure> {
    let geometry = metainfo.geometry();
    let files: Vec<_> = metainfo
        .files()
        .iter()
        .map(|file| {
            let sha1 = file.sha1.map(|digest| whole::hex(&digest));
            json!({ "path": file.path, "length": file.len, "padding": file.padding, "sha1": sha1 })
        })
        .collect();
    let value = json!({
        "schema": 1,
        "name": metainfo.name(),
        "info_hash": metainfo.info_hash().to_hex(),
        "length": geometry.len(),
        "piece_length": geometry.nominal_piece_len(),
        "pieces": geometry.piece_count(),
        "private": metainfo.is_private(),
        "trackers": metainfo.trackers(),
        "created_by": metainfo.created_by(),
        "creation_date": metainfo.creation_date(),
        "comment": metainfo.comment(),
        "directory": metainfo.directory(),
        "files": files,
    });
    writeln!(out, "{value:#}")?;
    Ok(())
}
