//! Feeding a record to a `Torrent` again.

use core::fmt;

use serde_json::Value;

use super::form::{Header, OutputForm, ReadLine};
use super::{Origin, Recorded};
use crate::boundary::Outbox;
use crate::geometry::GeometryError;
use crate::time::Instant;
use crate::torrent::{Stats, Torrent};

/// What a record held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Inputs that were fed.
    pub inputs: u64,
    /// Outputs that were as recorded.
    pub outputs: u64,
    /// When the `Torrent` was made.
    pub start: Instant,
    /// The time of the last input.
    pub end: Instant,
    /// Pieces that it had in the end.
    pub pieces: u32,
    /// Pieces of the torrent.
    pub piece_count: u32,
    /// Its totals in the end.
    pub stats: Stats,
}

/// Why a record cannot be replayed to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// A line is no part of a record.
    #[error("line {line}: {problem}")]
    Malformed {
        /// Which line, counted from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        problem: Malformed,
    },
    /// The `Torrent` did something else than when it was recorded.
    #[error("line {line}, at {time}: expected {expected}, got {got}")]
    Divergence {
        /// Which line, counted from 1.
        line: u64,
        /// The time of its input.
        time: Instant,
        /// What was recorded: an output, the next time-out, or nothing more.
        expected: Said,
        /// What came.
        got: Said,
    },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// There is no first line.
    #[error("the record is empty")]
    Empty,
    /// It is not JSON, or not of the form that it should have.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// The record is of another version of the format.
    #[error("format {found} is not known: this program reads format {}", super::VERSION)]
    Version {
        /// The version that it has.
        found: u32,
    },
    /// The torrent's lengths do not fit together.
    #[error("{0}")]
    Geometry(GeometryError),
    /// Bytes are not in base 64, or not as many as they should be.
    #[error("bytes are not in base 64, or not as many as they should be")]
    Base64,
    /// A piece, a block or a length that the torrent does not have.
    #[error("a piece, a block or a length is out of range")]
    Range,
    /// The time is before that of the line before.
    #[error("the time goes back")]
    Time,
}

/// Something that a `Torrent` says, as a record has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// An output.
    Output(Box<Value>),
    /// The next time-out.
    Next(Option<Instant>),
    /// Nothing more.
    Nothing,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Output(output) => write!(f, "{output}"),
            Self::Next(Some(at)) => write!(f, "the next time-out at {at}"),
            Self::Next(None) => f.write_str("no time-out"),
            Self::Nothing => f.write_str("nothing more"),
        }
    }
}

/// A replay, line by line: for records that are longer than memory.
#[derive(Debug)]
pub struct Replay {
    origin: Origin,
    torrent: Torrent<Recorded>,
    outbox: Outbox<Recorded>,
    line: u64,
    inputs: u64,
    outputs: u64,
    now: Instant,
}

impl Replay {
    /// A replay that has read the first line.
    ///
    /// # Errors
    /// When that is not the first line of a record.
    pub fn new(header: &str) -> Result<Self, ReplayError> {
        let header = serde_json::from_str::<Header>(header).map_err(Malformed::Json).and_then(Header::read);
        let origin = header.map_err(|problem| ReplayError::Malformed { line: 1, problem })?;
        let torrent = origin.torrent();
        let now = origin.start;
        Ok(Self { origin, torrent, outbox: Outbox::new(), line: 1, inputs: 0, outputs: 0, now })
    }

    /// Feeds the next line's input and compares what follows.
    ///
    /// # Errors
    /// When it is no line of a record, or the `Torrent` does something else.
    pub fn line(&mut self, text: &str) -> Result<(), ReplayError> {
        self.line += 1;
        let line = self.line;
        let malformed = |problem| ReplayError::Malformed { line, problem };
        let read: ReadLine = serde_json::from_str(text).map_err(|error| malformed(error.into()))?;
        let time = Instant::from_nanos(read.t);
        if time < self.now {
            return Err(malformed(Malformed::Time));
        }
        let input = read.input.read(&self.origin.geometry).map_err(malformed)?;
        self.now = time;
        self.inputs += 1;
        self.torrent.handle_input(time, input, &mut self.outbox);
        let diverged = |expected, got| Err(ReplayError::Divergence { line, time, expected, got });
        let mut recorded = read.out.into_iter();
        while let Some(output) = self.outbox.pop() {
            let output =
                serde_json::to_value(OutputForm::of(&output)).map_err(|error| malformed(error.into()))?;
            match recorded.next() {
                Some(expected) if expected == output => self.outputs += 1,
                Some(expected) => {
                    return diverged(Said::Output(expected.into()), Said::Output(output.into()));
                }
                None => return diverged(Said::Nothing, Said::Output(output.into())),
            }
        }
        if let Some(expected) = recorded.next() {
            return diverged(Said::Output(expected.into()), Said::Nothing);
        }
        let (expected, got) = (read.next.map(Instant::from_nanos), self.torrent.poll_timeout());
        if expected == got { Ok(()) } else { diverged(Said::Next(expected), Said::Next(got)) }
    }

    /// What was replayed so far.
    pub fn summary(&self) -> Summary {
        Summary {
            inputs: self.inputs,
            outputs: self.outputs,
            start: self.origin.start,
            end: self.now,
            pieces: self.torrent.have().count(),
            piece_count: self.origin.geometry.piece_count(),
            stats: self.torrent.stats(),
        }
    }
}

/// Replays a whole record.
///
/// # Errors
/// At the first line that is no part of a record, or after which the `Torrent` does something else than when it was recorded.
pub fn replay<S: AsRef<str>>(lines: impl IntoIterator<Item = S>) -> Result<Summary, ReplayError> {
    let mut lines = lines.into_iter();
    let header = lines.next().ok_or(ReplayError::Malformed { line: 1, problem: Malformed::Empty })?;
    let mut replay = Replay::new(header.as_ref())?;
    for line in lines {
        replay.line(line.as_ref())?;
    }
    Ok(replay.summary())
}
