//! What whoever watches sees: lines that stay, and on a terminal one line below them that is written over.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};

/// Standard error.
#[derive(Debug)]
pub(in crate::cluster) struct Screen {
    terminal: bool,
    /// The last line is one that is written over.
    open: Cell<bool>,
}

/// Carriage return, then "erase to the end of the line" (ECMA-48).
const CLEAR: &str = "\r\x1b[K";
/// Of a progress line; one that wraps cannot be written over.
const WIDTH: usize = 100;

impl Screen {
    pub(in crate::cluster) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), open: Cell::new(false) }
    }

    /// A line that stays.
    pub(in crate::cluster) fn line(&self, text: impl Display) {
        let clear = if self.open.replace(false) { CLEAR } else { "" };
        write(&format!("{clear}{text}\n"));
    }

    /// What goes on right now; nothing where nobody watches.
    pub(in crate::cluster) fn progress(&self, text: impl Display) {
        if self.terminal {
            self.open.set(true);
            let text: String = text.to_string().chars().take(WIDTH).collect();
            write(&format!("{CLEAR}… {text}"));
        }
    }

    /// Takes the progress line away.
    pub(in crate::cluster) fn clear(&self) {
        if self.open.replace(false) {
            write(CLEAR);
        }
    }
}

fn write(text: &str) {
    // A terminal that is gone is no reason to leave a cluster half made.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
