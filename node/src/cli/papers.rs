//! `completions` and `man`: what is made of the description of the command line itself.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use clap_complete::Shell;

use super::described;
use crate::called_as;
use crate::failure::Failure;

/// A script for a shell.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Manual pages.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The directory to write the pages of all commands into; it is made when it is missing
    dir: Option<PathBuf>,
}

/// Prints the script.
pub(crate) fn completions(options: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    let name = plain_name();
    clap_complete::generate(options.shell, &mut described(&name), name, &mut script);
    Ok(io::stdout().write_all(&script)?)
}

/// Prints the page of the program, or writes those of all commands.
pub(crate) fn man(options: &Man) -> Result<(), Failure> {
    let command = described(&plain_name());
    let Some(dir) = &options.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        return Ok(io::stdout().write_all(&page)?);
    };
    std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(command, dir))
        .with_context(|| format!("cannot write manual pages into {}", dir.display()))?;
    Ok(())
}

/// The last part of the path by which the program was called: how others will type it.
fn plain_name() -> String {
    let name = called_as();
    Path::new(&name).file_name().map_or_else(|| "node".into(), |name| name.to_string_lossy().into_owned())
}
