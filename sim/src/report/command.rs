//! The command that makes a report again: as it was typed, without the folders of this machine.

use std::path::Path;

/// A file as commands name it: an absolute path says where one machine has it, and only its last part means anything elsewhere.
pub fn named(path: &Path) -> String {
    let named = if path.is_absolute() { path.file_name().map_or(path, Path::new) } else { path };
    quoted(&named.display().to_string())
}

/// A word as a shell reads it back.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,=/+:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(quoted("groups.seed.up=4"), "groups.seed.up=4");
        assert_eq!(quoted("up=5 Mbit/s"), "'up=5 Mbit/s'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn no_folder_of_a_machine_is_named() {
        assert_eq!(named(Path::new("scenarios/a swarm.json")), "'scenarios/a swarm.json'");
        assert_eq!(named(Path::new("../swarm.json")), "../swarm.json");
        let here = std::env::temp_dir().join("swarm.json");
        assert_eq!(named(&here), "swarm.json");
    }
}
