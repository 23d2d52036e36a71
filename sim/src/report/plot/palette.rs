//! Colours: Okabe and Ito's for groups and classes (distinguishable with any colour vision), viridis for shares.

/// A colour and its opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Red, green, blue.
    pub rgb: (u8, u8, u8),
    /// 1 is opaque.
    pub alpha: f64,
}

const fn hex(rgb: u32) -> Colour {
    let [_, red, green, blue] = rgb.to_be_bytes();
    Colour { rgb: (red, green, blue), alpha: 1.0 }
}

/// Titles, labels. The page recolours this and the next four in dark mode, by their values.
pub const INK: Colour = hex(0x001F_2937);
/// Subtitles, ticks.
pub const MUTED: Colour = hex(0x006B_7280);
/// Axes and outlines.
pub const AXIS: Colour = hex(0x009C_A3AF);
/// Grid lines.
pub const GRID: Colour = hex(0x00E5_E7EB);
/// What is not there: bars of those who did not finish.
pub const GHOST: Colour = hex(0x00D1_D5DB);
/// Outlines on the heat map, in dark mode too.
pub const BLACK: Colour = hex(0x0011_1111);
/// Words on light cells: on a ground of middle lightness only all of black can be read.
const PITCH: Colour = hex(0);
/// Gaps between rows of the heat map: the page gives them its own background.
pub const WHITE: Colour = hex(0x00FF_FFFF);
/// Lines on the heat map, in dark mode too: not quite white, by which the page tells it from gaps.
pub const LIGHT: Colour = hex(0x00FE_FEFE);

/// Below, on maps of changes, in dark mode too: not quite the first of the series, which the page lightens there.
pub const BELOW: Colour = hex(0x0000_72B3);
/// Above, on maps of changes.
pub const ABOVE: Colour = hex(0x00D5_5E00);
/// Neither, on maps of changes: in dark mode too.
pub const UNDECIDED: Colour = hex(0x00E6_E6E6);

/// Okabe and Ito's colours without yellow, the strongest contrasts first.
const SERIES: [Colour; 6] = [
    hex(0x0000_72B2),
    hex(0x00D5_5E00),
    hex(0x0000_9E73),
    hex(0x00CC_79A7),
    hex(0x00E6_9F00),
    hex(0x0056_B4E9),
];

/// The colour of group or class number `index`; those after the sixth share grey.
pub fn series(index: usize) -> Colour {
    SERIES.get(index).copied().unwrap_or(MUTED)
}

impl Colour {
    /// The same colour, less opaque.
    pub const fn faded(self, alpha: f64) -> Self {
        Self { rgb: self.rgb, alpha }
    }

    /// The same colour mixed with white: all of it at 1, none at 0. Opaque, so that no page shines through.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
    pub fn tint(self, share: f64) -> Self {
        let mix = |part: u8| (255.0 - (255.0 - f64::from(part)) * share.clamp(0.0, 1.0)).round() as u8;
        let (red, green, blue) = self.rgb;
        Self { rgb: (mix(red), mix(green), mix(blue)), alpha: 1.0 }
    }

    /// White or black, whichever is easier to read on it: their contrast to it is 4.58 at least.
    pub fn ink(self) -> Self {
        if self.contrast(WHITE) >= self.contrast(PITCH) { WHITE } else { PITCH }
    }

    /// How well one of two opaque colours is read on the other, from 1 to 21 (WCAG 2.2).
    fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// Relative luminance, from 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { libm::pow((part + 0.055) / 1.055, 2.4) }
        };
        let (red, green, blue) = self.rgb;
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }
}

/// Control points of viridis (Smith and van der Walt, 2015) at equal distances.
const VIRIDIS: [(u8, u8, u8); 11] = [
    (68, 1, 84),
    (72, 36, 117),
    (65, 68, 135),
    (53, 95, 141),
    (42, 120, 142),
    (33, 145, 140),
    (34, 168, 132),
    (68, 191, 112),
    (122, 209, 81),
    (189, 223, 38),
    (253, 231, 37),
];

/// The colour of a share between 0 and 255, in integers so that it is the same everywhere.
pub fn viridis(level: u8) -> (u8, u8, u8) {
    let position = usize::from(level) * (VIRIDIS.len() - 1);
    let (below, weight) = (position / 255, position % 255);
    let (low, high) = (VIRIDIS[below], VIRIDIS[(below + 1).min(VIRIDIS.len() - 1)]);
    let mix = |low: u8, high: u8| {
        let mixed = (usize::from(low) * (255 - weight) + usize::from(high) * weight + 127) / 255;
        u8::try_from(mixed).unwrap_or(u8::MAX)
    };
    (mix(low.0, high.0), mix(low.1, high.1), mix(low.2, high.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_can_be_read_on_every_colour_of_a_cell() {
        assert!((WHITE.contrast(PITCH) - 21.0).abs() < 1e-9 && (INK.contrast(INK) - 1.0).abs() < 1e-9);
        let shares = (0..=255).map(|level| Colour { rgb: viridis(level), alpha: 1.0 });
        let changes = (0..=100).flat_map(|i| [BELOW, ABOVE].map(|colour| colour.tint(f64::from(i) / 100.0)));
        for ground in shares.chain(changes).chain([UNDECIDED]) {
            let contrast = ground.contrast(ground.ink());
            assert!(contrast >= 4.5, "{contrast} on {ground:?}");
        }
    }

    #[test]
    fn viridis_meets_its_ends_and_never_repeats() {
        assert_eq!((viridis(0), viridis(255)), (VIRIDIS[0], VIRIDIS[10]));
        // The page reads shares back from colours: half a per cent too low or too high at most.
        for level in 0..254 {
            assert_ne!(viridis(level), viridis(level + 2), "level {level}");
        }
    }
}
