//! How much room a gateway takes: its file, and its memory as /proc tells.

use std::fs;
use std::path::Path;

use super::{BenchError, Quantity, Sample};

/// Size of the program's file.
pub(super) fn binary(program: &Path) -> Result<Vec<Sample>, BenchError> {
    let meta = fs::metadata(program).map_err(BenchError::machine(format!("look at {}", program.display())))?;
    Ok(vec![Sample { quantity: Quantity::Binary, value: meta.len() as f64 }])
}

/// Resident memory now, in bytes.
pub(super) fn resident(pid: u32) -> Result<f64, BenchError> {
    status(pid, "VmRSS")
}

/// The most there ever was, in bytes.
pub(super) fn peak(pid: u32) -> Result<f64, BenchError> {
    status(pid, "VmHWM")
}

fn status(pid: u32, field: &str) -> Result<f64, BenchError> {
    let path = format!("/proc/{pid}/status");
    let missing = || std::io::Error::other(format!("there is no {field}"));
    let value = fs::read_to_string(&path).and_then(|text| kibibytes(&text, field).ok_or_else(missing));
    value.map(|kib| kib as f64 * 1024.0).map_err(BenchError::machine(format!("read {path}")))
}

/// The line `VmRSS:      5120 kB` of proc_pid_status(5).
fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes_and_the_peak_is_never_below() {
        let pid = std::process::id();
        let (now, most) = (resident(pid).unwrap(), peak(pid).unwrap());
        assert!(now > 100e3 && most >= now, "{now} {most}");
        assert_eq!(kibibytes("Name:\tx\nVmRSS:\t    5120 kB\n", "VmRSS"), Some(5120));
        assert_eq!(kibibytes("Name:\tx\n", "VmRSS"), None);
    }
}
