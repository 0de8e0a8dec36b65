//! Standard output and standard error: whole lines, and a line that is written over on a terminal.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;

/// What people read. Data for programs goes to standard output, everything else to standard error.
pub(super) struct Console {
    terminal: bool,
    /// Characters of the line that the next one has to write over.
    shown: Mutex<usize>,
}

impl Console {
    pub(super) fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), shown: Mutex::new(0) }
    }

    /// Whether a line can be written over.
    pub(super) fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Data: to standard output as it is.
    pub(super) fn data(&self, text: &str) {
        self.clear();
        // A reader that has gone away has what it wanted.
        let _gone = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
    }

    /// One line about what goes on.
    pub(super) fn say(&self, line: &str) {
        self.clear();
        let _gone = writeln!(io::stderr(), "{line}");
    }

    /// On a terminal: a line that the next one replaces.
    pub(super) fn status(&self, line: &str) {
        if !self.terminal {
            return;
        }
        let mut shown = self.shown.lock().expect("no holder of this lock panics");
        let width = line.chars().count();
        let _gone = write!(io::stderr(), "\r{line}{:pad$}", "", pad = shown.saturating_sub(width)).and_then(|()| io::stderr().flush());
        *shown = width;
    }

    /// An error with its causes, and the way out where one is known.
    pub(super) fn problem(&self, error: &anyhow::Error) {
        self.say(&format!("error: {error:#}"));
    }

    fn clear(&self) {
        let mut shown = self.shown.lock().expect("no holder of this lock panics");
        if *shown > 0 {
            let _gone = write!(io::stderr(), "\r{:width$}\r", "", width = *shown);
            *shown = 0;
        }
    }
}
