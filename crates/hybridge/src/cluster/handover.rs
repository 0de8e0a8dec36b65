//! `hybridge cluster handover`: writes what nodes, CNI, gateways and firewalls need, and makes an activation or lab certificates if asked.

mod activation;
mod certificates;
mod files;
mod told;

use std::collections::BTreeSet;
use std::path::Path;

use hybridge_aws::Session;
use hybridge_cluster::config::{ClusterConfig, Provider};
use hybridge_cluster::handover::{Credentials, Document, Handover as Papers, Kind, Known, hand_over};
use hybridge_cluster::permissions::Command;
use hybridge_cluster::resolve::{Cluster, resolve};
use hybridge_cluster::world::World;
use hybridge_node::secret::Secret;
use hybridge_report::{Exit, Finding, Severity};
use jiff::Timestamp;

use self::activation::{Decision, FILE, Written};
use self::files::{Directory, Wanted};
use self::told::{File, Told};
use super::{file, gather, offer};
use crate::args::cluster::{Document as Name, Handover};
use crate::tell;

/// Code of findings about calls that AWS does not allow.
const DENIED: &str = "aws.denied";

pub(super) fn run(asked: &Handover) -> Exit {
    let now = Timestamp::now();
    if !asked.lab_certificates.is_empty() && lacks_authority(asked, now) {
        return authority_first(asked, now);
    }
    let read = match file::read(&asked.file, now) {
        Ok(read) => read,
        Err(exit) => return exit,
    };
    crate::runtime::block_on(async {
        tell::progress("asking AWS");
        let (world, session) = match gather::known(&read.config, &read.annotations, &asked.facts).await {
            Ok(known) => known,
            Err(finding) => return stopped(vec![finding], &read.config, None),
        };
        let account = world.caller.as_ref().map(|caller| caller.account.clone());
        let cluster = match resolve(&read.config, &read.annotations, &world) {
            Ok(cluster) => cluster,
            Err(findings) => return stopped(findings, &read.config, account.as_deref()),
        };
        let work = Work { asked, cluster: &cluster, world: &world, session: session.as_ref(), now };
        match work.run().await {
            Ok(told) => {
                let exit = told.print(asked.output);
                offer_policy(&told.findings, &read.config, account.as_deref());
                exit
            }
            Err(findings) => stopped(findings, &read.config, account.as_deref()),
        }
    })
}

/// Whether all that is wrong with the file is that it has no authority yet.
fn lacks_authority(asked: &Handover, now: Timestamp) -> bool {
    // Standard input can be read only once.
    if asked.file.file == Path::new("-") {
        return false;
    }
    let Ok(parsed) = file::load(&asked.file, now) else { return false };
    let mut errors = parsed.problems.iter().filter(|problem| problem.severity == Severity::Error).peekable();
    errors.peek().is_some() && errors.all(|problem| problem.code == "ca.missing")
}

/// A lab's file gets its authority from here, and cannot be whole before.
fn authority_first(asked: &Handover, now: Timestamp) -> Exit {
    let directory = Directory { path: &asked.dir, force: asked.force, dry_run: asked.dry_run };
    let mut told = Told { dry_run: asked.dry_run, ..Told::default() };
    match certificates::make(&directory, &asked.lab_certificates, now) {
        Ok(made) => {
            let file =
                |(name, action): (String, files::Deed)| File { path: directory.file(&name).display().to_string(), action, private: true };
            told.files.extend(made.files.into_iter().map(file));
            let what = "has no caBundleCert yet, so only an authority for labs and certificates are made";
            let fix = format!(
                "write {} into remoteNetworkConfig.iam.caBundleCert, make the cluster, and run this again",
                directory.file(certificates::AUTHORITY).display()
            );
            told.findings.push(Finding::warning("lab.authority-first", asked.file.file.display().to_string(), what).fix(fix));
        }
        Err(findings) => told.findings.extend(findings),
    }
    told.print(asked.output)
}

fn stopped(findings: Vec<Finding>, config: &ClusterConfig, account: Option<&str>) -> Exit {
    tell::findings(&findings);
    offer_policy(&findings, config, account);
    Exit::Input
}

fn offer_policy(findings: &[Finding], config: &ClusterConfig, account: Option<&str>) {
    if findings.iter().any(|finding| finding.code == DENIED) {
        offer::policy(Command::Handover, config, account);
    }
}

/// What a handover is made from.
#[derive(Clone, Copy)]
struct Work<'a> {
    asked: &'a Handover,
    cluster: &'a Cluster,
    world: &'a World,
    /// None: the facts are a file's.
    session: Option<&'a Session>,
    now: Timestamp,
}

impl Work<'_> {
    fn directory(&self) -> Directory<'_> {
        Directory { path: &self.asked.dir, force: self.asked.force, dry_run: self.asked.dry_run }
    }

    fn kinds(&self) -> BTreeSet<Kind> {
        let named: BTreeSet<Kind> = self.asked.only.iter().map(|name| kind(*name)).collect();
        if named.is_empty() { Kind::USUAL.into() } else { named }
    }

    async fn run(&self) -> Result<Told, Vec<Finding>> {
        let mut told = Told { dry_run: self.asked.dry_run, findings: self.cluster.warnings.clone(), ..Told::default() };
        self.check(&self.kinds())?;
        told.findings.extend(self.world.unanswered.iter().map(|(question, why)| Finding::warning("aws.unanswered", question, why)));
        let mut kinds = self.kinds();
        // The NodeConfig comes last: it may hold what cannot be had twice, so everything else has to have gone well.
        let node = kinds.remove(&Kind::Node);
        let rest = if kinds.is_empty() { Papers::default() } else { self.papers(&kinds, &Credentials::None) };
        self.write_all(&rest.documents, &mut told);
        if node {
            let papers = self.nodes(&mut told).await;
            told.findings.extend(papers.findings);
            told.steps.extend(papers.steps);
        }
        told.findings.extend(rest.findings);
        told.steps.extend(rest.steps);
        told.steps.sort_by_key(|step| step.kind);
        Ok(told)
    }

    fn papers(&self, kinds: &BTreeSet<Kind>, credentials: &Credentials<'_>) -> Papers {
        hand_over(self.cluster, self.world, kinds, credentials)
    }

    /// What does not go together on the command line.
    fn check(&self, kinds: &BTreeSet<Kind>) -> Result<(), Vec<Finding>> {
        let provider = Known::new(self.cluster, self.world).provider();
        let mut findings = Vec::new();
        let mut wrong = |flag: &str, what: &str, fix: &str| findings.push(Finding::error("handover.flags", flag, what).fix(fix));
        if self.asked.activation.is_some() {
            if provider != Some(Provider::Ssm) {
                wrong(
                    "--activation",
                    "makes an activation of Systems Manager, and the file's nodes have none",
                    "write remoteNetworkConfig.iam.provider: ssm into the file, or leave the flag out",
                );
            }
            if self.session.is_none() && !self.asked.dry_run {
                wrong("--activation", "asks AWS, and --facts asks nobody", "leave one of them out, or add --dry-run");
            }
            if !kinds.contains(&Kind::Node) {
                wrong("--activation", "goes into the NodeConfig, which --only leaves out", "add node to --only");
            }
        }
        if !self.asked.lab_certificates.is_empty() && provider != Some(Provider::Ira) {
            wrong(
                "--lab-certificates",
                "makes certificates for IAM Roles Anywhere, and the file's nodes use none",
                "write remoteNetworkConfig.iam.provider: ira into the file, or leave the flag out",
            );
        }
        if !self.asked.lab_certificates.is_empty() && !kinds.contains(&Kind::Node) {
            wrong("--lab-certificates", "belongs to NodeConfigs, which --only leaves out", "add node to --only");
        }
        if findings.is_empty() { Ok(()) } else { Err(findings) }
    }

    fn write_all(&self, documents: &[Document], told: &mut Told) {
        for document in documents {
            let wanted = Wanted { name: &document.name, content: &document.content, private: document.private };
            match self.directory().write(wanted) {
                Ok(action) => told.files.push(self.told_file(&document.name, action, document.private)),
                Err(finding) => told.findings.push(finding),
            }
        }
    }

    fn told_file(&self, name: &str, action: files::Deed, private: bool) -> File {
        File { path: self.asked.dir.join(name).display().to_string(), action, private }
    }

    async fn nodes(&self, told: &mut Told) -> Papers {
        match Known::new(self.cluster, self.world).provider() {
            Some(Provider::Ssm) => self.by_activation(told).await,
            Some(Provider::Ira) | None => self.by_certificate(told),
        }
    }

    fn by_certificate(&self, told: &mut Told) -> Papers {
        let names = &self.asked.lab_certificates;
        if !names.is_empty() {
            match certificates::make(&self.directory(), names, self.now) {
                Ok(made) => {
                    told.findings.extend(self.trusted(made.authority.as_deref()));
                    told.files.extend(made.files.into_iter().map(|(name, action)| self.told_file(&name, action, true)));
                }
                Err(findings) => told.findings.extend(findings),
            }
        }
        let papers = self.papers(&[Kind::Node].into(), &Credentials::Certificates(names));
        self.write_all(&papers.documents, told);
        papers
    }

    /// These certificates are for labs, and let nobody in unless the trust anchor is made from their authority.
    fn trusted(&self, authority: Option<&str>) -> Vec<Finding> {
        let path = self.asked.dir.join(certificates::AUTHORITY).display().to_string();
        let lab = Finding::warning(
            "lab.certificates",
            &path,
            "is an authority for labs: whoever has its key, which lies beside it, gets any node in",
        )
        .fix("take certificates from an authority that is looked after, where machines matter");
        let bundle = self.cluster.ca_bundle.as_deref().unwrap_or_default();
        let known = authority.is_some_and(|authority| certificates::in_bundle(authority, bundle));
        let anchor = (!known).then(|| {
            Finding::warning("lab.trust-anchor", path, "is not in the file's caBundleCert, so the trust anchor knows no certificate of it")
                .fix("write it into remoteNetworkConfig.iam.caBundleCert and run hybridge cluster update -f FILE, or add it to the given trust anchor")
        });
        std::iter::once(lab).chain(anchor).collect()
    }

    async fn by_activation(&self, told: &mut Told) -> Papers {
        let known = Known::new(self.cluster, self.world);
        let wanted = activation::Asked { machines: self.asked.activation, force: self.asked.force, now: self.now };
        let written = activation::written(&self.directory());
        match written.and_then(|written| activation::decide(&known, written, wanted)) {
            Ok(Decision::None) => self.papers(&[Kind::Node].into(), &Credentials::None),
            Ok(Decision::Use(written)) => {
                let papers = self.with_activation(&written.id, written.code.as_ref());
                told.activation = Some(told::Activation { id: Some(written.id), made: false, expires: None, code: None });
                self.write_all(&papers.documents, told);
                papers
            }
            Ok(Decision::Make(wanted)) => self.make(&wanted, told).await,
            Err(finding) => {
                told.findings.push(finding);
                Papers::default()
            }
        }
    }

    fn with_activation(&self, id: &str, code: Option<&Secret>) -> Papers {
        self.papers(&[Kind::Node].into(), &Credentials::Activation { id, code: code.map(Secret::reveal) })
    }

    /// Makes an activation once it is sure that its code has a place.
    async fn make(&self, wanted: &hybridge_cluster::handover::activation::Wanted, told: &mut Told) -> Papers {
        let directory = self.directory();
        if let Err(finding) = self.replaceable() {
            told.findings.push(finding);
            return Papers::default();
        }
        let expires = Some(activation::end(self.now, self.asked.expires));
        let Some(session) = self.session.filter(|_| !self.asked.dry_run) else {
            told.activation = Some(told::Activation { id: None, made: true, expires, code: None });
            let action = if directory.file(FILE).exists() { files::Deed::Replaced } else { files::Deed::Created };
            told.files.push(self.told_file(FILE, action, !self.asked.print_code));
            return Papers { steps: self.with_activation("", None).steps, ..Papers::default() };
        };
        if let Err(finding) = directory.writable() {
            told.findings.push(finding);
            return Papers::default();
        }
        let made = match activation::make(session, wanted, self.now, self.asked.expires).await {
            Ok(made) => made,
            Err(finding) => {
                told.findings.push(finding);
                return Papers::default();
            }
        };
        let (printed, kept) = if self.asked.print_code { (Some(made.code), None) } else { (None, Some(made.code)) };
        let papers = self.with_activation(&made.id, kept.as_ref());
        let force = Directory { force: true, ..directory };
        for document in &papers.documents {
            let wanted = Wanted { name: &document.name, content: &document.content, private: document.private };
            match force.write(wanted) {
                Ok(action) => told.files.push(self.told_file(&document.name, action, document.private)),
                Err(finding) => {
                    told.findings.extend([finding, activation::take_back(session, &made.id).await]);
                    return Papers::default();
                }
            }
        }
        told.activation = Some(told::Activation { id: Some(made.id), made: true, expires, code: printed });
        papers
    }

    /// Whether the NodeConfig may be written anew: it is not there, it is as we wrote it for an activation that takes no machines any
    /// more, or `--force` is given.
    fn replaceable(&self) -> Result<(), Finding> {
        let directory = self.directory();
        let Some(Written { id, code }) = activation::written(&directory)? else {
            return directory.deed(Wanted { name: FILE, content: "", private: true }).map(|_| ());
        };
        let ours = self.with_activation(&id, code.as_ref());
        ours.documents
            .iter()
            .try_for_each(|document| directory.deed(Wanted { name: FILE, content: &document.content, private: false }).map(|_| ()))
    }
}

fn kind(name: Name) -> Kind {
    match name {
        Name::Node => Kind::Node,
        Name::Cilium => Kind::Cilium,
        Name::Gateway => Kind::Gateway,
        Name::GatewayCloud => Kind::GatewayCloud,
        Name::Firewall => Kind::Firewall,
        Name::Terraform => Kind::Terraform,
    }
}
