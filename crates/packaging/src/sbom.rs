//! The bill of materials, CycloneDX 1.5 as JSON (<https://cyclonedx.org/docs/1.5/json/>).
//!
//! Types of our own for the few fields that we fill: the crate `cyclonedx-bom` switches on features of crates that the products use,
//! so that these were built twice wherever everything is built.

use serde::Serialize;

use crate::Source;
use crate::linked::Crate;
use crate::tree::sha256;

/// There is no bill: it cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the bill of materials")]
pub struct SbomError(#[from] serde_json::Error);

/// The document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bill<'a> {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    metadata: Metadata<'a>,
    components: Vec<Component<'a>>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    timestamp: String,
    component: Component<'a>,
}

#[derive(Serialize)]
struct Component<'a> {
    #[serde(rename = "type")]
    classification: &'static str,
    #[serde(rename = "bom-ref")]
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<String>,
    name: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashes: Option<[Hash<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licenses: Option<[License; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
}

#[derive(Serialize)]
struct Hash<'a> {
    alg: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct License {
    expression: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<String>,
}

/// What `product` consists of: `roots`, which are crates of the workspace, and all that they use. The same crates give the same bytes; the serial number follows from them, too.
///
/// # Errors
/// None that follows from the crates.
pub fn bill(source: &Source, product: &str, roots: &[&str], crates: &[Crate]) -> Result<Vec<u8>, SbomError> {
    let mut dependencies: Vec<_> = crates
        .iter()
        .map(|part| Dependency {
            reference: purl(&part.name, &part.version),
            depends_on: part.uses.iter().map(|(name, version)| purl(name, version)).collect(),
        })
        .collect();
    let top = crates.iter().filter(|part| roots.contains(&part.name.as_str()));
    dependencies.push(Dependency { reference: product.to_owned(), depends_on: top.map(|part| purl(&part.name, &part.version)).collect() });
    let main = Component {
        classification: "application",
        reference: product.to_owned(),
        author: None,
        name: product,
        version: &source.version,
        hashes: None,
        licenses: licenses("Apache-2.0"),
        purl: None,
    };
    let mut bill = Bill {
        bom_format: "CycloneDX",
        spec_version: "1.5",
        version: 1,
        serial_number: None,
        metadata: Metadata { timestamp: source.created(), component: main },
        components: crates.iter().map(component).collect(),
        dependencies,
    };
    bill.serial_number = Some(serial(&write(&bill)?));
    write(&bill)
}

fn component(part: &Crate) -> Component<'_> {
    let reference = purl(&part.name, &part.version);
    Component {
        classification: "library",
        purl: Some(reference.clone()),
        reference,
        author: Some(part.authors.join(", ")).filter(|authors| !authors.is_empty()),
        name: &part.name,
        version: &part.version,
        hashes: part.checksum.as_deref().map(|content| [Hash { alg: "SHA-256", content }]),
        licenses: licenses(&part.license),
    }
}

/// Names of crates are letters, digits, `-` and `_`, which stand in a package URL as they are; `+` of a version does not.
fn purl(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

/// As an SPDX expression, whose old form with a slash is read, too; crates that have none say nothing.
fn licenses(expression: &str) -> Option<[License; 1]> {
    let expression = spdx::Expression::canonicalize(expression).ok()?.unwrap_or_else(|| expression.to_owned());
    spdx::Expression::parse(&expression).ok()?;
    Some([License { expression }])
}

/// A UUID of version 8 (RFC 9562: made as one likes), here from the bill itself.
fn serial(bill: &[u8]) -> String {
    let hash = sha256(bill);
    format!("urn:uuid:{}-{}-8{}-8{}-{}", &hash[..8], &hash[8..12], &hash[12..15], &hash[15..18], &hash[18..30])
}

fn write(bill: &Bill<'_>) -> Result<Vec<u8>, SbomError> {
    let mut bytes = serde_json::to_vec_pretty(bill)?;
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

    #[test]
    fn the_bill_names_version_licence_checksum_and_use_of_each_crate() {
        let source = Source { version: "1.2.3".into(), revision: "abc".into(), seconds: 1_795_000_000 };
        let checksum = "a".repeat(64);
        let crates = [part("main", "Apache-2.0", &["used"], None), part("used", "MIT/Apache-2.0", &[], Some(&checksum))];
        let bytes = bill(&source, "product", &["main"], &crates).unwrap();
        assert_eq!(bytes, bill(&source, "product", &["main"], &crates).unwrap());
        let json: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&json["bomFormat"], &json["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
        let serial = json["serialNumber"].as_str().unwrap();
        assert!(serial.starts_with("urn:uuid:") && serial.len() == 45 && serial.split('-').count() == 5, "{serial}");
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
