//! Who takes part in a run: every draw about the peers, made before the run begins.
//!
//! Each draw has a stream of its own, by purpose and peer, so that the same seed gives the same population to every
//! variant of a scenario.

use minibit_core::config::Config;
use minibit_core::rng::{Purpose, Rng};
use minibit_core::{Bitfield, Geometry, Instant, Seed};

use crate::scenario::{Arrivals, Group, InitialPieces, Link, LinkDist, Scenario};

/// One participant before the run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name in tables.
    pub name: String,
    /// Its group; `None`: the seeding tracker.
    pub group: Option<usize>,
    /// Its access link.
    pub link: Link,
    /// Its place.
    pub place: usize,
    /// When it joins; `None`: never.
    pub join: Option<Instant>,
    /// What it has then.
    pub have: Bitfield,
    /// Its choices.
    pub config: Config,
}

/// All participants of a run, in order of their numbers; the seeding tracker last.
///
/// # Panics
/// If there are 2³² peers; a scenario that was read has at most a million.
pub fn population(scenario: &Scenario, geometry: &Geometry, seed: &Seed) -> Vec<Plan> {
    let total: u32 = scenario.groups.iter().map(|group| group.count).sum();
    let mut plans = Vec::with_capacity(total as usize + 1);
    for (index, group) in scenario.groups.iter().enumerate() {
        let owner = u32::try_from(index).expect("few groups");
        let mut names = group.peer_names();
        let mut joins = Joins::new(&group.arrivals, seed.stream(Purpose::Arrivals, owner));
        for number in 0..group.count {
            let peer = u32::try_from(plans.len()).expect("peers are numbered by u32");
            let mut config = group.config;
            if scenario.neighbours.is_some() {
                // Whoever is named as a neighbour is to be connected, however many there are.
                let limits = &mut config.limits;
                limits.connections = limits.connections.max(total);
                limits.dial_target = limits.dial_target.max(total);
                limits.half_open = limits.half_open.max(total);
                config.announcing = None;
            }
            plans.push(Plan {
                name: names.next().expect("as many names as peers"),
                group: Some(index),
                link: draw_link(group, &mut seed.stream(Purpose::Capacities, peer)),
                place: group.place,
                join: joins.next(number),
                have: initial(&group.pieces, geometry, &mut seed.stream(Purpose::InitialPieces, peer)),
                config,
            });
        }
    }
    if let Some((tracker, config)) =
        scenario.tracker.as_ref().and_then(|tracker| Some((tracker, tracker.seed?)))
    {
        plans.push(Plan {
            name: "tracker".into(),
            group: None,
            link: tracker.link,
            place: tracker.place,
            join: Some(Instant::ZERO),
            have: Bitfield::all(geometry.piece_count()),
            config: Config { announcing: None, ..config },
        });
    }
    plans
}

/// The joining times of a group, one after the other.
struct Joins<'a> {
    arrivals: &'a Arrivals,
    rng: Rng,
    /// Of a process: the intensity that has passed so far, in expected arrivals.
    passed: f64,
}

impl<'a> Joins<'a> {
    const fn new(arrivals: &'a Arrivals, rng: Rng) -> Self {
        Self { arrivals, rng, passed: 0.0 }
    }

    fn next(&mut self, number: u32) -> Option<Instant> {
        Some(match *self.arrivals {
            Arrivals::Together(at) => Instant::ZERO + at,
            Arrivals::Staggered { start, every } => Instant::ZERO + start + every * number,
            Arrivals::Poisson { start, rate } => {
                self.passed += self.rng.exponential(1.0);
                (Instant::ZERO + start).after_nanos(nanos(self.passed / rate))
            }
            Arrivals::FlashCrowd { start, rate, decay } => {
                self.passed += self.rng.exponential(1.0);
                // The expected number until t is rate · decay · (1 - e^(-t/decay)); beyond its limit nobody comes.
                let share = self.passed / (rate * decay.as_secs_f64());
                if share >= 1.0 {
                    return None;
                }
                (Instant::ZERO + start).after_nanos(nanos(-decay.as_secs_f64() * libm::log(1.0 - share)))
            }
            Arrivals::Trace(ref times) => Instant::ZERO + *times.get(number as usize)?,
        })
    }
}

/// Seconds as whole nanoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates; times are not negative"
)]
fn nanos(seconds: f64) -> u64 {
    libm::round(seconds * 1e9) as u64
}

fn draw_link(group: &Group, rng: &mut Rng) -> Link {
    match &group.link {
        LinkDist::Fixed(link) => *link,
        LinkDist::Classes(classes) => {
            let mut ticket = rng.below(classes.iter().map(|(weight, _)| weight).sum());
            let drawn = classes.iter().find(|(weight, _)| {
                let here = ticket < *weight;
                ticket = ticket.saturating_sub(*weight);
                here
            });
            drawn.expect("the ticket is below the sum of the weights").1
        }
        LinkDist::Uniform(low, high) => {
            let place = rng.below(1_000_001);
            let between = |low: u64, high: u64| {
                low + (high - low) / 1_000_000 * place + (high - low) % 1_000_000 * place / 1_000_000
            };
            let either =
                |low: Option<u64>, high: Option<u64>| low.zip(high).map(|(low, high)| between(low, high));
            match (*low, *high) {
                (Link::Duplex { up, down }, Link::Duplex { up: up_high, down: down_high }) => {
                    Link::Duplex { up: either(up, up_high), down: either(down, down_high) }
                }
                (Link::Shared(low), Link::Shared(high)) => Link::Shared(between(low, high)),
                (link, _) => link,
            }
        }
    }
}

fn initial(pieces: &InitialPieces, geometry: &Geometry, rng: &mut Rng) -> Bitfield {
    let count = geometry.piece_count();
    match pieces {
        InitialPieces::None => Bitfield::none(count),
        InitialPieces::All => Bitfield::all(count),
        InitialPieces::Random(some) => {
            let mut order: Vec<u32> = (0..count).collect();
            rng.shuffle(&mut order);
            set(geometry, order.into_iter().take(*some as usize))
        }
        InitialPieces::SeedShare { ppm } => {
            if rng.chance(u64::from(*ppm), 1_000_000) {
                Bitfield::all(count)
            } else {
                Bitfield::none(count)
            }
        }
        InitialPieces::Exactly(list) => set(geometry, list.iter().copied()),
    }
}

fn set(geometry: &Geometry, pieces: impl Iterator<Item = u32>) -> Bitfield {
    let mut set = Bitfield::none(geometry.piece_count());
    for piece in pieces.filter_map(|piece| geometry.piece(piece)) {
        set.insert(piece);
    }
    set
}
