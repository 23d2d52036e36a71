//! Flags for every choice of the core, under the names that scenarios use.

use std::time::Duration;

use clap::Args;
use minibit_core::Profile;
use minibit_core::config::{ChokeAlgorithm, Config, Encoding, PieceSelection, Requests};
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};

/// As many requests as a peer may leave waiting (I8).
const MOST_REQUESTS: u32 = 128;

/// A profile, and whatever is to differ from it.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Strategies")]
pub(crate) struct Choices {
    /// The system to be: a whole set of choices
    #[arg(long, value_name = "NAME", env = "MINIBIT_PROFILE", value_parser = named::<Profile>, default_value = "bittorrent",
        long_help = "The system to be, a whole set of choices: bittorrent, s1, s2, s3, s4 or s5")]
    profile: Profile,
    /// Which piece to fetch next: rarest-first, random, sequential or random-first-then-rarest
    #[arg(long, hide_short_help = true, value_name = "HOW", value_parser = named::<PieceSelection>, alias = "piece-selection")]
    pieces: Option<PieceSelection>,
    /// Whom to serve: tit-for-tat, random-slots, contribution, rarity or none (everybody)
    #[arg(long, hide_short_help = true, value_name = "HOW", value_parser = named::<ChokeAlgorithm>)]
    choke: Option<ChokeAlgorithm>,
    /// Peers that are served by merit
    #[arg(long, hide_short_help = true, value_name = "N")]
    slots: Option<u32>,
    /// Peers that are served by luck
    #[arg(long, hide_short_help = true, value_name = "N")]
    optimistic_slots: Option<u32>,
    /// How often it is decided anew whom to serve, such as 10s
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = rhythm)]
    choke_interval: Option<Duration>,
    /// When blocks are asked for: pipelined, fixed:N (always N under way) or paced:TIME (one per TIME)
    #[arg(long, hide_short_help = true, value_name = "HOW", value_parser = requests)]
    requests: Option<Asking>,
    /// How often trackers are told that we are here and asked for others, such as 30s; not oftener than
    /// once a second [default: the profile's, or what they say]
    #[arg(long, hide_short_help = true, value_name = "TIME", value_parser = rhythm)]
    announce_interval: Option<Duration>,
    /// How messages are written when we dial: bep3 or json; who dials us chooses for itself
    #[arg(long, hide_short_help = true, value_name = "HOW", value_parser = named::<Encoding>)]
    encoding: Option<Encoding>,
    /// Ask several peers for the last blocks
    #[arg(long, hide_short_help = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    endgame: Option<bool>,
    /// While seeding, show each peer one piece at a time (BEP 16)
    #[arg(long, hide_short_help = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true", alias = "super-seed")]
    super_seeding: Option<bool>,
    /// Offer the fast extension (BEP 6)
    #[arg(long, hide_short_help = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    fast_extension: Option<bool>,
    /// Pieces that a choked newcomer may ask for (BEP 6)
    #[arg(long, hide_short_help = true, value_name = "N")]
    allowed_fast: Option<u32>,
    /// As the first seeder, recommend to each peer pieces that nobody else has (BEP 6)
    #[arg(long, hide_short_help = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    suggest: Option<bool>,
    /// Send blocks to others at all
    #[arg(long, hide_short_help = true, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    uploads: Option<bool>,
}

/// A way of asking for blocks, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Pipelined,
    Fixed(u32),
    Paced(Duration),
}

impl Choices {
    /// The configuration that these choices make of the profile's.
    pub(crate) fn config(&self) -> Config {
        self.applied(&self.profile.config())
    }

    /// That for content which is used from the beginning on while it comes: pieces in order, unless the user wants another one.
    pub(crate) fn in_order_config(&self) -> Config {
        let in_order = self.pieces.or(Some(PieceSelection::Sequential));
        Self { pieces: in_order, ..self.clone() }.config()
    }

    /// What others have to add to speak with us: nothing, or the profile.
    pub(crate) fn flag(&self) -> String {
        if self.profile == Profile::default() {
            String::new()
        } else {
            format!(" --profile {}", self.profile.name())
        }
    }

    /// That of a tracker which is a seed itself: some systems have one of its own for it.
    pub(crate) fn tracker_seed_config(&self) -> Config {
        self.applied(&self.profile.tracker_seed_config().unwrap_or(self.profile.config()))
    }

    fn applied(&self, base: &Config) -> Config {
        let mut config = base.for_lan();
        set(&mut config.pieces, self.pieces);
        set(&mut config.choking.algorithm, self.choke);
        set(&mut config.choking.slots, self.slots);
        set(&mut config.choking.optimistic_slots, self.optimistic_slots);
        set(&mut config.choking.interval, self.choke_interval);
        config.requests = match self.requests {
            None => config.requests,
            Some(Asking::Pipelined) => match config.requests {
                pipelined @ Requests::Pipelined { .. } => pipelined,
                _ => Profile::Bittorrent.config().for_lan().requests,
            },
            Some(Asking::Fixed(number)) => Requests::Fixed(number),
            Some(Asking::Paced(interval)) => {
                let asks_all = matches!(config.requests, Requests::Paced { ask_all_when_unknown: true, .. });
                Requests::Paced { interval, ask_all_when_unknown: asks_all }
            }
        };
        if let (Some(interval), Some(announcing)) = (self.announce_interval, &mut config.announcing) {
            announcing.interval = Some(interval);
        }
        set(&mut config.encoding, self.encoding);
        set(&mut config.endgame, self.endgame);
        set(&mut config.super_seeding, self.super_seeding);
        set(&mut config.fast_extension, self.fast_extension);
        set(&mut config.allowed_fast, self.allowed_fast);
        set(&mut config.suggest, self.suggest);
        set(&mut config.uploads, self.uploads);
        if !config.fast_extension {
            config.allowed_fast = 0;
        }
        config
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// A value by its name in scenarios. What there is to choose from is in the error of the core's own reader.
fn named<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, String> {
    T::deserialize(StrDeserializer::<ValueError>::new(text)).map_err(|error| error.to_string())
}

fn requests(text: &str) -> Result<Asking, String> {
    let expected = || "expected pipelined, fixed:N or paced:TIME, such as paced:1s".to_owned();
    match text.split_once(':') {
        None if text == "pipelined" => Ok(Asking::Pipelined),
        Some(("fixed", number)) => {
            let number = number.parse().ok().filter(|number| (1..=MOST_REQUESTS).contains(number));
            number.map(Asking::Fixed).ok_or_else(|| format!("expected a number from 1 to {MOST_REQUESTS}"))
        }
        Some(("paced", time)) => rhythm(time).map(Asking::Paced),
        _ => Err(expected()),
    }
}

/// Time between two things that happen again and again.
fn rhythm(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|_| "expected a time such as 10s or 100ms")?;
    if time < Duration::from_millis(1) { Err("at least 1ms".into()) } else { Ok(time) }
}
