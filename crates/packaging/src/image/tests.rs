use std::collections::BTreeMap;
use std::io::Read as _;

use oci_spec::image::{ImageConfiguration, ImageIndex, ImageManifest};

use super::*;
use crate::elf::fake;

fn source() -> Source {
    Source { version: "1.2.3".into(), revision: "abc1234def".into(), seconds: 1_795_000_000 }
}

fn packed() -> Image {
    let mut licences = Tree::default();
    licences.add("LICENSE", DATA, "free");
    let binaries = Architecture::ALL.map(|architecture| (architecture, fake(architecture, architecture.name())));
    pack(&source(), &licences, &BTreeMap::from(binaries)).unwrap()
}

/// Regular files of an archive: path, mode, content.
fn files(archive: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        assert_eq!((entry.header().uid().unwrap(), entry.header().mtime().unwrap()), (0, 1_795_000_000));
        if entry.header().entry_type().is_file() {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            found.insert(entry.path().unwrap().display().to_string(), (entry.header().mode().unwrap(), bytes));
        }
    }
    found
}

/// The blob that a descriptor points at; its digest and size have to be right.
fn blob<'a>(layout: &'a BTreeMap<String, (u32, Vec<u8>)>, descriptor: &Descriptor) -> &'a [u8] {
    let bytes = &layout[&format!("blobs/sha256/{}", descriptor.as_digest_sha256().unwrap())].1;
    assert_eq!((sha256(bytes).as_str(), bytes.len() as u64), (descriptor.as_digest_sha256().unwrap(), descriptor.size()));
    bytes
}

/// The archive read back: manifests with their configurations, by what the index says of them.
fn images(image: &Image) -> (ImageIndex, Vec<(ImageManifest, ImageConfiguration)>) {
    let layout = files(&image.archive);
    let top = ImageIndex::from_reader(layout["index.json"].1.as_slice()).unwrap();
    let index = ImageIndex::from_reader(blob(&layout, &top.manifests()[0])).unwrap();
    assert_eq!(top.manifests()[0].digest().to_string(), image.digest);
    let images = index
        .manifests()
        .iter()
        .map(|descriptor| {
            let manifest = ImageManifest::from_reader(blob(&layout, descriptor)).unwrap();
            let configuration = ImageConfiguration::from_reader(blob(&layout, manifest.config())).unwrap();
            (manifest, configuration)
        })
        .collect();
    (top, images)
}

#[test]
fn two_packings_are_the_same_to_the_byte() {
    assert_eq!(packed().archive, packed().archive);
}

#[test]
fn one_index_names_the_image_and_an_image_for_each_processor() {
    let image = packed();
    let (top, images) = images(&image);
    let names = top.manifests()[0].annotations().clone().unwrap();
    assert_eq!(names[ANNOTATION_REF_NAME], "1.2.3");
    assert_eq!(names[CONTAINERD_NAME], "ghcr.io/hybridge/hybridge-gateway:1.2.3");
    let processors: Vec<_> = images.iter().map(|(_, configuration)| configuration.architecture().to_string()).collect();
    assert_eq!(processors, ["amd64", "arm64"]);
    let sizes: Vec<_> = image.platforms.iter().map(|packed| (packed.architecture.name(), packed.size)).collect();
    for ((name, size), (manifest, _)) in sizes.into_iter().zip(&images) {
        assert_eq!(size, manifest.config().size() + manifest.layers().iter().map(Descriptor::size).sum::<u64>(), "{name}");
    }
}

#[test]
fn labels_and_history_say_what_it_is_and_the_time_is_that_of_the_commit() {
    for (manifest, configuration) in images(&packed()).1 {
        let run = configuration.config().clone().unwrap();
        assert_eq!(run.entrypoint().clone().unwrap(), ["/usr/bin/hybridge-gateway"]);
        assert_eq!((run.user(), run.cmd()), (&None, &None));
        let labels: BTreeMap<_, _> = run.labels().clone().unwrap().into_iter().collect();
        assert_eq!(manifest.annotations().clone().unwrap().into_iter().collect::<BTreeMap<_, _>>(), labels);
        let named: Vec<_> =
            labels.iter().map(|(name, value)| (name.trim_start_matches("org.opencontainers.image."), value.as_str())).collect();
        assert_eq!(
            named,
            [
                ("created", "2026-11-18T11:06:40Z"),
                ("description", "Connects pods on EKS hybrid nodes with the VPC of their cluster"),
                ("documentation", "https://github.com/hybridge/hybridge/blob/main/docs/gateway.md"),
                ("licenses", "Apache-2.0"),
                ("revision", "abc1234def"),
                ("source", "https://github.com/hybridge/hybridge"),
                ("title", "hybridge-gateway"),
                ("version", "1.2.3"),
            ]
        );
        let history = configuration.history().clone().unwrap();
        assert_eq!(history.len(), configuration.rootfs().diff_ids().len());
        for entry in history {
            assert!(entry.created_by().as_ref().is_some_and(|made_from| !made_from.is_empty()), "{entry:?}");
            assert_eq!((entry.created().as_deref(), entry.empty_layer()), (Some("2026-11-18T11:06:40Z"), None));
        }
    }
}

#[test]
fn the_layers_hold_certificates_licences_and_the_binary_and_nothing_else() {
    let image = packed();
    let layout = files(&image.archive);
    for ((manifest, configuration), architecture) in images(&image).1.iter().zip(Architecture::ALL) {
        let mut found = BTreeMap::new();
        for (layer, diff_id) in manifest.layers().iter().zip(configuration.rootfs().diff_ids()) {
            let mut archive = Vec::new();
            flate2::read::GzDecoder::new(blob(&layout, layer)).read_to_end(&mut archive).unwrap();
            assert_eq!(*diff_id, format!("sha256:{}", sha256(&archive)));
            found.extend(files(&archive));
        }
        let modes: Vec<_> = found.iter().map(|(path, (mode, _))| (path.as_str(), *mode)).collect();
        let licence = "usr/share/licenses/hybridge-gateway/LICENSE";
        assert_eq!(modes, [(trust::BUNDLE, 0o644), (BINARY, 0o755), (licence, 0o644)]);
        assert_eq!(found[BINARY].1, fake(architecture, architecture.name()));
    }
}

#[test]
fn a_binary_for_another_processor_is_refused() {
    let binaries = BTreeMap::from([(Architecture::Arm64, fake(Architecture::Amd64, ""))]);
    let error = pack(&source(), &Tree::default(), &binaries).unwrap_err();
    assert_eq!(error.to_string(), "the binary for arm64");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "is for ELF machine 62, not for arm64");
}
