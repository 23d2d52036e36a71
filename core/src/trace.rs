//! A record of all that one `Torrent` was told and of all that it said: `node --trace FILE` writes it, `sim replay FILE` feeds it to
//! the same code again. What went wrong on a network once can be looked at as often as one likes, and becomes a test.
//!
//! One JSON object a line (NDJSON). The first says what the `Torrent` was made of, each further one is an input with its time,
//! the outputs in their order, and the time-out that was asked for then:
//!
//! ```json
//! {"minibit_trace":1,"config":{…},"len":1048576,"piece_len":262144,"block_len":16384,"info_hash":"…",…}
//! {"t":1500000000,"in":{"message":[[0,0],"unchoke"]},"out":[{"send":[[0,0],{"request":[0,0,16384]}]}],"next":5000000000}
//! ```
//!
//! Times are nanoseconds since the driver's epoch, connections are slot and generation. Of block data there is the length
//! alone: no decision depends on the bytes, and whether a hash was right is an input.

mod form;
mod replay;

use core::net::SocketAddr;

use crate::bitfield::Bitfield;
use crate::boundary::{Env, Input, Output};
use crate::config::Config;
use crate::geometry::Geometry;
use crate::payload::Virtual;
use crate::rng::Seed;
use crate::time::Instant;
use crate::torrent::{Identity, Particulars, Torrent};

use form::{Header, InputForm, Line, OutputForm};

pub use replay::{Malformed, Replay, ReplayError, Said, Summary, replay};

/// The version of the format that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// The world of a record: addresses are real, blocks have no bytes.
#[derive(Clone, Copy, Debug)]
pub enum Recorded {}

impl Env for Recorded {
    type Addr = SocketAddr;
    type Data = Virtual;
}

/// What a `Torrent` is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its choices.
    pub config: Config,
    /// The torrent's lengths.
    pub geometry: Geometry,
    /// What it is.
    pub identity: Identity,
    /// What it says of itself.
    pub particulars: Particulars,
    /// The pieces that it begins with.
    pub have: Bitfield,
    /// When it was made.
    pub start: Instant,
    /// Where its randomness comes from.
    pub seed: Seed,
}

impl Origin {
    /// The `Torrent`.
    ///
    /// # Panics
    /// When `have` is of another torrent.
    pub fn torrent<E: Env>(&self) -> Torrent<E> {
        let Self { config, geometry, identity, particulars, have, start, seed } = self.clone();
        Torrent::new(config, geometry, identity, have, start, seed).with_particulars(particulars)
    }
}

/// Makes lines of what a `Torrent` is told and says; the driver writes them where it likes.
///
/// ```
/// use minibit_core::boundary::{Command, Input, Net, Outbox};
/// use minibit_core::torrent::{Identity, Particulars};
/// use minibit_core::trace::{Origin, Recorder, replay};
/// use minibit_core::{Bitfield, Geometry, InfoHash, Instant, PeerId, Profile, Seed};
///
/// let origin = Origin {
///     config: Profile::Bittorrent.config().for_lan(),
///     geometry: Geometry::new(1 << 20, 1 << 18, 1 << 14)?,
///     identity: Identity { info_hash: InfoHash([1; 20]), peer_id: PeerId([2; 20]), stream: 0 },
///     particulars: Particulars::default(),
///     have: Bitfield::none(4),
///     start: Instant::ZERO,
///     seed: Seed::from_number(1),
/// };
/// let mut torrent = origin.torrent::<Net>();
/// let mut file = Recorder::header(&origin);
/// let (mut recorder, mut outbox) = (Recorder::new(), Outbox::new());
/// let input = Input::Command(Command::Start);
/// recorder.input(Instant::ZERO, &input);
/// torrent.handle_input(Instant::ZERO, input, &mut outbox);
/// while let Some(output) = outbox.pop() {
///     recorder.output(&output); // and act on it
/// }
/// file += &recorder.line(torrent.poll_timeout());
///
/// assert_eq!(replay(file.lines())?.inputs, 1);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Recorder {
    input: Option<(Instant, InputForm)>,
    outputs: Vec<OutputForm>,
}

impl Recorder {
    /// One that has heard nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first line of a record, with its end.
    pub fn header(origin: &Origin) -> String {
        to_line(&Header::of(origin))
    }

    /// Notes an input, before the `Torrent` takes it.
    pub fn input<E: Env<Addr = SocketAddr>>(&mut self, now: Instant, input: &Input<E>) {
        self.outputs.clear();
        self.input = Some((now, InputForm::of(input)));
    }

    /// Notes an output.
    pub fn output<E: Env<Addr = SocketAddr>>(&mut self, output: &Output<E>) {
        self.outputs.push(OutputForm::of(output));
    }

    /// The line about the last input, with its end; `next` is what [`Torrent::poll_timeout`] gives after it. Empty without an input.
    pub fn line(&mut self, next: Option<Instant>) -> String {
        let Some((now, input)) = self.input.take() else { return String::new() };
        let next = next.map(Instant::as_nanos);
        to_line(&Line { t: now.as_nanos(), input, out: &self.outputs, next })
    }
}

fn to_line(form: &impl serde::Serialize) -> String {
    let mut line = serde_json::to_string(form).expect("forms have string keys and finite numbers");
    line.push('\n');
    line
}
