//! `hybridge lni ami`.

use hybridge_aws::{CallError, Session, Wishes};
use hybridge_lni::ami::{self, InstanceType, Limits, Server, Subnet, Template};
use hybridge_lni::verdict::Verdict;
use hybridge_report::{Exit, Finding, chain};
use jiff::Timestamp;

use super::verdicts;
use crate::args::lni::Ami;
use crate::tell;

pub(crate) fn run(flags: &Ami) -> Exit {
    let judged = crate::runtime::block_on(async {
        let wishes = Wishes { region: flags.region.clone(), profile: flags.profile.clone(), config_file: None };
        let session = Session::open(&wishes)
            .await
            .map_err(|error| Finding::error("aws.configuration", "the AWS configuration", chain(&error)).fix(error.fix()))?;
        judge(flags, &session).await
    });
    match judged {
        Ok(judged) => verdicts::print(&judged, flags.output),
        Err(finding) => {
            tell::line(finding);
            Exit::Input
        }
    }
}

fn refused(error: &CallError) -> Finding {
    let finding = Finding::error("aws.refused", "EC2", chain(error));
    match error.fix() {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

async fn judge(flags: &Ami, session: &Session) -> Result<Vec<Verdict>, Finding> {
    let mut judged = Vec::new();
    let mut templates = Vec::new();
    for name in &flags.launch_template {
        let found = session.launch_template(name, &flags.version).await.map_err(|error| refused(&error))?;
        let template = found.ok_or_else(|| missing(&format!("{name} {}", flags.version), "launch template", session))?;
        let asked = flags.instance_type.as_deref().or(Some(template.instance_type.as_str()).filter(|name| !name.is_empty()));
        let kind = kind(session, asked).await?;
        if template.image.is_empty() {
            let what = "it names no AMI, so none is judged";
            tell::line(Finding::warning("ami.none", name, what).fix("name it as well: `hybridge lni ami AMI --launch-template …`"));
        } else {
            judged.extend(image(flags, session, &template.image, kind.as_ref(), &template).await?);
        }
        let subnets = subnets(flags, session, &template).await?;
        judged.extend(ami::launch(&template, &Server { index: flags.device_index, subnets: &subnets, kind: kind.as_ref() }));
        templates.push((template, subnets));
    }
    if templates.len() > 1 {
        judged.push(ami::agree(&templates));
    }
    let kind = kind(session, flags.instance_type.as_deref()).await?;
    for id in &flags.images {
        judged.extend(image(flags, session, id, kind.as_ref(), &Template::default()).await?);
    }
    Ok(judged)
}

async fn kind(session: &Session, name: Option<&str>) -> Result<Option<InstanceType>, Finding> {
    let Some(name) = name else { return Ok(None) };
    let found = session.server_type(name).await.map_err(|error| refused(&error))?;
    found.map(Some).ok_or_else(|| missing(name, "instance type", session))
}

async fn image(
    flags: &Ami,
    session: &Session,
    id: &str,
    kind: Option<&InstanceType>,
    template: &Template,
) -> Result<Vec<Verdict>, Finding> {
    let found = session.images(&[id]).await.map_err(|error| refused(&error))?.pop();
    let found = found.ok_or_else(|| missing(id, "AMI", session))?;
    let limits = Limits { now: Some(Timestamp::now()), storage: flags.instance_store_size };
    Ok(ami::examine(&found, kind, &template.devices, limits))
}

async fn subnets(flags: &Ami, session: &Session, template: &Template) -> Result<Vec<Subnet>, Finding> {
    let of_template = template.interfaces.iter().map(|interface| interface.subnet.clone()).filter(|subnet| !subnet.is_empty());
    let mut ids: Vec<String> = of_template.chain(flags.subnet.iter().cloned()).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = session.server_subnets(&ids).await.map_err(|error| refused(&error))?;
    match ids.iter().find(|id| !found.iter().any(|subnet| subnet.id == **id)) {
        Some(id) => Err(missing(id, "subnet", session)),
        None => Ok(found),
    }
}

fn missing(name: &str, what: &str, session: &Session) -> Finding {
    let text = format!("there is no such {what} in {} that this account may see", session.region());
    Finding::error("aws.not-found", name, text)
        .fix("mind the spelling and the region; an AMI of another account must be shared with this one")
}
