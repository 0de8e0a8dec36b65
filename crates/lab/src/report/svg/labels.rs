//! Where the labels of marks stand: in lanes above the plot, so that no label covers another one or is crossed by a line.

/// Between the end of a label and the next mark in the same lane.
const GAP: f64 = 10.0;

/// A label to be placed: where its mark is, how wide it is there, and how much room there is to the mark's left and right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) room_left: f64,
    pub(super) room_right: f64,
}

impl Label {
    /// Where it ends on the right of its mark; what does not fit is cut off.
    fn end(&self) -> f64 {
        self.x + self.width.min(self.room_right)
    }
}

/// Where a label stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// On which side of its mark's line.
    pub(super) side: Side,
    /// How many lanes above the lowest.
    pub(super) lane: usize,
}

/// A side of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The label ends at the line.
    Left,
    /// The label begins at the line.
    Right,
}

/// Places labels, given in the order of `x`, as low as possible.
///
/// From each label a line goes straight down. So a label has to lie above all that begin inside it, lines included; one on the left
/// side of its mark is allowed only where no other mark is, and then only has to keep out of the way of the labels in its lane.
pub(super) fn place(labels: &[Label]) -> Vec<Place> {
    let mut places: Vec<Place> = vec![Place { side: Side::Right, lane: 0 }; labels.len()];
    // From the right, so that everything that a label could begin inside of is placed already.
    for (index, label) in labels.iter().enumerate().rev() {
        let placed = || labels.iter().zip(&places).skip(index + 1);
        let right = placed().filter(|(other, _)| other.x < label.end() + GAP).map(|(_, place)| place.lane + 1).max().unwrap_or(0);
        let right = (right..).find(|lane| !placed().any(|(other, place)| meets(label, other, *place, *lane))).unwrap_or(right);
        let alone = index == 0 || labels[index - 1].x < label.x - label.width - GAP;
        let left_is_better = right > 0 || label.width > label.room_right;
        places[index] = if alone && left_is_better && label.width <= label.room_left {
            Place { side: Side::Left, lane: 0 }
        } else {
            Place { side: Side::Right, lane: right }
        };
    }
    places
}

/// Whether a label on the right of its mark would lie on one that is placed on the left of another mark, in the same lane.
fn meets(label: &Label, other: &Label, place: Place, lane: usize) -> bool {
    place.side == Side::Left && place.lane == lane && other.x - other.width < label.end() + GAP
}

/// About the width of a text in a sans-serif face of this size; a little too large rather than too small.
pub(super) fn width(text: &str, size: f64) -> f64 {
    text.chars().map(advance).sum::<f64>() * size
}

/// The beginning of the text that fits into the width, with an ellipsis where something is left out.
pub(super) fn fit(text: &str, size: f64, room: f64) -> String {
    if width(text, size) <= room {
        return text.to_owned();
    }
    let mut fitting = String::new();
    for letter in text.chars() {
        if width(&fitting, size) + (advance(letter) + advance('…')) * size > room {
            break;
        }
        fitting.push(letter);
    }
    format!("{}…", fitting.trim_end())
}

/// Share of the font size: a little more than in Arial and Segoe UI, about as much as in the wide DejaVu Sans.
fn advance(letter: char) -> f64 {
    match letter {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' => 0.31,
        'f' | 't' | 'r' | '(' | ')' | '-' | '/' | '`' => 0.39,
        'm' | 'M' | 'w' | 'W' | '→' | '…' | '@' | '%' => 0.95,
        'A'..='Z' | '&' => 0.7,
        _ => 0.61,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(x: f64, width: f64) -> Label {
        Label { x, width, room_left: x, room_right: 600.0 - x }
    }

    fn lanes(labels: &[(f64, f64)]) -> Vec<(Side, usize)> {
        let labels: Vec<_> = labels.iter().map(|(x, width)| label(*x, *width)).collect();
        place(&labels).iter().map(|place| (place.side, place.lane)).collect()
    }

    #[test]
    fn labels_with_room_share_the_lowest_lane() {
        assert_eq!(lanes(&[(0.0, 50.0), (100.0, 50.0), (200.0, 50.0)]), [(Side::Right, 0); 3]);
    }

    #[test]
    fn crowded_labels_descend_like_stairs() {
        let stairs = lanes(&[(0.0, 50.0), (10.0, 50.0), (20.0, 50.0), (100.0, 50.0)]);
        assert_eq!(stairs, [(Side::Right, 2), (Side::Right, 1), (Side::Right, 0), (Side::Right, 0)]);
    }

    #[test]
    fn a_label_goes_to_the_left_where_that_saves_a_lane_or_its_end() {
        assert_eq!(lanes(&[(100.0, 50.0), (120.0, 50.0)]), [(Side::Left, 0), (Side::Right, 0)]);
        assert_eq!(lanes(&[(570.0, 50.0)]), [(Side::Left, 0)]);
    }

    #[test]
    fn a_text_is_cut_where_the_room_ends() {
        assert_eq!(fit("gateway", 12.0, 100.0), "gateway");
        let cut = fit("gateway B is ready and stands by", 12.0, 100.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0) <= 100.0, "{cut}");
    }

    proptest! {
        /// Neither labels nor the lines below them ever meet.
        #[test]
        fn nothing_overlaps(mut spots in prop::collection::vec((0.0_f64..600.0, 10.0_f64..200.0), 0..25)) {
            spots.sort_by(|a, b| a.0.total_cmp(&b.0));
            let labels: Vec<_> = spots.iter().map(|(x, width)| label(*x, *width)).collect();
            let placed: Vec<_> = labels.iter().zip(place(&labels)).map(|(label, place)| {
                let (start, end) = match place.side {
                    Side::Left => (label.x - label.width, label.x),
                    Side::Right => (label.x, label.end()),
                };
                (start, end, label.x, place.lane)
            }).collect();
            for (i, (start, end, _, lane)) in placed.iter().enumerate() {
                for (j, (other_start, other_end, line, other_lane)) in placed.iter().enumerate().filter(|(j, _)| *j != i) {
                    prop_assert!(lane != other_lane || end <= other_start || other_end <= start, "labels {i} and {j} in {placed:?}");
                    // The line of j goes from its lane down.
                    prop_assert!(other_lane <= lane || line <= start || line >= end, "label {i} and line {j} in {placed:?}");
                }
            }
        }
    }
}
