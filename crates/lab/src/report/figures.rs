//! How numbers are written for people.

use std::time::Duration;

/// A length of time with three digits or so: `0.24 ms`, `31 ms`, `312 ms`, `4.21 s`, `42.1 s`.
pub fn length(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 9.995 {
        format!("{ms:.2} ms")
    } else if ms < 999.5 {
        format!("{ms:.0} ms")
    } else if ms < 9_995.0 {
        format!("{:.2} s", ms / 1e3)
    } else {
        format!("{:.1} s", ms / 1e3)
    }
}

/// A moment of a run: seconds with milliseconds.
pub fn moment(at: Duration) -> String {
    format!("{:.3} s", at.as_secs_f64())
}

/// A count, its thousands set apart: `24,012`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its noun: `1 connection`, `20 connections`.
pub fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

/// Distance of the ticks of an axis of this length: 1, 2 or 5 times a power of ten in seconds, so that there are at most `most` steps.
pub fn tick(length: Duration, most: u32) -> Duration {
    let most = u128::from(most.max(1));
    let steps = (0..).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u128.pow(power)));
    let step = steps.into_iter().find(|ms| length.as_millis() <= ms * most).expect("steps grow beyond every length");
    Duration::from_millis(u64::try_from(step).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_digits() {
        let texts = [0, 240, 9_994, 9_996, 31_400, 999_400, 999_600, 4_212_000, 42_120_000].map(|us| length(Duration::from_micros(us)));
        assert_eq!(texts, ["0.00 ms", "0.24 ms", "9.99 ms", "10 ms", "31 ms", "999 ms", "1.00 s", "4.21 s", "42.1 s"]);
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1_000, 24_012, 1_234_567].map(count), ["0", "999", "1,000", "24,012", "1,234,567"]);
    }

    #[test]
    fn ticks_are_round_and_few() {
        let seconds = [0.0, 0.8, 9.9, 10.0, 10.1, 24.0, 60.0, 600.0].map(|s| tick(Duration::from_secs_f64(s), 10).as_secs_f64());
        assert_eq!(seconds, [0.001, 0.1, 1.0, 1.0, 2.0, 5.0, 10.0, 100.0]);
    }
}
