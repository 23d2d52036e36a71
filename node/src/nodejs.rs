//! Node.js is called `node`, too. Where our program comes first on `PATH`, `node app.js` and everything that npm starts would
//! end in a riddle; it ends in a sentence instead.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::anyhow;

use crate::failure::Failure;

/// Refuses what can only be meant for Node.js: a script, or code to evaluate.
pub(crate) fn guard() -> Result<(), Failure> {
    let Some(first) = env::args_os().nth(1) else { return Ok(()) };
    if !is_for_nodejs(&first) {
        return Ok(());
    }
    let (first_on_path, hint) = match place_on_path() {
        Some(place) => {
            let place = place.display();
            let hint = format!("take {place} off your PATH, or install minibit's program as minibit-node");
            (format!("; your PATH has {place} first"), hint)
        }
        None => (String::new(), "Node.js is another program of this name: give its path".into()),
    };
    let error = anyhow!("this is minibit's node, not Node.js{first_on_path}");
    Err(Failure::usage(error).hint(hint))
}

/// The directory in which a shell finds our program when `node` is typed, be it by a link; `None` when it finds another one, or none.
fn place_on_path() -> Option<PathBuf> {
    let ours = env::current_exe().ok()?.canonicalize().ok()?;
    let path = env::var_os("PATH")?;
    let found = env::split_paths(&path).find(|directory| directory.join("node").is_file())?;
    (found.join("node").canonicalize().ok()? == ours).then_some(found)
}

fn is_for_nodejs(first: &OsStr) -> bool {
    const FLAGS: [&str; 14] = [
        "-e",
        "--eval",
        "-p",
        "--print",
        "-r",
        "--require",
        "-i",
        "--interactive",
        "-c",
        "--check",
        "--import",
        "--inspect",
        "--test",
        "--watch",
    ];
    // No command of ours ends so: what is missing is a script, too.
    let is_script = |ending: &OsStr| ["js", "mjs", "cjs", "ts", "mts"].iter().any(|&known| ending == known);
    let flag = first.to_str().and_then(|first| first.split('=').next());
    flag.is_some_and(|flag| FLAGS.contains(&flag)) || Path::new(first).extension().is_some_and(is_script)
}
