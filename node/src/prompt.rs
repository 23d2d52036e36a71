//! `node` alone: a conversation (system S4). `list`, `search TEXT`, `download NAME [DIR]`, `help`, `exit`.
//!
//! Each line does what the command of the same name does with the tracker and the profile of the environment. In a terminal lines
//! can be edited and come back with the arrow keys, what goes wrong is said, and the conversation goes on. Lines that come from a
//! program or a file are read as they are, without a word in between, and the first that goes wrong ends it, with its exit code:
//! who has written them cannot react.

mod input;

use std::io::{self, Write as _};

use crate::failure::Failure;
use crate::{called_as, cli};

pub(crate) use input::Input;

const HELP: &str = "\
list                   show all files that somebody gives
search TEXT            show files with TEXT in their names
download NAME [DIR]    fetch a file, into DIR or the current directory; put a name with spaces into \"quotes\"
help                   show this
exit                   end (as does Ctrl+D)
MINIBIT_TRACKER in the environment names a tracker, and MINIBIT_PROFILE a system, as --tracker and --profile do elsewhere";

/// Does what the lines say, until the user has enough.
pub(crate) fn run(mut input: Input) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    if input.is_person() {
        writeln!(out, "{} {}: type help for what can be done", called_as(), env!("CARGO_PKG_VERSION"))?;
    }
    while let Some(line) = input.line()? {
        let done = match parse(&line) {
            Ok(Request::Nothing) => Ok(()),
            Ok(Request::Exit) => return Ok(()),
            Ok(Request::Help) => writeln!(out, "{HELP}").map_err(Failure::from),
            Ok(Request::Run(arguments)) => execute(&arguments),
            Err(problem) => Err(Failure::usage(anyhow::anyhow!(problem))),
        };
        match done {
            Err(failure) if failure.is_closed_pipe() || !input.is_person() => return Err(failure),
            Err(failure) => write!(io::stderr(), "{failure}")?,
            Ok(()) => {}
        }
    }
    Ok(())
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Nothing,
    Help,
    Exit,
    /// The command line with these arguments.
    Run(Vec<String>),
}

fn parse(line: &str) -> Result<Request, &'static str> {
    let words = split(line)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let run = |arguments: &[&str]| Ok(Request::Run(arguments.iter().map(|&word| word.to_owned()).collect()));
    match words[..] {
        [] => Ok(Request::Nothing),
        ["exit" | "quit"] => Ok(Request::Exit),
        ["help" | "?"] => Ok(Request::Help),
        ["list"] => run(&["list"]),
        ["search", ref text @ ..] if !text.is_empty() => run(&["search", "--", &text.join(" ")]),
        ["download", name] => run(&["get", "--", name]),
        ["download", name, directory] => run(&["get", &format!("--output={directory}"), "--", name]),
        ["search"] => Err("search for what? search TEXT"),
        ["download", ..] => Err("download what? download NAME [DIR]; put a name with spaces into \"quotes\""),
        _ => Err("this is not known here; type help for what is"),
    }
}

/// The words of a line; quotes keep spaces.
fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    if quote.is_some() { Err("a quote is not closed") } else { Ok(words) }
}

fn execute(arguments: &[String]) -> Result<(), Failure> {
    match cli::parse_line(arguments) {
        Ok(command) => crate::run(command),
        Err(error) => Ok(error.print()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_commands() {
        let arguments = |line: &str| match parse(line) {
            Ok(Request::Run(arguments)) => arguments,
            other => panic!("{line}: {other:?}"),
        };
        assert_eq!(parse("  \n"), Ok(Request::Nothing));
        assert_eq!(parse("exit\n"), Ok(Request::Exit));
        assert_eq!(parse("help"), Ok(Request::Help));
        assert_eq!(arguments("list"), ["list"]);
        assert_eq!(arguments("search  big   buck"), ["search", "--", "big buck"]);
        assert_eq!(arguments("search --json"), ["search", "--", "--json"], "a text, whatever it looks like");
        assert_eq!(arguments("download 'my film.mp4'\r\n"), ["get", "--", "my film.mp4"]);
        assert_eq!(arguments(r#"download "it's" /tmp/x"#), ["get", "--output=/tmp/x", "--", "it's"]);
        for line in ["search", "download", "download a b c", "list all", "rm -rf /", "download 'a"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn every_line_that_is_understood_is_a_command_line() {
        for line in ["list", "search x", "download x", "download -x -y"] {
            let Ok(Request::Run(arguments)) = parse(line) else { panic!("{line}") };
            assert!(cli::parse_line(&arguments).is_ok(), "{line}: {arguments:?}");
        }
    }
}
