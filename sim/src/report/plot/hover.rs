//! What the page's script says of what is under the pointer. Positions are in the drawing's own units.

use serde::Serialize;

use super::axis::Scale;
use super::canvas::FINENESS;
use super::palette::viridis;

/// What there is to say of a figure.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Hover {
    /// Of the cells of a heat map, whose values are read back from their colours.
    Cells(Cells),
    /// Of curves over a common axis.
    Curves(Curves),
    /// Of single points.
    Points {
        /// The points.
        points: Vec<Point>,
    },
}

/// A heat map.
#[derive(Clone, Debug, Serialize)]
pub struct Cells {
    /// Left, top, width and height.
    pub area: [f64; 4],
    /// Seconds at the right edge.
    pub end_s: f64,
    /// The colour of each share from 0 to 255.
    pub colours: Vec<[u8; 3]>,
    /// What each row shows.
    pub rows: Vec<String>,
    /// What is said of a grey cell, of a full one, and after the percentage of any other.
    pub words: [&'static str; 3],
}

/// Curves.
#[derive(Clone, Debug, Serialize)]
pub struct Curves {
    /// Left, top, width and height.
    pub area: [f64; 4],
    /// What is at the left and at the right edge, in the unit of the axis.
    pub from: f64,
    /// What is at the right edge.
    pub to: f64,
    /// The unit of the axis.
    pub unit: String,
    /// The unit of the values.
    pub value_unit: String,
    /// The curves.
    pub curves: Vec<Curve>,
}

/// A curve: its values at equal distances from the left to the right edge.
#[derive(Clone, Debug, Serialize)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Its values, with two digits.
    pub values: Vec<f64>,
}

/// A point.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// Position from the left.
    pub x: f64,
    /// Position from the top.
    pub y: f64,
    /// What is said there.
    pub text: String,
}

/// The colours that a heat map's values are read back from.
pub(super) fn colours() -> Vec<[u8; 3]> {
    (0..=255).map(viridis).map(|(red, green, blue)| [red, green, blue]).collect()
}

/// Columns at which the values of curves are told: every second pixel of a plot this wide.
pub(super) fn columns(left: f64, right: f64) -> impl Iterator<Item = f64> {
    let mut next = left;
    std::iter::from_fn(move || {
        let at = next;
        next += 2.0;
        (at <= right).then_some(at)
    })
}

/// Curves in a plot with these scales; `value` gives a curve's value at a value of the axis, in `value_unit`.
pub(super) fn curves<T>(
    items: &[T],
    (x, value_unit): (&Scale, &str),
    (left, right, top, bottom): (f64, f64, f64, f64),
    name: impl Fn(&T) -> String,
    value: impl Fn(&T, f64) -> f64,
) -> Hover {
    let last = columns(left, right).last().unwrap_or(left);
    let curve = |item: &T| Curve {
        name: name(item),
        values: columns(left, right).map(|at| two_digits(value(item, x.value(at)))).collect(),
    };
    Hover::Curves(Curves {
        area: [left, top, last - left, bottom - top],
        from: x.value(left) / x.divisor(),
        to: x.value(last) / x.divisor(),
        unit: x.unit().to_owned(),
        value_unit: value_unit.to_owned(),
        curves: items.iter().map(curve).collect(),
    })
}

fn two_digits(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Hover {
    /// The same, in the drawing's units and so much lower: figures place things below their head, in CSS pixels.
    pub(super) fn below(mut self, head: f64) -> Self {
        let moved = |[left, top, width, height]: [f64; 4]| {
            [left, top + head, width, height].map(|length| length * FINENESS)
        };
        match &mut self {
            Self::Cells(cells) => cells.area = moved(cells.area),
            Self::Curves(curves) => curves.area = moved(curves.area),
            Self::Points { points } => {
                for point in points {
                    (point.x, point.y) = (point.x * FINENESS, (point.y + head) * FINENESS);
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::Unit;
    use super::*;

    #[test]
    fn curves_tell_their_values_in_the_units_of_the_axes() {
        let x = Scale::new((0.0, 600_000.0), (100.0, 200.0), Unit::Time, 5.0, true);
        let hover = curves(
            &["a"],
            (&x, " %"),
            (100.0, 200.0, 10.0, 60.0),
            |name| (*name).to_owned(),
            |_, at| at / 6e3,
        );
        let Hover::Curves(told) = hover.below(5.0) else { panic!("curves") };
        assert_eq!(told.area.map(|length| format!("{length}")), ["400", "60", "400", "200"]);
        assert_eq!((told.unit.as_str(), told.from), (" h", 0.0));
        assert!((told.to - x.end() / 3600.0).abs() < 1e-9);
        assert_eq!(told.curves[0].values.len(), 51);
        assert!((told.curves[0].values[50] - x.end() / 6e3).abs() < 0.01);
    }
}
