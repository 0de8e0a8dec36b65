//! Certificates: the node's own for Roles Anywhere, and kubelet's of an earlier life.
//!
//! Certificates are only read here. RSA and ECDSA would bring C code or much code into a pure crate, so whether an authority has signed
//! one is answered by `hybridge-node-host` ([`crate::facts::Answers::kubelet_certificate_signed`]); without that answer names and key
//! identifiers (RFC 5280, 4.2.1.1) are compared, which tells clusters apart, as each has a key of its own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hybridge_report::Finding;
use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::pem::Pem;

use super::Subject;
use crate::config::RolesAnywhere;
use crate::hybrid::ssm;
use crate::resolve::authority;

/// kubelet's serving certificate.
const KUBELET: &str = "/var/lib/kubelet/pki/kubelet-server-current.pem";
/// A certificate that ends sooner is told of.
const SOON_DAYS: i64 = 30;

pub(super) fn credentials(subject: &Subject<'_>) -> Vec<Finding> {
    let Some(hybrid) = &subject.config.hybrid else { return Vec::new() };
    if hybrid.ssm.is_some() {
        return ssm::registration(subject.facts).err().into_iter().collect();
    }
    hybrid.iam_roles_anywhere.as_ref().map(|settings| own(subject, settings)).unwrap_or_default()
}

fn own(subject: &Subject<'_>, settings: &RolesAnywhere) -> Vec<Finding> {
    let Some(facts) = &subject.facts.certificate else { return Vec::new() };
    let path = settings.certificate_path.as_str();
    let mut findings = Vec::new();
    if let Some(problem) = &facts.key_problem {
        findings.push(Finding::error("certificate.key", settings.private_key_path.as_str(), format!("cannot be used: {problem}")).fix(
            "put the certificate's private key there as PEM, readable by root; or name another spec.hybrid.iamRolesAnywhere.privateKeyPath",
        ));
    }
    let Some(text) = &facts.certificate else {
        findings.push(
            Finding::error("certificate.missing", path, "there is no certificate")
                .fix("put the node's certificate there as PEM, or name another spec.hybrid.iamRolesAnywhere.certificatePath"),
        );
        return findings;
    };
    let Some(certificate) = first(text) else {
        findings.push(unreadable(path));
        return findings;
    };
    let certificate = match certificate.parse_x509() {
        Ok(certificate) => certificate,
        Err(_) => {
            findings.push(unreadable(path));
            return findings;
        }
    };
    findings.extend(dates(&certificate, path, subject.now));
    let public = facts.key_public.as_ref().and_then(|base64| STANDARD.decode(base64).ok());
    if public.is_some_and(|public| public != certificate.public_key().raw) {
        findings.push(
            Finding::error("certificate.other-key", settings.private_key_path.as_str(), format!("is not the key of {path}"))
                .fix("put the key there that the certificate was requested with, or request a certificate for this key"),
        );
    }
    findings.extend(subject_name(&certificate, settings));
    findings
}

/// The role's trust policy that AWS documents demands a session name equal to the certificate's common name.
fn subject_name(certificate: &X509Certificate<'_>, settings: &RolesAnywhere) -> Option<Finding> {
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).unwrap_or_default();
    (name != settings.node_name).then(|| {
        Finding::warning(
            "certificate.name",
            settings.certificate_path.as_str(),
            format!("its common name is {name:?}, the node's name {:?}; the documented trust policy wants them equal", settings.node_name),
        )
        .fix("set spec.hybrid.iamRolesAnywhere.nodeName to the common name, or request a certificate with the node's name")
    })
}

fn dates(certificate: &X509Certificate<'_>, path: &str, now: Timestamp) -> Option<Finding> {
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_second(time.timestamp()).ok();
    let validity = certificate.validity();
    let (from, until) = (at(validity.not_before)?, at(validity.not_after)?);
    if now < from {
        let finding = Finding::error("certificate.early", path, format!("is valid from {from}, it is {now}"));
        return Some(finding.fix("check the machine's clock (timedatectl), or wait"));
    }
    let anew = "request a new certificate from your authority";
    if now > until {
        return Some(Finding::error("certificate.expired", path, format!("was valid until {until}, it is {now}")).fix(anew));
    }
    let days = (until.as_second() - now.as_second()) / 86_400;
    (days < SOON_DAYS)
        .then(|| Finding::warning("certificate.soon", path, format!("is valid until {until} only, {days} days more")).fix(anew))
}

/// A serving certificate of another cluster tells that this machine was a node there.
pub(super) fn kubelet(subject: &Subject<'_>) -> Vec<Finding> {
    let answers = &subject.facts.answers;
    let Some(serving) = answers.kubelet_certificate.as_deref() else { return Vec::new() };
    let signed = match answers.kubelet_certificate_signed {
        Some(signed) => Some(signed),
        None => authority(subject.config, subject.facts.cluster.as_ref()).and_then(|authority| issued(serving, &authority)),
    };
    let fix =
        format!("if this machine was a node of another cluster: rm {KUBELET} (kubelet requests another one), and drain it there first");
    match signed {
        Some(true) => Vec::new(),
        Some(false) => {
            let what = format!("was not signed by the certificate authority of cluster {}", subject.config.cluster.name);
            vec![Finding::error("kubelet.certificate", KUBELET, what).fix(fix)]
        }
        None => {
            vec![Finding::warning("kubelet.certificate-unknown", KUBELET, "could not be compared with the cluster's authority").fix(fix)]
        }
    }
}

/// Whether one of the authorities has issued the certificate, by name and key identifier; none if that cannot be told.
fn issued(serving: &str, authorities: &str) -> Option<bool> {
    let serving = first(serving)?;
    let serving = serving.parse_x509().ok()?;
    let wanted = serving.extensions().iter().find_map(|extension| {
        if let ParsedExtension::AuthorityKeyIdentifier(id) = extension.parsed_extension() {
            Some(id.key_identifier.as_ref()?.0)
        } else {
            None
        }
    });
    let mut told = None;
    for authority in blocks(authorities) {
        let Ok(authority) = authority.parse_x509() else { continue };
        let has = authority.extensions().iter().find_map(|extension| {
            if let ParsedExtension::SubjectKeyIdentifier(id) = extension.parsed_extension() { Some(id.0) } else { None }
        });
        let named = serving.issuer().as_raw() == authority.subject().as_raw();
        match (named, wanted, has) {
            (true, Some(wanted), Some(has)) if wanted == has => return Some(true),
            (false, ..) | (true, Some(_), Some(_)) => told = told.or(Some(false)),
            // Names alone say nothing: every cluster's authority is called `kubernetes`.
            (true, ..) => return None,
        }
    }
    told
}

fn unreadable(path: &str) -> Finding {
    Finding::error("certificate.unreadable", path, "holds no X.509 certificate in PEM")
        .fix("convert it: openssl x509 -inform der -in FILE -out FILE.pem")
}

fn first(text: &str) -> Option<Pem> {
    blocks(text).next()
}

/// PEM blocks that are certificates; kubelet's file holds its key too.
fn blocks(text: &str) -> impl Iterator<Item = Pem> {
    Pem::iter_from_buffer(text.as_bytes()).map_while(Result::ok).filter(|block| block.label == "CERTIFICATE")
}
