//! Settings of the running kernel: values, modules, swap.

use std::fs;
use std::io;

use crate::apply::Run;
use crate::command::Call;
use crate::error::ApplyError;
use crate::host::Host;
use crate::report::{Change, Deed};

impl Run<'_> {
    /// Brings the values of a file of sysctl.d(5) into force.
    pub(crate) fn sysctl(&mut self, path: &str) -> Result<(), ApplyError> {
        for Value { name, value, optional } in pending_values(self.host, path)? {
            let file = format!("/proc/sys/{name}");
            self.about_to(&format!("write {value} to {file}"))?;
            match fs::write(self.host.path(&file), format!("{value}\n")) {
                Ok(()) => self.changed(Change::new(Deed::Set, format!("{} = {value}", name.replace('/', ".")))),
                Err(_) if optional => {}
                Err(error) => return Err(ApplyError::file("write", file)(error)),
            }
        }
        Ok(())
    }

    /// Loads kernel modules that are neither loaded nor built in.
    pub(crate) fn modules(&mut self, names: &[String]) -> Result<(), ApplyError> {
        for name in missing_modules(self.host, names) {
            self.act(&Call::change("modprobe", [name]))?;
            self.changed(Change::new(Deed::Set, format!("module {name}")));
        }
        Ok(())
    }

    /// Turns a swap off that is on.
    pub(crate) fn swap_off(&mut self, path: &str) -> Result<(), ApplyError> {
        if swap_is_on(self.host, path) {
            self.act(&Call::change("swapoff", [path]))?;
            self.changed(Change::new(Deed::Set, format!("swap off: {path}")));
        }
        Ok(())
    }
}

/// One value that is not in force.
pub(crate) struct Value {
    /// Below `/proc/sys`.
    pub(crate) name: String,
    pub(crate) value: String,
    /// Written with a `-` in front: a kernel that refuses it is no error.
    optional: bool,
}

/// Values of a file that are not in force. Without the file, as before it is written, there are none.
pub(crate) fn pending_values(host: &Host, path: &str) -> Result<Vec<Value>, ApplyError> {
    let text = host.text(path).map_err(ApplyError::file("read", path))?.unwrap_or_default();
    let mut pending = Vec::new();
    for value in values(&text) {
        let file = format!("/proc/sys/{}", value.name);
        let now = match host.text(&file) {
            Ok(now) => now,
            // A value that can only be written.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => None,
            Err(error) => return Err(ApplyError::file("read", file)(error)),
        };
        if now.is_none_or(|now| !now.split_whitespace().eq(value.value.split_whitespace())) {
            pending.push(value);
        }
    }
    Ok(pending)
}

/// Lines `name = value`; `#` and `;` begin comments. Dots in a name are slashes, unless a slash comes first, as for
/// `net/ipv4/conf/eth0.100/rp_filter`.
fn values(text: &str) -> impl Iterator<Item = Value> + '_ {
    text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])).filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let (name, optional) = name.trim().strip_prefix('-').map_or((name.trim(), false), |name| (name, true));
        let slashed = name.find(['.', '/']).is_some_and(|at| name[at..].starts_with('/'));
        let name = if slashed { name.to_owned() } else { name.chars().map(swap_separators).collect() };
        Some(Value { name, value: value.trim().to_owned(), optional })
    })
}

fn swap_separators(c: char) -> char {
    match c {
        '.' => '/',
        '/' => '.',
        other => other,
    }
}

pub(crate) fn missing_modules<'a>(host: &Host, names: &'a [String]) -> Vec<&'a str> {
    let release = host.line("/proc/sys/kernel/osrelease").unwrap_or_default();
    let builtin = host.text(&format!("/lib/modules/{release}/modules.builtin")).ok().flatten().unwrap_or_default();
    let plain = |name: &str| name.replace('-', "_");
    let built_in: Vec<String> = builtin.lines().filter_map(|line| line.rsplit('/').next()?.split('.').next()).map(plain).collect();
    let there = |name: &str| host.path(&format!("/sys/module/{}", plain(name))).exists() || built_in.contains(&plain(name));
    names.iter().map(String::as_str).filter(|name| !there(name)).collect()
}

pub(crate) fn swap_is_on(host: &Host, path: &str) -> bool {
    crate::facts::storage::swaps(&host.text("/proc/swaps").ok().flatten().unwrap_or_default()).iter().any(|swap| swap.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_sysctl() {
        let text = "# c\n; c\nvm.overcommit_memory=1\n-kernel.panic = 10\nnet/ipv4/conf/eth0.1/rp_filter = 2\nnet.ipv4.conf.eth0/1.rp_filter=2\nno value\n";
        let read: Vec<(String, String, bool)> = values(text).map(|v| (v.name, v.value, v.optional)).collect();
        let expected = [
            ("vm/overcommit_memory", "1", false),
            ("kernel/panic", "10", true),
            ("net/ipv4/conf/eth0.1/rp_filter", "2", false),
            ("net/ipv4/conf/eth0.1/rp_filter", "2", false),
        ];
        assert_eq!(read, expected.map(|(name, value, optional)| (name.to_owned(), value.to_owned(), optional)));
    }
}
