//! What took how long.

use std::fmt::Write;
use std::time::{Duration, Instant};

/// Named spans of one run, in the order of their end.
#[derive(Default)]
pub(crate) struct Phases(Vec<(String, Duration)>);

impl Phases {
    /// Prints a heading, runs `work`, and keeps how long it took, also if it failed.
    pub(crate) fn time<T>(&mut self, name: &str, work: impl FnOnce() -> T) -> T {
        println!("== {name}");
        let start = Instant::now();
        let result = work();
        self.add(name, start.elapsed());
        result
    }

    /// Keeps a span that was measured elsewhere.
    pub(crate) fn add(&mut self, name: &str, took: Duration) {
        self.0.push((name.to_owned(), took));
    }

    /// One line for each, the slowest first.
    pub(crate) fn table(&self) -> String {
        let mut spans: Vec<_> = self.0.iter().collect();
        spans.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
        let mut text = String::new();
        for (name, took) in spans {
            writeln!(text, "{:>9}  {name}", seconds(*took)).expect("writing to a String cannot fail");
        }
        text
    }
}

/// `0.03 s`, `4.2 s`, `3 min 07 s`.
pub(crate) fn seconds(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    match seconds {
        _ if seconds < 1.0 => format!("{seconds:.2} s"),
        _ if seconds < 60.0 => format!("{seconds:.1} s"),
        _ => format!("{} min {:02} s", span.as_secs() / 60, span.as_secs() % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_phase_comes_first() {
        let mut phases = Phases::default();
        phases.add("quick", Duration::from_millis(31));
        phases.add("slow", Duration::from_secs(187));
        phases.add("medium", Duration::from_millis(4_200));
        assert_eq!(phases.table(), "3 min 07 s  slow\n    4.2 s  medium\n   0.03 s  quick\n");
    }
}
