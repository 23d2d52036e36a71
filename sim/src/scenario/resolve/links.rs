//! Access links of groups and of the tracker.

use super::super::file::{Defaults, Group, LinkClass};
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::units::Rate;
use super::super::values::LinkRate;
use super::super::{Link, LinkDist};

/// A link as it is written.
#[derive(Clone, Copy)]
pub(super) struct Rates {
    pub(super) up: Option<LinkRate>,
    pub(super) down: Option<LinkRate>,
    pub(super) capacity: Option<LinkRate>,
}

impl Rates {
    /// Is anything given?
    pub(super) const fn any(self) -> bool {
        self.up.is_some() || self.down.is_some() || self.capacity.is_some()
    }
}

/// The links of a group. What it says itself replaces the defaults; `up` and `down` do so one by one.
pub(super) fn link(
    group: &Group,
    defaults: &Defaults,
    path: &FieldPath,
    above: &FieldPath,
) -> Result<LinkDist, Problem> {
    let own = Rates { up: group.up, down: group.down, capacity: group.capacity };
    let inherited = Rates { up: defaults.up, down: defaults.down, capacity: defaults.capacity };
    not_with_classes(own, group.classes.is_some(), path)?;
    not_with_classes(inherited, defaults.classes.is_some(), above)?;
    if let Some(classes) = &group.classes {
        return self::classes(classes, &path.key("classes"));
    }
    if own.any() {
        let both = |own: Option<LinkRate>, other: Option<LinkRate>| {
            own.or(if group.capacity.is_some() { None } else { other })
        };
        let rates = Rates {
            up: both(own.up, inherited.up),
            down: both(own.down, inherited.down),
            capacity: own.capacity,
        };
        return drawn_link(rates, path);
    }
    if let Some(classes) = &defaults.classes {
        return self::classes(classes, &above.key("classes"));
    }
    if inherited.any() {
        return drawn_link(inherited, above);
    }
    Err(Problem::new(path, format!("the group `{}` has no link", group.name)).hint(
        "add `up` and `down`, `capacity` for both together, or `classes`; \"unlimited\" is a rate, too",
    ))
}

fn not_with_classes(rates: Rates, classes: bool, path: &FieldPath) -> Result<(), Problem> {
    ensure(!(classes && rates.any()), || {
        Problem::new(&path.key("classes"), "the link is given twice: by `classes` and by itself")
            .hint("leave `up`, `down` and `capacity` out, or `classes`")
    })
}

fn classes(classes: &[LinkClass], path: &FieldPath) -> Result<LinkDist, Problem> {
    ensure(!classes.is_empty(), || {
        Problem::new(path, "there is no class").hint("write e.g. [{\"weight\": 3, \"up\": \"1 Mbit/s\"}]")
    })?;
    let mut links = Vec::with_capacity(classes.len());
    let mut total = 0;
    for (i, class) in classes.iter().enumerate() {
        let path = path.index(i);
        let weight = class.weight.unwrap_or(1);
        ensure(weight <= 1_000_000_000, || {
            Problem::new(&path.key("weight"), format!("the weight {weight} is too large"))
                .hint("only proportions count")
        })?;
        total += weight;
        let rates = Rates { up: class.up, down: class.down, capacity: class.capacity };
        ensure(rates.any(), || {
            Problem::new(&path, "the class has no link")
                .hint("add `up` and `down`, or `capacity` for both together")
        })?;
        links.push((weight, one_link(rates, &path)?));
    }
    ensure(total > 0, || Problem::new(path, "all weights are 0").hint("at least one class has a weight"))?;
    Ok(LinkDist::Classes(links))
}

/// A link that nothing is drawn for.
pub(super) fn one_link(rates: Rates, path: &FieldPath) -> Result<Link, Problem> {
    for (key, rate) in [("up", rates.up), ("down", rates.down), ("capacity", rates.capacity)] {
        ensure(!matches!(rate, Some(LinkRate::Uniform(_))), || {
            Problem::new(&path.key(key), "only the rates of a group are drawn").hint("write one rate")
        })?;
    }
    match drawn_link(rates, path)? {
        LinkDist::Fixed(link) | LinkDist::Uniform(link, _) => Ok(link),
        LinkDist::Classes(_) => unreachable!("classes are not rates"),
    }
}

fn drawn_link(rates: Rates, path: &FieldPath) -> Result<LinkDist, Problem> {
    if let Some(capacity) = rates.capacity {
        for (key, rate) in [("up", rates.up), ("down", rates.down)] {
            ensure(rate.is_none(), || {
                Problem::new(&path.key(key), format!("the link is given twice: by `capacity` and by `{key}`"))
                    .hint("`capacity` is for both directions together; use it alone, or `up` and `down`")
            })?;
        }
        let path = path.key("capacity");
        let unlimited = || {
            Problem::new(&path, "two directions cannot share a capacity without limit")
                .hint("write \"up\": \"unlimited\" and \"down\": \"unlimited\"")
        };
        let (low, high) = range(capacity, &path)?;
        let (low, high) = (low.ok_or_else(unlimited)?, high.ok_or_else(unlimited)?);
        return Ok(dist(Link::Shared(low), Link::Shared(high)));
    }
    let up = range(rates.up.unwrap_or(LinkRate::Unlimited), &path.key("up"))?;
    let down = range(rates.down.unwrap_or(LinkRate::Unlimited), &path.key("down"))?;
    Ok(dist(Link::Duplex { up: up.0, down: down.0 }, Link::Duplex { up: up.1, down: down.1 }))
}

fn dist(low: Link, high: Link) -> LinkDist {
    if low == high { LinkDist::Fixed(low) } else { LinkDist::Uniform(low, high) }
}

/// The lowest and the highest rate.
fn range(rate: LinkRate, path: &FieldPath) -> Result<(Option<u64>, Option<u64>), Problem> {
    let (low, high) = match rate {
        LinkRate::Unlimited => return Ok((None, None)),
        LinkRate::Fixed(Rate(rate)) => (rate, rate),
        LinkRate::Uniform([Rate(low), Rate(high)]) => (low, high),
    };
    ensure(low > 0, || {
        Problem::new(path, "nothing, not even a request, passes a link of rate 0")
            .hint("for peers that upload no blocks write \"uploads\": false")
    })?;
    ensure(low <= high, || {
        Problem::new(path, "the lower rate is above the upper one").hint("the smaller one comes first")
    })?;
    Ok((Some(low), Some(high)))
}
