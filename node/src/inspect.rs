//! `node inspect`: what a torrent file says.

use std::io::{self, BufWriter, Write};

use minibit_core::metainfo::{File, Metainfo};
use serde::{Serialize, Serializer};

use crate::cli::Inspect;
use crate::failure::Failure;
use crate::{show, torrent_file, whole};

pub(crate) fn run(options: &Inspect) -> Result<(), Failure> {
    let metainfo = torrent_file::read(&options.file)?;
    // Standard output alone would write line by line.
    let mut out = BufWriter::new(io::stdout().lock());
    if options.json {
        machine(&metainfo, &mut out)?;
    } else {
        human(&metainfo, &mut out)?;
    }
    Ok(out.flush()?)
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

fn machine(metainfo: &Metainfo, out: &mut impl Write) -> Result<(), Failure> {
    let geometry = metainfo.geometry();
    let description = Description {
        schema: 1,
        name: metainfo.name(),
        info_hash: metainfo.info_hash().to_hex(),
        length: geometry.len(),
        piece_length: geometry.nominal_piece_len(),
        pieces: geometry.piece_count(),
        private: metainfo.is_private(),
        trackers: metainfo.trackers(),
        created_by: metainfo.created_by(),
        creation_date: metainfo.creation_date(),
        comment: metainfo.comment(),
        directory: metainfo.directory(),
        files: Files(metainfo.files()),
    };
    serde_json::to_writer_pretty(&mut *out, &description).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Keys are added, never changed; `schema` is counted up when that cannot be helped.
#[derive(Serialize)]
struct Description<'a> {
    schema: u32,
    name: &'a str,
    info_hash: String,
    length: u64,
    piece_length: u32,
    pieces: u32,
    private: bool,
    trackers: Vec<Vec<&'a str>>,
    created_by: Option<&'a str>,
    creation_date: Option<i64>,
    comment: Option<&'a str>,
    directory: Option<&'a str>,
    files: Files<'a>,
}

/// Written one after the other: there may be a hundred thousand.
struct Files<'a>(&'a [File]);

#[derive(Serialize)]
struct Listed<'a> {
    path: &'a [String],
    length: u64,
    padding: bool,
    sha1: Option<String>,
}

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|File { path, len, padding, sha1, .. }| Listed {
            path,
            length: *len,
            padding: *padding,
            sha1: sha1.as_ref().map(whole::hex),
        }))
    }
}
