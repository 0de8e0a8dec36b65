//! When an established connection was silent for too long. Pure; moments are passed in.

use std::time::Duration;

use super::outcome::Window;

/// Silence from this length on is a stall: ten records long.
pub(super) const STALL: Duration = Duration::from_millis(100);

/// Watches the answers on one connection, and on those that replace it when it dies.
///
/// Silence is counted only while an answer is due: from the last answer, or from the first record without one if that was later.
/// A machine too busy to send is not taken for a path that does not carry.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    last_answer: Option<Duration>,
    /// Since when the connection that died had been silent.
    dead_since: Option<Duration>,
    stalls: Vec<Window>,
}

impl Gaps {
    /// The oldest unanswered record, sent at `sent`, is answered; `waiting` records had no answer up to now.
    pub(super) fn answered(&mut self, sent: Duration, now: Duration, waiting: u64) {
        let since = self.dead_since.take().unwrap_or_else(|| self.silent_since(sent));
        self.last_answer = Some(now);
        let length = now.saturating_sub(since);
        if length >= STALL {
            self.stalls.push(Window { start: since, length, hit: waiting, open: false });
        }
    }

    /// The connection died. `oldest` is when its oldest unanswered record was sent, if there is one.
    pub(super) fn died(&mut self, oldest: Option<Duration>, now: Duration) {
        let since = oldest.map_or(now, |sent| self.silent_since(sent));
        self.dead_since.get_or_insert(since);
    }

    /// All stalls; silence that lasts to `end` is an open one. `waiting`: when the oldest unanswered record was sent, and how many there are.
    pub(super) fn finish(mut self, waiting: Option<(Duration, u64)>, end: Duration) -> Vec<Window> {
        let since = self.dead_since.or_else(|| waiting.map(|(sent, _)| self.silent_since(sent)));
        if let Some(since) = since
            && let Some(length) = end.checked_sub(since).filter(|length| *length >= STALL)
        {
            self.stalls.push(Window { start: since, length, hit: waiting.map_or(0, |(_, records)| records), open: true });
        }
        self.stalls
    }

    fn silent_since(&self, sent: Duration) -> Duration {
        self.last_answer.map_or(sent, |last| last.max(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn window(start: u64, length: u64, hit: u64, open: bool) -> Window {
        Window { start: ms(start), length: ms(length), hit, open }
    }

    #[test]
    fn prompt_answers_are_no_stall() {
        let mut gaps = Gaps::default();
        (0..50).for_each(|n| gaps.answered(ms(n * 10), ms(n * 10 + 99), 1));
        assert_eq!(gaps.finish(None, ms(600)), []);
    }

    #[test]
    fn silence_counts_from_the_last_answer() {
        let mut gaps = Gaps::default();
        gaps.answered(ms(0), ms(15), 1);
        // The record of 10 ms was under way when the path broke; everything comes at 300 ms.
        gaps.answered(ms(10), ms(300), 29);
        gaps.answered(ms(20), ms(300), 28);
        assert_eq!(gaps.finish(None, ms(400)), [window(15, 285, 29, false)]);
    }

    #[test]
    fn a_sender_that_paused_is_no_stall() {
        let mut gaps = Gaps::default();
        gaps.answered(ms(0), ms(1), 1);
        gaps.answered(ms(500), ms(501), 1);
        assert_eq!(gaps.finish(None, ms(502)), []);
    }

    #[test]
    fn a_death_is_a_stall_until_the_next_connection_answers() {
        let mut gaps = Gaps::default();
        gaps.answered(ms(0), ms(1), 1);
        gaps.died(Some(ms(10)), ms(40));
        gaps.died(None, ms(80));
        gaps.answered(ms(700), ms(701), 1);
        assert_eq!(gaps.finish(None, ms(702)), [window(10, 691, 1, false)]);
    }

    #[test]
    fn silence_at_the_end_is_open() {
        let mut gaps = Gaps::default();
        gaps.answered(ms(0), ms(1), 1);
        assert_eq!(gaps.clone().finish(Some((ms(10), 5)), ms(60)), []);
        assert_eq!(gaps.finish(Some((ms(10), 5)), ms(510)), [window(10, 500, 5, true)]);
    }
}
