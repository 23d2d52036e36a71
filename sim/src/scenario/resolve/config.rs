//! A profile's choices with a scenario's own on top.

use std::time::Duration;

use minibit_core::Profile;
use minibit_core::config::{
    Announcing, Choking, Config, Connections, Encoding, Inventory, Limits, Lists, Requests, Timeouts,
};

use super::super::choices::{
    AnnounceInterval, Announcing as WrittenAnnouncing, AnnouncingNumbers, Choices, ChokingNumbers,
    Connections as WrittenConnections, Inventory as WrittenInventory, Limits as WrittenLimits, RequestsForm,
    Timeouts as WrittenTimeouts,
};
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::units::{Bytes, Time};
use super::super::values::Ceiling;

/// Most of anything that a peer counts: connections, slots, requests.
const MANY: u32 = 1_000_000;

/// The choices, changed where the scenario says so. `path` is where it does.
pub(super) fn applied(base: &Config, choices: &Choices, path: &FieldPath) -> Result<Config, Problem> {
    let mut config = *base;
    set(&mut config.pieces, choices.piece_selection);
    if let Some(written) = &choices.choking {
        config.choking = choking(config.choking, &written.0, &path.key("choking"))?;
    }
    if let Some(written) = &choices.requests {
        config.requests = requests(config.requests, &written.0, &path.key("requests"))?;
    }
    match &choices.inventory {
        None => {}
        Some(WrittenInventory::Have) => config.inventory = Inventory::Have,
        Some(WrittenInventory::HaveToAll) => config.inventory = Inventory::HaveToAll,
        Some(WrittenInventory::Tracker) => config.inventory = Inventory::Tracker,
        Some(WrittenInventory::Broadcast(written)) => {
            let interval = written.0.interval.duration();
            positive(interval, &path.key("inventory").key("broadcast"))?;
            let before = match config.inventory {
                Inventory::Broadcast { on_connect, .. } => on_connect,
                Inventory::Have | Inventory::HaveToAll | Inventory::Tracker => true,
            };
            let on_connect = written.0.on_connect.unwrap_or(before);
            config.inventory = Inventory::Broadcast { interval, on_connect };
        }
    }
    match choices.connections {
        None => {}
        Some(WrittenConnections::Lasting) => config.connections = Connections::Lasting,
        Some(WrittenConnections::PerPiece(number)) => {
            let mut parallel = 0;
            set_number(&mut parallel, Some(number), 1, &path.key("connections").key("per_piece"))?;
            config.connections = Connections::PerPiece { parallel };
        }
    }
    set(&mut config.handshake, choices.handshake);
    set(&mut config.interest, choices.interest);
    set(&mut config.fast_extension, choices.fast_extension);
    if !config.fast_extension {
        config.allowed_fast = 0;
    }
    set(&mut config.allowed_fast, choices.allowed_fast);
    ensure(config.fast_extension || config.allowed_fast == 0, || {
        Problem::new(
            &path.key("allowed_fast"),
            "allowed-fast pieces are a part of the fast extension, which is off",
        )
        .hint("write \"fast_extension\": true, too, or leave `allowed_fast` out")
    })?;
    set(&mut config.suggest, choices.suggest);
    set(&mut config.endgame, choices.endgame);
    set(&mut config.super_seeding, choices.super_seeding);
    set(&mut config.uploads, choices.uploads);
    set(&mut config.encoding, choices.encoding);
    if let Some(written) = &choices.timeouts {
        config.timeouts = timeouts(config.timeouts, written, &path.key("timeouts"))?;
    }
    if let Some(written) = &choices.limits {
        config.limits = limits(config.limits, written, &path.key("limits"))?;
    }
    match &choices.announcing {
        None => {}
        Some(WrittenAnnouncing::Flag(false)) => config.announcing = None,
        Some(WrittenAnnouncing::Flag(true)) => {
            config.announcing = config.announcing.or(Profile::default().config().announcing);
        }
        Some(WrittenAnnouncing::Numbers(written)) => {
            config.announcing = announcing(config.announcing, written, &path.key("announcing"))?;
        }
    }
    told_by_somebody(&config, path)?;
    Ok(config)
}

/// Sees to it that the encoding has a word for all that is said: without one it becomes JSON, unless it was `chosen` there.
pub(super) fn find_words(config: &mut Config, chosen: Option<&FieldPath>) -> Result<(), Problem> {
    let Some(kind) = config.unspoken() else { return Ok(()) };
    if let Some(path) = chosen {
        let what = format!("it has no word for `{}`, which the other choices call for", kind.name());
        return Err(
            Problem::new(&path.key("encoding"), what).hint("`json` and `bep3` have words for everything")
        );
    }
    config.encoding = Encoding::Json;
    Ok(())
}

/// Somebody has to say who has what: peers on their connections, or the tracker, to all of whom connections are opened for one piece.
fn told_by_somebody(config: &Config, path: &FieldPath) -> Result<(), Problem> {
    let tracker = config.announcing.is_some_and(|announcing| announcing.lists != Lists::Addresses);
    let hint = "write \"announcing\": {\"lists\": \"inventories\"}, too";
    ensure(tracker || config.announcing.is_none() || config.inventory != Inventory::Tracker, || {
        Problem::new(&path.key("inventory"), "neither the peers nor the tracker would say who has what")
            .hint(hint)
    })?;
    ensure(tracker || config.announcing.is_none() || config.connections == Connections::Lasting, || {
        let what = "nobody would know whom to ask for a piece: the tracker's list is to say who has it";
        Problem::new(&path.key("connections"), what).hint(hint)
    })
}

/// Takes the value when there is one.
fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn set_time(place: &mut Duration, value: Option<Time>, path: &FieldPath) -> Result<(), Problem> {
    if let Some(time) = value {
        positive(time.duration(), path)?;
        *place = time.duration();
    }
    Ok(())
}

fn positive(time: Duration, path: &FieldPath) -> Result<(), Problem> {
    ensure(time >= Duration::from_millis(1), || {
        Problem::new(path, format!("{time:?} is too short a time")).hint("at least \"1 ms\"")
    })
}

fn set_number(place: &mut u32, value: Option<u32>, min: u32, path: &FieldPath) -> Result<(), Problem> {
    if let Some(number) = value {
        ensure((min..=MANY).contains(&number), || {
            Problem::new(path, format!("{number} is not between {min} and {MANY}"))
                .hint("leave it out for the profile's own number")
        })?;
        *place = number;
    }
    Ok(())
}

fn choking(base: Choking, written: &ChokingNumbers, path: &FieldPath) -> Result<Choking, Problem> {
    let mut choking = base;
    set(&mut choking.algorithm, written.algorithm);
    set_number(&mut choking.slots, written.slots, 0, &path.key("slots"))?;
    set_number(&mut choking.optimistic_slots, written.optimistic_slots, 0, &path.key("optimistic_slots"))?;
    set_time(&mut choking.interval, written.interval, &path.key("interval"))?;
    set_time(
        &mut choking.optimistic_interval,
        written.optimistic_interval,
        &path.key("optimistic_interval"),
    )?;
    set_time(&mut choking.snub_after, written.snub_after, &path.key("snub_after"))?;
    set(&mut choking.immediate, written.immediate);
    match written.parallel_uploads {
        None => {}
        Some(Ceiling::Unlimited) => choking.parallel_uploads = None,
        Some(Ceiling::Number(number)) => {
            let path = path.key("parallel_uploads");
            ensure(number > 0, || {
                Problem::new(&path, "nobody would ever be served")
                    .hint("for a free rider write \"uploads\": false")
            })?;
            choking.parallel_uploads = Some(number);
        }
    }
    Ok(choking)
}

fn requests(base: Requests, written: &RequestsForm, path: &FieldPath) -> Result<Requests, Problem> {
    Ok(match written {
        RequestsForm::Pipelined { min, max, slack } => {
            let path = path.key("pipelined");
            let usual = Profile::default().config().requests;
            let before = if matches!(base, Requests::Pipelined { .. }) { base } else { usual };
            let (mut least, mut most, mut reach) = match before {
                Requests::Pipelined { min, max, slack } => (min, max, slack),
                Requests::Fixed(_) | Requests::Paced { .. } => (1, MANY, Duration::ZERO),
            };
            set_number(&mut least, *min, 1, &path.key("min"))?;
            set_number(&mut most, *max, 1, &path.key("max"))?;
            set(&mut reach, slack.map(Time::duration));
            let key = if max.is_some() { "max" } else { "min" };
            ensure(least <= most, || {
                Problem::new(&path.key(key), format!("at least {least} requests, but at most {most}"))
                    .hint("`min` is no larger than `max`")
            })?;
            Requests::Pipelined { min: least, max: most, slack: reach }
        }
        RequestsForm::Fixed(number) => {
            let mut fixed = 0;
            set_number(&mut fixed, Some(*number), 1, &path.key("fixed"))?;
            Requests::Fixed(fixed)
        }
        RequestsForm::Paced(paced) => {
            let interval = paced.0.interval.duration();
            positive(interval, &path.key("paced"))?;
            let before = matches!(base, Requests::Paced { ask_all_when_unknown: true, .. });
            let ask_all_when_unknown = paced.0.ask_all_when_unknown.unwrap_or(before);
            Requests::Paced { interval, ask_all_when_unknown }
        }
    })
}

fn timeouts(base: Timeouts, written: &WrittenTimeouts, path: &FieldPath) -> Result<Timeouts, Problem> {
    let mut timeouts = base;
    set_time(&mut timeouts.handshake, written.handshake, &path.key("handshake"))?;
    set_time(&mut timeouts.request, written.request, &path.key("request"))?;
    set_time(&mut timeouts.keep_alive, written.keep_alive, &path.key("keep_alive"))?;
    set_time(&mut timeouts.idle, written.idle, &path.key("idle"))?;
    set_time(&mut timeouts.reconnect, written.reconnect, &path.key("reconnect"))?;
    let key = if written.idle.is_some() { "idle" } else { "keep_alive" };
    ensure(timeouts.keep_alive < timeouts.idle, || {
        let (keep_alive, idle) = (timeouts.keep_alive, timeouts.idle);
        let what =
            format!("a peer that is silent for {idle:?} is gone, but peers say nothing for {keep_alive:?}");
        Problem::new(&path.key(key), what).hint("`keep_alive` is shorter than `idle`")
    })?;
    Ok(timeouts)
}

fn limits(base: Limits, written: &WrittenLimits, path: &FieldPath) -> Result<Limits, Problem> {
    let mut limits = base;
    set_number(&mut limits.connections, written.connections, 1, &path.key("connections"))?;
    // A lower limit lowers what depends on it, unless that is given, too.
    limits.dial_target = limits.dial_target.min(limits.connections);
    limits.half_open = limits.half_open.min(limits.connections);
    set_number(&mut limits.dial_target, written.dial_target, 0, &path.key("dial_target"))?;
    set_number(&mut limits.half_open, written.half_open, 1, &path.key("half_open"))?;
    set_number(&mut limits.queued_requests, written.queued_requests, 1, &path.key("queued_requests"))?;
    set_number(&mut limits.known_peers, written.known_peers, 1, &path.key("known_peers"))?;
    for (key, number) in [("dial_target", limits.dial_target), ("half_open", limits.half_open)] {
        ensure(number <= limits.connections, || {
            Problem::new(
                &path.key(key),
                format!("{number} is more than the {} `connections`", limits.connections),
            )
            .hint("raise `connections`, too")
        })?;
    }
    if let Some(Bytes(bytes)) = written.send_credit {
        limits.send_credit = u32::try_from(bytes).map_err(|_| {
            Problem::new(&path.key("send_credit"), format!("{bytes} bytes are too many"))
                .hint("less than 4 GiB")
        })?;
    }
    set(&mut limits.disk_high_water, written.disk_high_water.map(|bytes| bytes.0));
    set(&mut limits.disk_low_water, written.disk_low_water.map(|bytes| bytes.0));
    let key = if written.disk_low_water.is_some() { "disk_low_water" } else { "disk_high_water" };
    ensure(limits.disk_low_water <= limits.disk_high_water, || {
        Problem::new(&path.key(key), "the low water mark is above the high one")
            .hint("asking stops above `disk_high_water` and goes on below `disk_low_water`")
    })?;
    Ok(limits)
}

fn announcing(
    base: Option<Announcing>,
    written: &AnnouncingNumbers,
    path: &FieldPath,
) -> Result<Option<Announcing>, Problem> {
    let Some(mut announcing) = base.or(Profile::default().config().announcing) else { return Ok(None) };
    set_number(&mut announcing.numwant, written.numwant, 0, &path.key("numwant"))?;
    match written.interval {
        None => {}
        Some(AnnounceInterval::Tracker) => announcing.interval = None,
        Some(AnnounceInterval::Every(time)) => {
            positive(time.duration(), &path.key("interval"))?;
            announcing.interval = Some(time.duration());
        }
    }
    set(&mut announcing.on_piece, written.on_piece);
    set_number(&mut announcing.low_peers, written.low_peers, 0, &path.key("low_peers"))?;
    set(&mut announcing.lists, written.lists);
    set(&mut announcing.asks, written.asks);
    Ok(Some(announcing))
}
