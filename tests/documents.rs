//! Every command of the lab that the documents show is run, as it stands there.

use std::path::{Path, PathBuf};
use std::process::Command;

const LAB: &str = include_str!("../docs/lab.md");

/// Lines of `sh` blocks that begin with `program`, without their comments.
fn commands<'a>(document: &'a str, program: &str) -> Vec<&'a str> {
    let blocks = document.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).map(|line| line.split(" #").next().unwrap_or(line).trim());
    lines.filter(|line| line.starts_with(program)).collect()
}

fn binaries() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_hybridge")).parent().expect("a binary is in a folder").to_owned()
}

#[test]
fn the_commands_of_the_lab_page_work_as_they_stand_there() {
    let lines = commands(LAB, "hybridge ");
    assert!(lines.len() >= 6, "the page shows {lines:?}");
    for program in ["hybridge-lab", "hybridge-gateway"] {
        assert!(binaries().join(program).exists(), "{program} is not built; run `cargo build` or `cargo test --workspace`");
    }
    let folder = tempfile::tempdir().expect("a folder for results");
    let path = format!("{}:{}", binaries().display(), std::env::var("PATH").unwrap_or_default());
    for line in lines {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(&folder).env("PATH", &path).env("XDG_RUNTIME_DIR", folder.path());
        let output = shell.output().expect("a shell");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "`{line}` ended with {}\n{out}\n{err}", output.status);
        assert!(!out.is_empty() || line.ends_with("down") || line.contains("--detach"), "`{line}` printed nothing");
    }
    for file in ["results/report.json", "results/timeline.svg"] {
        assert!(folder.path().join(file).exists(), "{file} was not written");
    }
}
