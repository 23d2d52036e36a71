//! Node.js is called `node`, too. Where our program comes first on `PATH`, `node app.js` and everything that npm starts would
//! end in a riddle; it ends in a sentence instead.

use std::env;
use std::ffi::OsStr;
use std::path::Path;

use anyhow::anyhow;

use crate::failure::Failure;

/// Refuses what can only be meant for Node.js: a script, or code to evaluate.
pub(crate) fn guard() -> Result<(), Failure> {
    let Some(first) = env::args_os().nth(1) else { return Ok(()) };
    if !is_for_nodejs(&first) {
        return Ok(());
    }
    let program = env::current_exe().ok();
    let place = program
        .as_deref()
        .and_then(Path::parent)
        .map_or_else(|| "its directory".into(), |directory| directory.display().to_string());
    let error = anyhow!("this is minibit's node, not Node.js; your PATH has {place} first");
    let hint = format!("take {place} off your PATH, or install minibit's program as minibit-node");
    Err(Failure::usage(error).hint(hint))
}

fn is_for_nodejs(first: &OsStr) -> bool {
    let evaluates = ["-e", "--eval", "-p", "--print", "-r", "--require"].iter().any(|&flag| first == flag);
    let path = Path::new(first);
    let script =
        path.extension().is_some_and(|ending| ["js", "mjs", "cjs"].iter().any(|&known| ending == known));
    evaluates || script && path.is_file()
}
