//! A run as JSON, for programs and for comparing runs later.

use serde::Serialize;

use super::{Run, Verdict};

#[derive(Serialize)]
struct Document<'a> {
    verdict: Verdict,
    #[serde(flatten)]
    run: &'a Run,
}

/// The run with its verdict, indented. Moments and lengths are seconds. [`parse`] reads it back.
pub fn render(run: &Run) -> String {
    let document = Document { verdict: Verdict::of(run), run };
    serde_json::to_string_pretty(&document).expect("strings, numbers and lists can be written as JSON")
}

/// A run that [`render`] wrote. The verdict is not read but judged anew.
pub fn parse(text: &str) -> Result<Run, serde_json::Error> {
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;

    #[test]
    fn what_is_written_can_be_read_back() {
        for run in [fixtures::restart(), fixtures::quiet(), fixtures::dead()] {
            assert_eq!(parse(&render(&run)).unwrap(), run);
        }
    }

    #[test]
    fn one_probe_looks_like_this() {
        let mut run = fixtures::restart();
        run.outcome.probes.truncate(1);
        run.marks.truncate(1);
        insta::assert_snapshot!(render(&run));
    }
}
