//! The few flags of our own tasks.

use anyhow::{Result, bail};

/// Arguments not yet asked for.
pub(crate) struct Flags(Vec<String>);

impl Flags {
    /// Takes what follows the task's name.
    pub(crate) fn new(arguments: Vec<String>) -> Self {
        Self(arguments)
    }

    /// Whether `name` (as `--no-real`) was given.
    pub(crate) fn switch(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|argument| argument != name);
        self.0.len() < before
    }

    /// The value after `name` (as `--only PATTERN` or `--only=PATTERN`), if it was given. Call again for the next one.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        let joined = |argument: &str| argument.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        let Some(at) = self.0.iter().position(|argument| argument == name || joined(argument)) else {
            return Ok(None);
        };
        let flag = self.0.remove(at);
        if let Some((_, value)) = flag.split_once('=') {
            return Ok(Some(value.to_owned()));
        }
        if at == self.0.len() {
            bail!("`{name}` needs a value");
        }
        Ok(Some(self.0.remove(at)))
    }

    /// All the rest, for a program that this task only starts.
    pub(crate) fn rest(self) -> Vec<String> {
        self.0
    }

    /// Refuses what nobody asked for.
    pub(crate) fn finish(self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        bail!("unknown arguments: {} (see `cargo xtask help`)", self.0.join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::Flags;

    fn flags(arguments: &[&str]) -> Flags {
        Flags::new(arguments.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn values_are_taken_in_order_and_in_both_spellings() {
        let mut flags = flags(&["--package", "model", "--no-real", "--package=gateway"]);
        assert_eq!(flags.value("--package").unwrap().as_deref(), Some("model"));
        assert_eq!(flags.value("--package").unwrap().as_deref(), Some("gateway"));
        assert_eq!(flags.value("--package").unwrap(), None);
        assert!(flags.switch("--no-real"));
        assert!(!flags.switch("--no-real"));
        flags.finish().unwrap();
    }

    #[test]
    fn a_missing_value_and_an_unknown_flag_are_refused() {
        assert!(flags(&["--only"]).value("--only").is_err());
        assert_eq!(flags(&["--fast"]).finish().unwrap_err().to_string(), "unknown arguments: --fast (see `cargo xtask help`)");
    }
}
