//! Release archives: programs and what makes them at home on a machine, laid out as below `/usr/local`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::elf::{self, ElfError};
use crate::tree::{DATA, PROGRAM, Tree, TreeError, gzip, sha256};
use crate::{Architecture, Source};

/// What stands in the archives besides programs, licences and what is made from the command lines.
const FILES: [(&str, &str); 7] = [
    ("lib/systemd/system/hybridge-gateway.service", include_str!("../../../packaging/hybridge-gateway.service")),
    ("lib/systemd/system/hybridge-lni.service", include_str!("../../../packaging/node/hybridge-lni.service")),
    ("lib/systemd/system/hybridge-node-config.service", include_str!("../../../packaging/node/hybridge-node-config.service")),
    ("lib/systemd/system/hybridge-node-run.service", include_str!("../../../packaging/node/hybridge-node-run.service")),
    ("lib/sysctl.d/50-hybridge-gateway.conf", include_str!("../../../packaging/50-hybridge-gateway.conf")),
    ("share/doc/hybridge/README.md", include_str!("../../../packaging/README.md")),
    ("share/doc/hybridge/gateway.env", include_str!("../../../packaging/gateway.env")),
];

/// Why there is no archive.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// A program must not go into this archive.
    #[error("{program} for {}", architecture.name())]
    Program {
        /// Its name.
        program: String,
        /// Where it was to go.
        architecture: Architecture,
        /// What is wrong with it.
        source: ElfError,
    },
    /// The archive.
    #[error("cannot make the archive")]
    Archive(#[from] TreeError),
}

/// The archive's file name, as `hybridge-0.1.0-linux-amd64.tar.gz`.
pub fn name(source: &Source, architecture: Architecture) -> String {
    format!("{}.tar.gz", folder(source, architecture))
}

fn folder(source: &Source, architecture: Architecture) -> String {
    format!("hybridge-{}-linux-{}", source.version, architecture.name())
}

/// Packs programs with `licences` and `documents` (man pages and completions, by their place below the prefix).
///
/// # Errors
/// A program is dynamic or for another processor.
pub fn pack(
    source: &Source,
    architecture: Architecture,
    programs: &BTreeMap<String, Vec<u8>>,
    licences: &Tree,
    documents: &Tree,
) -> Result<Vec<u8>, ReleaseError> {
    let mut files = documents.clone();
    for (program, bytes) in programs {
        elf::check(bytes, architecture).map_err(|source| ReleaseError::Program { program: program.clone(), architecture, source })?;
        files.add(format!("bin/{program}"), PROGRAM, bytes.as_slice());
    }
    FILES.iter().for_each(|(path, text)| files.add(*path, DATA, *text));
    files.graft("share/licenses/hybridge", licences);
    let mut archive = Tree::default();
    archive.graft(&folder(source, architecture), &files);
    Ok(gzip(&archive.tar(source.seconds)?))
}

/// What `sha256sum --check` reads, by name.
pub fn sums(files: &BTreeMap<String, Vec<u8>>) -> String {
    files.iter().fold(String::new(), |mut text, (name, bytes)| {
        let _ = writeln!(text, "{}  {name}", sha256(bytes));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::fake;

    fn source() -> Source {
        Source { version: "1.2.3".into(), revision: "abc".into(), seconds: 1_795_000_000 }
    }

    #[test]
    fn an_archive_has_one_folder_named_after_it_with_everything_below_and_packs_to_the_same_bytes() {
        let programs = BTreeMap::from(["hybridge", "hybridge-gateway"].map(|name| (name.to_owned(), fake(Architecture::Arm64, name))));
        let (mut licences, mut documents) = (Tree::default(), Tree::default());
        licences.add("LICENSE", DATA, "free");
        documents.add("share/man/man8/hybridge-gateway.8", DATA, "page");
        let packed = || pack(&source(), Architecture::Arm64, &programs, &licences, &documents).unwrap();
        assert_eq!(packed(), packed());
        let bytes = packed();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let files: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.header().entry_type().is_file())
            .map(|entry| format!("{:o} {}", entry.header().mode().unwrap(), entry.path().unwrap().display()))
            .collect();
        let expected = [
            "755 bin/hybridge",
            "755 bin/hybridge-gateway",
            "644 lib/sysctl.d/50-hybridge-gateway.conf",
            "644 lib/systemd/system/hybridge-gateway.service",
            "644 lib/systemd/system/hybridge-lni.service",
            "644 lib/systemd/system/hybridge-node-config.service",
            "644 lib/systemd/system/hybridge-node-run.service",
            "644 share/doc/hybridge/README.md",
            "644 share/doc/hybridge/gateway.env",
            "644 share/licenses/hybridge/LICENSE",
            "644 share/man/man8/hybridge-gateway.8",
        ];
        assert_eq!(files, expected.map(|line| line.replace(' ', " hybridge-1.2.3-linux-arm64/")));
        assert_eq!(name(&source(), Architecture::Arm64), "hybridge-1.2.3-linux-arm64.tar.gz");
    }

    #[test]
    fn a_program_for_another_processor_is_refused_by_name() {
        let programs = BTreeMap::from([("hybridge".to_owned(), fake(Architecture::Arm64, ""))]);
        let error = pack(&source(), Architecture::Amd64, &programs, &Tree::default(), &Tree::default()).unwrap_err();
        assert_eq!(error.to_string(), "hybridge for amd64");
    }

    #[test]
    fn sums_are_those_of_sha256sum() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sums(&BTreeMap::from([("b".into(), vec![]), ("a".into(), vec![])])), format!("{empty}  a\n{empty}  b\n"));
    }
}
