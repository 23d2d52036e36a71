//! Examples, and what else is said below the options of each command.

use clap::Command;

/// What the numbers mean with which the program ends.
const EXIT_CODES: &str = "Exit codes:
  0    done
  1    it could not be done, or a torrent file is not in order
  2    it was asked for in a wrong way; nothing was touched
  3    not found, not in time, or more than one thing has the name
  130  interrupted";

/// Of the program as a whole: some with -h, and all with --help.
const MAIN: &[&str] = &["seed movie.mp4", "get movie.mp4", "list", "create movie.mp4"];
const MORE: &[&str] = &[
    "tracker",
    "create photos --tracker http://tracker.lan:6969/announce",
    "inspect --json movie.mp4.torrent",
];

/// Of each command.
const EXAMPLES: &[(&str, &[&str])] = &[
    (
        "create",
        &[
            "create movie.mp4",
            "create photos -o /tmp/holiday.torrent -l \"1 MiB\"",
            "create movie.mp4 --tracker udp://tracker.lan:6969 --private",
        ],
    ),
    ("inspect", &["inspect movie.mp4.torrent", "inspect --json movie.mp4.torrent"]),
    (
        "seed",
        &[
            "seed movie.mp4",
            "seed photos --tracker tracker.lan --up \"5 MiB/s\"",
            "seed movie.mp4.torrent --dir /srv/films",
        ],
    ),
    (
        "get",
        &[
            "get movie.mp4",
            "get movie.mp4.torrent -o /tmp --peer 192.168.1.7:6881",
            "get movie --tracker tracker.lan --seed-after 10min",
            "get 'magnet:?xt=urn:btih:…'",
            "get movie.mp4 -o - | mpv -",
        ],
    ),
    ("search", &["search movie", "search holiday --tracker tracker.lan", "search 36071138 --json"]),
    ("list", &["list", "list --tracker tracker.lan --no-lan", "list --json --timeout 5s"]),
    (
        "tracker",
        &[
            "tracker",
            "tracker --listen 192.168.1.10:6969",
            "tracker --seed movie.mp4 --profile s5",
            "tracker --listen 127.0.0.1:0 --no-udp",
        ],
    ),
    (
        "completions",
        &[
            "completions bash > ~/.local/share/bash-completion/completions/node",
            "completions fish > ~/.config/fish/completions/node.fish",
        ],
    ),
    ("man", &["man | man -l -", "man ~/.local/share/man/man1"]),
];

/// Adds them, under the name by which the program is called.
pub(super) fn add(command: Command, name: &str) -> Command {
    let long = format!("{}\n\n{EXIT_CODES}", text(name, &[MAIN, MORE].concat()));
    let command = command.after_help(text(name, MAIN)).after_long_help(long);
    EXAMPLES.iter().fold(command, |command, (subcommand, examples)| {
        command.mut_subcommand(*subcommand, |subcommand| subcommand.after_help(text(name, examples)))
    })
}

fn text(name: &str, examples: &[&str]) -> String {
    let lines: Vec<_> = examples.iter().map(|example| format!("  {name} {example}")).collect();
    format!("Examples:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    /// As a shell takes it apart, as far as examples need it.
    fn words(line: &str) -> Vec<&str> {
        let parts = line.split(['"', '\'']).enumerate();
        parts
            .flat_map(|(at, part)| if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() })
            .collect()
    }

    #[test]
    fn every_command_has_examples_and_they_are_understood() {
        for command in Cli::command().get_subcommands() {
            assert!(EXAMPLES.iter().any(|(name, _)| *name == command.get_name()), "{}", command.get_name());
        }
        let all = EXAMPLES.iter().flat_map(|(_, examples)| *examples).chain(MAIN).chain(MORE);
        for example in all {
            let typed = example.split(['|', '>']).next().unwrap();
            let result = Cli::command().try_get_matches_from(["node"].into_iter().chain(words(typed)));
            assert!(result.is_ok(), "{example}: {}", result.unwrap_err());
        }
    }
}
