//! From a series of sends, each hit or not, to the windows in which the path was not whole. Pure.

use std::time::Duration;

use super::outcome::Window;

/// Windows with less than this between them are one: a single packet that slips through does not make two outages of one.
pub(super) const MERGE_BELOW: Duration = Duration::from_millis(20);

/// Builds windows from sends as they are settled, in the order in which they were sent.
///
/// Memory grows with the number of windows, of which there are at most `1 / MERGE_BELOW` = 50 a second.
#[derive(Clone, Debug, Default)]
pub(super) struct Windows {
    closed: Vec<Window>,
    open: Option<Window>,
}

impl Windows {
    /// The next send: when it left, and whether it was hit (lost, late).
    ///
    /// `at` must not be before that of the call before.
    pub(super) fn push(&mut self, at: Duration, hit: bool) {
        if hit {
            self.hit(at);
        } else if let Some(mut window) = self.open.take() {
            window.length = at - window.start;
            self.closed.push(window);
        }
    }

    /// All windows, in the order of time. One that is still open ends at `end` and says so.
    pub(super) fn finish(mut self, end: Duration) -> Vec<Window> {
        if let Some(window) = self.open.take() {
            self.closed.push(Window { length: end.saturating_sub(window.start), open: true, ..window });
        }
        self.closed
    }

    fn hit(&mut self, at: Duration) {
        let mut window =
            self.open.take().or_else(|| self.reopen(at)).unwrap_or(Window { start: at, length: Duration::ZERO, hit: 0, open: false });
        window.hit += 1;
        self.open = Some(window);
    }

    /// The window before, if it ended so shortly before `at` that it goes on.
    fn reopen(&mut self, at: Duration) -> Option<Window> {
        self.closed.pop_if(|last| at - last.end() < MERGE_BELOW)
    }
}

/// One list of windows from several: what overlaps becomes one window, hit by all of them.
pub(super) fn union(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort_by_key(|window| window.start);
    let mut merged: Vec<Window> = Vec::new();
    for window in windows {
        match merged.last_mut().filter(|last| window.start <= last.end()) {
            Some(last) => {
                last.length = last.end().max(window.end()) - last.start;
                last.hit += window.hit;
                last.open |= window.open;
            }
            None => merged.push(window),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn windows(series: &[(Duration, bool)], end: Duration) -> Vec<Window> {
        let mut windows = Windows::default();
        for &(at, hit) in series {
            windows.push(at, hit);
        }
        windows.finish(end)
    }

    /// One send a millisecond; `x` is hit.
    fn drawn(series: &str) -> Vec<(u64, u64, u64, bool)> {
        let sends: Vec<_> = series.chars().enumerate().map(|(i, c)| (ms(i as u64), c == 'x')).collect();
        let found = windows(&sends, ms(sends.len() as u64));
        found.iter().map(|w| (w.start.as_millis() as u64, w.length.as_millis() as u64, w.hit, w.open)).collect()
    }

    #[test]
    fn nothing_lost_is_no_window() {
        assert_eq!(drawn(""), []);
        assert_eq!(drawn("................"), []);
    }

    #[test]
    fn a_window_goes_from_the_first_lost_to_the_first_delivered_send() {
        assert_eq!(drawn("...xxxx......"), [(3, 4, 4, false)]);
    }

    #[test]
    fn an_outage_that_lasts_to_the_end_is_open() {
        assert_eq!(drawn("...xxxx"), [(3, 4, 4, true)]);
    }

    #[test]
    fn losses_less_than_20_ms_apart_are_one_window() {
        // Delivered again at 1 ms; the next loss at 20 ms comes 19 ms later, at 21 ms 20 ms later.
        assert_eq!(drawn("x...................x...."), [(0, 21, 2, false)]);
        assert_eq!(drawn("x....................x...."), [(0, 1, 1, false), (21, 1, 1, false)]);
    }

    #[test]
    fn union_joins_what_overlaps_and_keeps_the_rest() {
        let window = |start, length, open| Window { start: ms(start), length: ms(length), hit: 1, open };
        let joined = union(vec![window(50, 30, false), window(0, 10, false), window(5, 20, false), window(60, 5, true)]);
        assert_eq!(joined, [Window { hit: 2, ..window(0, 25, false) }, Window { hit: 2, ..window(50, 30, true) }]);
    }

    /// Sends in the order of time, up to 30 ms apart, in runs of hit and not hit.
    fn series() -> impl Strategy<Value = Vec<(Duration, bool)>> {
        let run = (any::<bool>(), prop::collection::vec(0_u64..30_000, 1..12));
        prop::collection::vec(run, 0..40).prop_map(|runs| {
            let mut at = Duration::ZERO;
            let mut sends = Vec::new();
            for (hit, gaps) in runs {
                for gap in gaps {
                    at += Duration::from_micros(gap);
                    sends.push((at, hit));
                }
            }
            sends
        })
    }

    /// The definition, word by word and without increments: runs of hit sends, then merging.
    fn by_definition(series: &[(Duration, bool)], end: Duration) -> Vec<Window> {
        let mut found: Vec<Window> = Vec::new();
        let mut next = 0;
        for run in series.chunk_by(|a, b| a.1 == b.1) {
            next += run.len();
            if run[0].1 {
                let start = run[0].0;
                let until = series.get(next).map_or(end, |(at, _)| *at);
                found.push(Window { start, length: until - start, hit: run.len() as u64, open: next == series.len() });
            }
        }
        found.into_iter().fold(Vec::new(), |mut merged, window| {
            match merged.last_mut().filter(|last: &&mut Window| window.start - last.end() < MERGE_BELOW) {
                Some(last) => {
                    *last = Window { start: last.start, length: window.end() - last.start, hit: last.hit + window.hit, open: window.open }
                }
                None => merged.push(window),
            }
            merged
        })
    }

    proptest! {
        #[test]
        fn built_step_by_step_as_defined(series in series(), tail in 0_u64..50) {
            let end = series.last().map_or(Duration::ZERO, |last| last.0) + ms(tail);
            prop_assert_eq!(windows(&series, end), by_definition(&series, end));
        }

        #[test]
        fn every_hit_send_is_counted_once_and_lies_in_a_window(series in series()) {
            let end = series.last().map_or(Duration::ZERO, |last| last.0) + ms(1);
            let found = windows(&series, end);
            let hits: Vec<_> = series.iter().filter(|(_, hit)| *hit).collect();
            prop_assert_eq!(found.iter().map(|w| w.hit).sum::<u64>(), hits.len() as u64);
            for (at, _) in hits {
                prop_assert!(found.iter().any(|w| w.start <= *at && *at <= w.end()));
            }
        }

        #[test]
        fn windows_are_ordered_apart_and_only_the_last_is_open(series in series()) {
            let end = series.last().map_or(Duration::ZERO, |last| last.0) + ms(1);
            let found = windows(&series, end);
            for pair in found.windows(2) {
                prop_assert!(pair[1].start - pair[0].end() >= MERGE_BELOW);
                prop_assert!(!pair[0].open);
            }
            prop_assert_eq!(found.last().is_some_and(|w| w.open), series.last().is_some_and(|s| s.1));
        }

        #[test]
        fn union_is_ordered_disjoint_and_forgets_nothing(parts in prop::collection::vec((0_u64..500, 1_u64..60), 0..30)) {
            let windows: Vec<_> =
                parts.iter().map(|&(start, length)| Window { start: ms(start), length: ms(length), hit: 1, open: false }).collect();
            let joined = union(windows.clone());
            prop_assert_eq!(joined.iter().map(|w| w.hit).sum::<u64>(), windows.len() as u64);
            for pair in joined.windows(2) {
                prop_assert!(pair[0].end() < pair[1].start);
            }
            for t in 0..560 {
                let inside = |list: &[Window]| list.iter().any(|w| w.start <= ms(t) && ms(t) < w.end());
                prop_assert_eq!(inside(&windows), inside(&joined));
            }
        }
    }
}
