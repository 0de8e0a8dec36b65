//! The gateway's container image: an OCI image layout for several processors in one tar archive.
//!
//! Each image has three layers, of which the first two are the same for every processor: CA certificates, licences, and the static
//! binary. There is no shell, no package manager, no user database.

use std::collections::BTreeMap;

use oci_spec::OciSpecError;
use oci_spec::image::{
    ANNOTATION_CREATED, ANNOTATION_DESCRIPTION, ANNOTATION_DOCUMENTATION, ANNOTATION_LICENSES, ANNOTATION_REF_NAME, ANNOTATION_REVISION,
    ANNOTATION_SOURCE, ANNOTATION_TITLE, ANNOTATION_VERSION, Arch, ConfigBuilder, Descriptor, DescriptorBuilder, HistoryBuilder,
    ImageConfigurationBuilder, ImageIndexBuilder, ImageManifestBuilder, MediaType, OciLayoutBuilder, Os, PlatformBuilder, RootFsBuilder,
    SCHEMA_VERSION, Sha256Digest,
};
use serde::Serialize;

use crate::elf::{self, ElfError};
use crate::tree::{DATA, PROGRAM, Tree, TreeError, gzip, sha256};
use crate::{Architecture, Source, trust};

/// What the image is called in the chart and in a container runtime, without its tag.
pub const NAME: &str = "ghcr.io/hybridge/hybridge-gateway";

/// Where the binary is, inside.
pub const BINARY: &str = "usr/bin/hybridge-gateway";

/// Where licences are, inside.
pub const LICENCES: &str = "usr/share/licenses/hybridge-gateway";

/// Where the source is published.
const REPOSITORY: &str = "https://github.com/hybridge/hybridge";

/// As in Docker's own images; `kubectl exec … hybridge-gateway` finds the program by it.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// By this annotation containerd names what it imports.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The binary must not go into this image.
    #[error("the binary for {}", architecture.name())]
    Binary {
        /// Where it was to go.
        architecture: Architecture,
        /// What is wrong with it.
        source: ElfError,
    },
    /// A layer.
    #[error("cannot make a layer")]
    Layer(#[from] TreeError),
    /// A document of the image.
    #[error("cannot make the image's description")]
    Document(#[from] OciSpecError),
    /// JSON.
    #[error("cannot write the image's description")]
    Json(#[from] serde_json::Error),
}

/// An OCI archive and what there is to say about it.
#[derive(Debug)]
pub struct Image {
    /// The archive: `ctr images import`, `podman load` and `skopeo copy oci-archive:` read it.
    pub archive: Vec<u8>,
    /// The digest of the index, `sha256:…`, by which the image can be pinned.
    pub digest: String,
    /// The images inside.
    pub platforms: Vec<Packed>,
}

/// An image for one processor.
#[derive(Debug, PartialEq, Eq)]
pub struct Packed {
    /// The processor.
    pub architecture: Architecture,
    /// The digest of its manifest.
    pub digest: String,
    /// What a registry sends, in bytes: layers as compressed, and the configuration.
    pub size: u64,
}

/// A compressed layer.
struct Layer {
    descriptor: Descriptor,
    /// The digest of what is compressed.
    diff_id: String,
    /// What it holds and where that is from.
    made_from: String,
}

/// Packs static binaries of the gateway.
///
/// # Errors
/// A binary is dynamic or for another processor, or the licences cannot be packed.
pub fn pack(source: &Source, licences: &Tree, binaries: &BTreeMap<Architecture, Vec<u8>>) -> Result<Image, ImageError> {
    let mut blobs = Blobs::default();
    let mut texts = Tree::default();
    texts.graft(LICENCES, licences);
    let shared = [
        blobs.layer(source, &trust::bundle(), "CA certificates of Mozilla, from the crate webpki-root-certs")?,
        blobs.layer(source, &texts, "licences of hybridge-gateway and of all that is linked into it")?,
    ];
    let mut platforms = Vec::new();
    let mut manifests = Vec::new();
    for (architecture, binary) in binaries {
        elf::check(binary, *architecture).map_err(|source| ImageError::Binary { architecture: *architecture, source })?;
        let mut program = Tree::default();
        program.add(BINARY, PROGRAM, binary.as_slice());
        let built = format!("hybridge-gateway for {}, linked statically, from commit {}", architecture.target(), source.revision);
        let program = blobs.layer(source, &program, &built)?;
        let (manifest, size) = blobs.manifest(source, *architecture, &[&shared[0], &shared[1], &program])?;
        platforms.push(Packed { architecture: *architecture, digest: manifest.digest().to_string(), size });
        manifests.push(manifest);
    }
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests(manifests)
        .annotations(labels(source))
        .build()?;
    let index = blobs.add(MediaType::ImageIndex, &json(&index)?)?;
    let digest = index.digest().to_string();
    Ok(Image { archive: blobs.archive(source, index)?, digest, platforms })
}

/// The annotations of <https://github.com/opencontainers/image-spec/blob/main/annotations.md>.
fn labels(source: &Source) -> std::collections::HashMap<String, String> {
    let created = source.created();
    [
        (ANNOTATION_TITLE, "hybridge-gateway"),
        (ANNOTATION_DESCRIPTION, "Connects pods on EKS hybrid nodes with the VPC of their cluster"),
        (ANNOTATION_VERSION, &source.version),
        (ANNOTATION_REVISION, &source.revision),
        (ANNOTATION_CREATED, &created),
        (ANNOTATION_SOURCE, REPOSITORY),
        (ANNOTATION_DOCUMENTATION, &format!("{REPOSITORY}/blob/main/docs/gateway.md")),
        (ANNOTATION_LICENSES, "Apache-2.0"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Content by digest, as in `blobs/sha256` of the layout.
#[derive(Default)]
struct Blobs(Tree);

impl Blobs {
    fn add(&mut self, kind: MediaType, bytes: &[u8]) -> Result<Descriptor, ImageError> {
        let digest = sha256(bytes);
        self.0.add(format!("blobs/sha256/{digest}"), DATA, bytes);
        Ok(Descriptor::new(kind, bytes.len() as u64, digest.parse::<Sha256Digest>()?))
    }

    fn layer(&mut self, source: &Source, files: &Tree, made_from: &str) -> Result<Layer, ImageError> {
        let archive = files.tar(source.seconds)?;
        let descriptor = self.add(MediaType::ImageLayerGzip, &gzip(&archive))?;
        Ok(Layer { descriptor, diff_id: format!("sha256:{}", sha256(&archive)), made_from: made_from.into() })
    }

    /// Adds configuration and manifest for one processor; returns also how much a registry sends.
    fn manifest(&mut self, source: &Source, architecture: Architecture, layers: &[&Layer]) -> Result<(Descriptor, u64), ImageError> {
        let arch = match architecture {
            Architecture::Amd64 => Arch::Amd64,
            Architecture::Arm64 => Arch::ARM64,
        };
        let mut history = Vec::new();
        for layer in layers {
            history.push(HistoryBuilder::default().created(source.created()).created_by(layer.made_from.as_str()).build()?);
        }
        let run = ConfigBuilder::default()
            .entrypoint(vec![format!("/{BINARY}")])
            .env(vec![PATH.to_owned()])
            .working_dir("/")
            .labels(labels(source))
            .build()?;
        let diff_ids = layers.iter().map(|layer| layer.diff_id.clone()).collect::<Vec<_>>();
        let configuration = ImageConfigurationBuilder::default()
            .created(source.created())
            .architecture(arch.clone())
            .os(Os::Linux)
            .config(run)
            .rootfs(RootFsBuilder::default().typ("layers").diff_ids(diff_ids).build()?)
            .history(history)
            .build()?;
        let configuration = self.add(MediaType::ImageConfig, &json(&configuration)?)?;
        let layers: Vec<_> = layers.iter().map(|layer| layer.descriptor.clone()).collect();
        let size = configuration.size() + layers.iter().map(Descriptor::size).sum::<u64>();
        let manifest = ImageManifestBuilder::default()
            .schema_version(SCHEMA_VERSION)
            .media_type(MediaType::ImageManifest)
            .config(configuration)
            .layers(layers)
            .annotations(labels(source))
            .build()?;
        let mut manifest = self.add(MediaType::ImageManifest, &json(&manifest)?)?;
        manifest.set_platform(Some(PlatformBuilder::default().architecture(arch).os(Os::Linux).build()?));
        Ok((manifest, size))
    }

    /// Closes the layout, <https://github.com/opencontainers/image-spec/blob/main/image-layout.md>.
    fn archive(mut self, source: &Source, index: Descriptor) -> Result<Vec<u8>, ImageError> {
        let names = [(ANNOTATION_REF_NAME, source.version.clone()), (CONTAINERD_NAME, format!("{NAME}:{}", source.version))];
        let entry = DescriptorBuilder::default()
            .media_type(index.media_type().clone())
            .digest(index.digest().clone())
            .size(index.size())
            .annotations(std::collections::HashMap::from(names.map(|(name, value)| (name.to_owned(), value))))
            .build()?;
        let top =
            ImageIndexBuilder::default().schema_version(SCHEMA_VERSION).media_type(MediaType::ImageIndex).manifests(vec![entry]).build()?;
        self.0.add("index.json", DATA, json(&top)?);
        self.0.add("oci-layout", DATA, json(&OciLayoutBuilder::default().image_layout_version("1.0.0").build()?)?);
        Ok(self.0.tar(source.seconds)?)
    }
}

/// JSON with sorted keys: the types of the specification keep labels in a map without order.
fn json(document: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = serde_json::to_value(document)?;
    value.sort_all_objects();
    serde_json::to_vec(&value)
}

#[cfg(test)]
mod tests;
