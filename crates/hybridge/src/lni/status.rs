//! `hybridge lni status`.

use std::fmt::Write as _;
use std::path::Path;

use hybridge_lni_host::status::{self, Phase, Status as Told};
use hybridge_lni_host::store::Store;
use hybridge_report::{Exit, Finding};

use crate::args::Output;
use crate::args::lni::Status;
use crate::tell;

pub(crate) fn run(flags: &Status) -> Exit {
    let directory = &flags.state.state_dir;
    let Some(mut told) = status::read(&Store::new(directory)) else {
        let what = "no agent has ever run here, or its files cannot be read";
        let fix = "start it: `systemctl start hybridge-lni`, or `hybridge lni run -c FILE`; reading its files takes root";
        tell::line(Finding::error("lni.status", directory.display().to_string(), what).fix(fix));
        return Exit::Input;
    };
    let runs = Path::new("/proc").join(told.process.to_string()).exists();
    if !runs {
        told.phase = Phase::Stopped;
    }
    let printed = match flags.output {
        Output::Table => tell::data(&text(&told)),
        form @ (Output::Json | Output::Yaml) => tell::structured(form, &told),
    };
    // For scripts: whether the LNI answers and nobody fights about it.
    let answers = told.phase == Phase::Ready && told.contested.is_empty();
    if printed == Exit::Ok && !answers { Exit::Input } else { printed }
}

fn text(told: &Told) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| writeln!(text, "{name:<11}{value}").expect("writing to a text cannot fail");
    line("state", told.phase.to_string());
    let interface = told.interface.as_deref().unwrap_or("-");
    line("interface", told.mac.map_or_else(|| interface.to_owned(), |mac| format!("{interface} ({mac})")));
    line("address", told.address.map_or_else(|| "-".into(), |address| address.to_string()));
    if let Some(lease) = &told.lease {
        line("lease", format!("from {}, renewed {}, until {}", lease.server, lease.renew, lease.expires));
    }
    let last = told
        .last_repair
        .as_ref()
        .map(|repair| format!(", the last {} within {} ms: {}", repair.time, repair.milliseconds, repair.changes.join("; ")));
    line("repairs", format!("{}{}", told.repairs, last.unwrap_or_default()));
    for contest in &told.contested {
        let (object, culprit) = (&contest.object, contest.culprit);
        line("contested", format!("{object}: {} times in 5 minutes, probably by {culprit}", contest.times));
        line("", format!("hint: {}", culprit.hint()));
    }
    for finding in &told.findings {
        let severity = if finding.error { "error" } else { "warning" };
        line(severity, format!("[{}] {}: {}", finding.code, finding.place, finding.what));
        if let Some(fix) = &finding.fix {
            line("", format!("hint: {fix}"));
        }
    }
    text
}
