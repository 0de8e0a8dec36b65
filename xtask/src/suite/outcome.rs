//! Reads what cargo and libtest print.

use std::fmt;
use std::time::Duration;

/// Starts the names of what rustdoc runs.
const EXAMPLES: &str = "examples of ";

/// Counts over all test programs. Displayed, its last line is `N passed, N failed`.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    counts: Counts,
    times: Vec<(Duration, String)>,
    running: Option<Program>,
}

/// What libtest sums up in a line.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    ignored: usize,
    left_out: usize,
}

/// A test program, of which cargo runs one after the other.
#[derive(Debug)]
struct Program {
    name: String,
    /// What it said last: a failed test that is a process of its own has its output, with such a line, shown before. Examples come
    /// in batches, each with a line.
    counts: Option<Counts>,
    /// Cargo said that it failed.
    failed: bool,
}

impl Outcome {
    /// Takes in a line that cargo or a test program wrote.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(name) = program(line) {
            self.close();
            self.running = Some(Program { name, counts: None, failed: false });
            return;
        }
        let Some(program) = &mut self.running else { return };
        if let Some(text) = line.strip_prefix("test result: ") {
            let before = program.counts.filter(|_| program.name.starts_with(EXAMPLES)).unwrap_or_default();
            program.counts = Some(Counts::parse(text).plus(before));
        } else if line.starts_with("error: test failed") || line.starts_with("error: doctest failed") {
            program.failed = true;
        } else if let Some((name, took)) = time(line) {
            self.times.push((took, format!("{}: {name}", program.name)));
        }
    }

    /// Takes in how cargo itself ended.
    pub(crate) fn ended(&mut self, success: bool) {
        self.close();
        if !success && self.counts.failed == 0 {
            self.counts.failed = 1;
        }
    }

    /// A program with a harness of its own counts as one test; one that crashed has counted nothing, and must not pass for that.
    fn close(&mut self) {
        let Some(program) = self.running.take() else { return };
        let mut counts = program.counts.unwrap_or(Counts { passed: usize::from(!program.failed), ..Counts::default() });
        if program.failed && counts.failed == 0 {
            counts.failed = 1;
        }
        self.counts = self.counts.plus(counts);
    }

    /// Tests that a flag of ours left out.
    pub(crate) fn left_out(&self) -> usize {
        self.counts.left_out
    }

    /// Whether something ran and nothing failed.
    pub(crate) fn is_good(&self) -> bool {
        self.counts.failed == 0 && self.counts.passed > 0
    }

    /// The slowest tests, each with its program.
    pub(crate) fn slowest(&self, count: usize) -> Vec<(Duration, &str)> {
        let mut times: Vec<_> = self.times.iter().map(|(took, name)| (*took, name.as_str())).collect();
        times.sort_by(|a, b| b.cmp(a));
        times.truncate(count);
        times
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { passed, failed, ignored, left_out: _ } = self.counts;
        if ignored > 0 {
            writeln!(f, "{ignored} marked as ignored were not run")?;
        }
        if passed + failed == 0 {
            writeln!(f, "no test has such a name")?;
        }
        write!(f, "{passed} passed, {failed} failed")
    }
}

impl Counts {
    /// Reads `ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; …`.
    fn parse(text: &str) -> Self {
        let words: Vec<_> = text.split([' ', ';']).collect();
        let count = |what| words.windows(2).find(|pair| pair[1] == what).and_then(|pair| pair[0].parse().ok()).unwrap_or(0);
        Self { passed: count("passed"), failed: count("failed"), ignored: count("ignored"), left_out: count("filtered") }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
            left_out: self.left_out + other.left_out,
        }
    }
}

/// `hybridge_model` of `     Running unittests src/lib.rs (target/debug/deps/hybridge_model-0123456789abcdef)`.
fn program(line: &str) -> Option<String> {
    if let Some(library) = line.trim_start().strip_prefix("Doc-tests ") {
        return Some(format!("{EXAMPLES}{library}"));
    }
    let (source, path) = line.trim_start().strip_prefix("Running ")?.strip_suffix(')')?.split_once(" (")?;
    let file = path.rsplit('/').next()?;
    let name = file.rsplit_once('-').map_or(file, |(name, _hash)| name);
    Some(match source.strip_prefix("unittests ") {
        Some(_) => name.to_owned(),
        None => source.to_owned(),
    })
}

/// Name and time of `test lease::tests::expiry ... ok <0.012s>`.
fn time(line: &str) -> Option<(&str, Duration)> {
    let (name, result) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let text = result.strip_suffix("s>")?.rsplit_once('<')?.1;
    Some((name, Duration::try_from_secs_f64(text.parse().ok()?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Outcome {
        let mut outcome = Outcome::default();
        for line in lines {
            outcome.read(line);
        }
        outcome
    }

    #[test]
    fn counts_are_summed_over_programs_and_end_the_report() {
        let mut outcome = read(&[
            "     Running unittests src/lib.rs (target/debug/deps/hybridge_model-0123456789abcdef)",
            "test mac::tests::round_trip ... ok <0.002s>",
            "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "     Running tests/kernel.rs (target/debug/deps/kernel-0123456789abcdef)",
            "test leaves_nothing ... FAILED <1.500s>",
            "---- leaves_nothing stdout ----",
            "test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.50s",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.51s",
            "error: test failed, to rerun pass `-p hybridge-netlink --test kernel`",
        ]);
        outcome.ended(false);
        assert_eq!(outcome.to_string(), "1 marked as ignored were not run\n7 passed, 1 failed");
        assert_eq!(outcome.left_out(), 5);
        let slowest = outcome.slowest(5);
        assert_eq!(slowest[0], (Duration::from_millis(1500), "tests/kernel.rs: leaves_nothing"));
        assert_eq!(slowest[1].1, "hybridge_model: mac::tests::round_trip");
    }

    #[test]
    fn a_program_that_crashes_counts_as_a_failure() {
        let mut outcome = read(&[
            "     Running unittests src/lib.rs (target/debug/deps/a-0123456789abcdef)",
            "error: test failed, to rerun pass `-p a --lib`",
            "     Running unittests src/lib.rs (target/debug/deps/b-0123456789abcdef)",
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        ]);
        outcome.ended(false);
        assert_eq!(outcome.to_string(), "5 passed, 1 failed");
    }

    #[test]
    fn a_program_without_libtest_counts_as_one_test() {
        let mut outcome = read(&["     Running tests/enter.rs (target/debug/deps/enter-0123456789abcdef)", "enter: 5 checks passed"]);
        outcome.ended(true);
        assert_eq!(outcome.to_string(), "1 passed, 0 failed");
    }

    #[test]
    fn both_batches_of_examples_count() {
        let mut outcome = read(&[
            "   Doc-tests hybridge_model",
            "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.08s",
            "all doctests ran in 0.31s; merged doctests compilation took 0.30s",
        ]);
        outcome.ended(true);
        assert_eq!(outcome.to_string(), "3 passed, 0 failed");
    }

    #[test]
    fn a_failure_of_cargo_itself_is_a_failure() {
        let mut outcome = read(&[
            "     Running unittests src/lib.rs (target/debug/deps/a-0123456789abcdef)",
            "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s",
            "error: could not compile `b` (lib test) due to 1 previous error",
        ]);
        outcome.ended(false);
        assert!(!outcome.is_good());
    }

    #[test]
    fn running_nothing_is_not_success() {
        let mut outcome = Outcome::default();
        outcome.ended(true);
        assert!(!outcome.is_good());
        assert_eq!(outcome.to_string(), "no test has such a name\n0 passed, 0 failed");
    }
}
