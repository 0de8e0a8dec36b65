//! Whether a binary is what its package says: for the right processor, and without need of a dynamic linker.

use crate::Architecture;

/// A binary that must not be packed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ElfError {
    /// Something else, as a script.
    #[error("is no 64-bit little-endian ELF file")]
    NoElf,
    /// It ends before its tables do.
    #[error("ends early")]
    CutShort,
    /// Built for another processor.
    #[error("is for ELF machine {found}, not for {}", wanted.name())]
    Machine {
        /// `e_machine`, as in elf(5).
        found: usize,
        /// The processor it is to be packed for.
        wanted: Architecture,
    },
    /// It names an interpreter.
    #[error("needs a dynamic linker; it has to be linked statically")]
    Dynamic,
}

/// `PT_INTERP` of elf(5).
const INTERPRETER: usize = 3;

/// Checks an ELF header and its program headers, whose layout is that of elf(5).
///
/// # Errors
/// The binary is not a static one for this processor.
pub fn check(elf: &[u8], architecture: Architecture) -> Result<(), ElfError> {
    let number = |at: usize, length: usize| {
        let bytes = elf.get(at..at.saturating_add(length)).ok_or(ElfError::CutShort)?;
        Ok(bytes.iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    if elf.get(..6) != Some(&[0x7f, b'E', b'L', b'F', 2, 1]) {
        return Err(ElfError::NoElf);
    }
    let machine = match architecture {
        Architecture::Amd64 => 62,
        Architecture::Arm64 => 183,
    };
    let found = number(18, 2)?;
    if found != machine {
        return Err(ElfError::Machine { found, wanted: architecture });
    }
    let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        if number(table.saturating_add(index * size), 4)? == INTERPRETER {
            return Err(ElfError::Dynamic);
        }
    }
    Ok(())
}

/// The smallest file that passes [`check`], for tests that have no time for a release build.
#[cfg(test)]
pub(crate) fn fake(architecture: Architecture, text: &str) -> Vec<u8> {
    let mut elf = vec![0_u8; 64];
    elf[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1]);
    elf[18] = match architecture {
        Architecture::Amd64 => 62,
        Architecture::Arm64 => 183,
    };
    elf.extend(text.bytes());
    elf
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_static_binaries_for_the_right_processor_pass() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let (own, other, foreign) = if cfg!(target_arch = "aarch64") {
            (Architecture::Arm64, Architecture::Amd64, 183)
        } else {
            (Architecture::Amd64, Architecture::Arm64, 62)
        };
        let linked = if cfg!(target_feature = "crt-static") { Ok(()) } else { Err(ElfError::Dynamic) };
        assert_eq!(check(&program, own), linked);
        assert_eq!(check(&program, other), Err(ElfError::Machine { found: foreign, wanted: other }));
        assert_eq!(check(b"#!/bin/sh\n", own), Err(ElfError::NoElf));
        assert_eq!(check(&program[..40], own), Err(ElfError::CutShort));
        assert_eq!(check(&fake(own, ""), own), Ok(()));
    }
}
