//! The bill of materials, CycloneDX 1.5 as JSON (<https://cyclonedx.org/docs/1.5/json/>).

use cyclonedx_bom::external_models::date_time::DateTimeError;
use cyclonedx_bom::external_models::uri::{Purl, UriError};
use cyclonedx_bom::models::bom::{Bom, SpecVersion, UrnUuid};
use cyclonedx_bom::models::component::{Classification, Component, Components};
use cyclonedx_bom::models::dependency::{Dependencies, Dependency};
use cyclonedx_bom::models::hash::{Hash, HashAlgorithm, HashValue, Hashes};
use cyclonedx_bom::models::license::{LicenseChoice, Licenses};
use cyclonedx_bom::models::metadata::Metadata;
use cyclonedx_bom::prelude::{DateTime, NormalizedString, SpdxExpression, Validate as _};

use crate::Source;
use crate::linked::Crate;
use crate::tree::sha256;

/// Why there is no bill.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// A crate cannot be named.
    #[error("cannot name {name}")]
    Name {
        /// The crate.
        name: String,
        /// Why.
        source: UriError,
    },
    /// The commit's time.
    #[error("cannot write the time of the commit")]
    Time(#[from] DateTimeError),
    /// The bill breaks a rule of its format.
    #[error("the bill of materials is no sound CycloneDX: {0}")]
    Invalid(String),
    /// It cannot be written.
    #[error("cannot write the bill of materials")]
    Write(#[from] cyclonedx_bom::errors::JsonWriteError),
}

/// What `product` consists of: `roots`, which are crates of the workspace, and all that they use. The same crates give the same bytes; the serial number follows from them, too.
///
/// # Errors
/// The bill would break a rule of CycloneDX 1.5, which says also that a crate is named badly.
pub fn bill(source: &Source, product: &str, roots: &[&str], crates: &[Crate]) -> Result<Vec<u8>, SbomError> {
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut top = Vec::new();
    let mut main = Component::new(Classification::Application, product, &source.version, Some(product.to_owned()));
    main.licenses = licenses("Apache-2.0");
    for part in crates {
        let reference = purl(part)?.to_string();
        dependencies.push(Dependency {
            dependency_ref: reference.clone(),
            dependencies: part.uses.iter().map(|(name, version)| format!("pkg:cargo/{name}@{version}")).collect(),
        });
        if roots.contains(&part.name.as_str()) {
            top.push(reference.clone());
        }
        components.push(component(part, reference)?);
    }
    dependencies.push(Dependency { dependency_ref: product.to_owned(), dependencies: top });
    let mut bom = Bom {
        spec_version: SpecVersion::V1_5,
        metadata: Some(Metadata { timestamp: Some(DateTime::try_from(source.created())?), component: Some(main), ..Metadata::default() }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        serial_number: None,
        ..Bom::default()
    };
    bom.serial_number = Some(serial(&write(&bom)?)?);
    let found = bom.validate_version(SpecVersion::V1_5);
    if found.has_errors() {
        return Err(SbomError::Invalid(format!("{found:?}")));
    }
    write(&bom)
}

fn component(part: &Crate, reference: String) -> Result<Component, SbomError> {
    let mut component = Component::new(Classification::Library, &part.name, &part.version, Some(reference));
    component.purl = Some(purl(part)?);
    component.licenses = licenses(&part.license);
    component.author = Some(part.authors.join(", ")).filter(|authors| !authors.is_empty()).map(|authors| NormalizedString::new(&authors));
    component.hashes =
        part.checksum.as_ref().map(|checksum| Hashes(vec![Hash { alg: HashAlgorithm::SHA_256, content: HashValue(checksum.clone()) }]));
    Ok(component)
}

fn purl(part: &Crate) -> Result<Purl, SbomError> {
    Purl::new("cargo", &part.name, &part.version).map_err(|source| SbomError::Name { name: part.name.clone(), source })
}

/// As an SPDX expression, whose old form with a slash is read, too; crates that have none say nothing.
fn licenses(expression: &str) -> Option<Licenses> {
    let expression = SpdxExpression::parse_lax(expression.to_owned()).ok()?;
    Some(Licenses(vec![LicenseChoice::Expression(expression)]))
}

/// A UUID of version 8 (RFC 9562: made as one likes), here from the bill itself.
fn serial(bill: &[u8]) -> Result<UrnUuid, SbomError> {
    let hash = sha256(bill);
    let uuid = format!("urn:uuid:{}-{}-8{}-8{}-{}", &hash[..8], &hash[8..12], &hash[12..15], &hash[15..18], &hash[18..30]);
    UrnUuid::new(uuid).map_err(|error| SbomError::Invalid(format!("{error:?}")))
}

fn write(bom: &Bom) -> Result<Vec<u8>, SbomError> {
    let mut bytes = Vec::new();
    bom.clone().output_as_json_v1_5(&mut bytes)?;
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn part(name: &str, license: &str, uses: &[&str], checksum: Option<&str>) -> Crate {
        Crate {
            name: name.into(),
            version: "1.0.0".into(),
            license: license.into(),
            authors: vec![],
            folder: "".into(),
            checksum: checksum.map(str::to_owned),
            uses: uses.iter().map(|name| ((*name).to_owned(), "1.0.0".to_owned())).collect::<BTreeSet<_>>(),
        }
    }

    /// The library that wrote the bill checks it, too, and reads it back.
    #[test]
    fn the_bill_is_sound_and_names_version_licence_checksum_and_use_of_each_crate() {
        let source = Source { version: "1.2.3".into(), revision: "abc".into(), seconds: 1_795_000_000 };
        let checksum = "a".repeat(64);
        let crates = [part("main", "Apache-2.0", &["used"], None), part("used", "MIT/Apache-2.0", &[], Some(&checksum))];
        let bytes = bill(&source, "product", &["main"], &crates).unwrap();
        assert_eq!(bytes, bill(&source, "product", &["main"], &crates).unwrap());
        let bom = Bom::parse_from_json_v1_5(bytes.as_slice()).unwrap();
        assert!(bom.validate_version(SpecVersion::V1_5).passed());
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(json["metadata"]["timestamp"], "2026-11-18T11:06:40Z");
        assert_eq!(
            json["components"][1],
            serde_json::json!({
                "type": "library", "bom-ref": "pkg:cargo/used@1.0.0", "name": "used", "version": "1.0.0",
                "purl": "pkg:cargo/used@1.0.0", "licenses": [{"expression": "MIT OR Apache-2.0"}],
                "hashes": [{"alg": "SHA-256", "content": checksum}],
            })
        );
        assert_eq!(
            json["dependencies"],
            serde_json::json!([
                {"ref": "pkg:cargo/main@1.0.0", "dependsOn": ["pkg:cargo/used@1.0.0"]},
                {"ref": "pkg:cargo/used@1.0.0"},
                {"ref": "product", "dependsOn": ["pkg:cargo/main@1.0.0"]},
            ])
        );
    }
}
