//! How many machines run at once on this host: with software emulation each keeps a core busy while it boots.
//!
//! Places are locks on files, which the kernel opens when their holder ends, however it ends. So they count across processes.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// At most so many machines.
pub const PLACES: usize = 2;

/// Between two looks whether a place is free.
const PAUSE: Duration = Duration::from_millis(50);

/// The right to run one machine; dropping it gives it back.
#[derive(Debug)]
pub(super) struct Place(#[allow(dead_code, reason = "the lock is held as long as the file is open")] File);

/// Waits for `count` places together, so that two who want two each never wait for one another. `None` when that takes too long.
///
/// Whoever holds a place already should not ask for another.
pub(super) fn take(directory: &Path, count: usize, patience: Duration) -> io::Result<Option<Vec<Place>>> {
    let start = Instant::now();
    let open = |name: String| File::options().create(true).truncate(false).write(true).open(directory.join(name));
    let gate = open("places".into())?;
    while !try_lock(&gate)? {
        if start.elapsed() > patience {
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
    let mut places = Vec::new();
    loop {
        for number in 1..=PLACES {
            let file = open(format!("place-{number}"))?;
            if places.len() < count && try_lock(&file)? {
                places.push(Place(file));
            }
        }
        if places.len() == count {
            return Ok(Some(places));
        }
        if start.elapsed() > patience {
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_machine_waits_until_one_ends() {
        let folder = tempfile::tempdir().unwrap();
        let take = |count, patience| take(folder.path(), count, Duration::from_millis(patience)).unwrap();
        let one = take(1, 0).unwrap();
        assert!(take(2, 60).is_none());
        let two = take(1, 0).unwrap();
        assert!(take(1, 60).is_none());
        drop(one);
        assert!(take(1, 0).is_some());
        drop(two);
        assert_eq!(take(2, 0).unwrap().len(), 2);
    }
}
