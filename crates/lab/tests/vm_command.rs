//! `hybridge-lab vm` as people call it.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

/// Tests that need what `cargo xtask real` makes.
mod with_real_parts {
    use std::fs;
    use std::io::Write as _;
    use std::path::PathBuf;
    use std::process::{Command, Output, Stdio};
    use std::time::{Duration, Instant};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    fn vm(arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hybridge-lab"));
        command.arg("vm").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that does not read its input may have ended already.
        let _ended = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Exit code, standard output, standard error.
    fn said(arguments: &[&str], input: &str) -> (i32, String, String) {
        let output = vm(arguments, input);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// Ends a machine also when its test fails: it would keep a place that other tests wait for.
    struct DownAtLast(String);

    impl Drop for DownAtLast {
        fn drop(&mut self) {
            vm(&["down", &self.0], "");
        }
    }

    /// Processes with that text in their arguments.
    fn processes_with(text: &str) -> Vec<String> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let arguments = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        arguments.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).filter(|line| line.contains(text)).collect()
    }

    fn left_in_temporary_folder(name: &str) -> Vec<PathBuf> {
        let files = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
        files.filter(|entry| entry.file_name().to_string_lossy().contains(name)).map(|entry| entry.path()).collect()
    }

    fn eventually(what: &str, done: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while !done() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_machine_goes_up_does_what_it_is_told_and_goes_down() {
        let name = format!("test-{}", std::process::id());
        let _down = DownAtLast(name.clone());
        let (code, text, problems) = said(&["up", "--name", &name, "--memory", "512"], "");
        assert!(code == 0 && text.contains(&format!("Machine `{name}` runs after ")), "{code} {text} {problems}");
        let up_again = said(&["up", "--name", &name], "").2;
        assert!(up_again.contains(&format!("a machine named `{name}` is up already")), "{up_again}");

        let script = "read word; echo $word; echo problem >&2; exit 7";
        assert_eq!(said(&["exec", &name, "-i", "--", "sh", "-c", script], "given\n"), (7, "given\n".into(), "problem\n".into()));
        assert_eq!(said(&["exec", &name, "--", "hostname"], "").1, format!("{name}\n"));
        let folder = tempfile::tempdir().unwrap();
        let (there, back) = (folder.path().join("there"), folder.path().join("back"));
        fs::write(&there, "content").unwrap();
        let inside = format!("{name}:/var/tmp/file");
        assert_eq!(said(&["copy", there.to_str().unwrap(), &inside], "").0, 0);
        assert_eq!(said(&["copy", &inside, back.to_str().unwrap()], "").0, 0);
        assert_eq!(fs::read_to_string(back).unwrap(), "content");
        assert!(said(&["console", &name], "").1.contains("Run /sbin/init as init process"));
        assert!(said(&["list"], "").1.lines().any(|line| line.starts_with(&name)));

        assert_eq!(said(&["down", &name], "").0, 0);
        assert_eq!(left_in_temporary_folder(&name), Vec::<PathBuf>::new());
        eventually("QEMU ends", || processes_with(&name).is_empty());
        let (code, _, problem) = said(&["exec", &name, "--", "true"], "");
        assert!(code == 1 && problem.contains(&format!("no machine named `{name}` is up")), "{code} {problem}");
    }

    #[test]
    fn a_machine_whose_holder_is_killed_leaves_no_process() {
        let name = format!("killed-{}", std::process::id());
        let share = tempfile::tempdir().unwrap();
        let arguments = ["vm", "up", "--foreground", "--name", &name, "--share", share.path().to_str().unwrap()];
        let mut holder = Command::new(env!("CARGO_BIN_EXE_hybridge-lab")).args(arguments).stdin(Stdio::null()).spawn().unwrap();
        let of_qemu = format!("systemd.hostname={name} ");
        eventually("QEMU runs", || !processes_with(&of_qemu).is_empty() && !processes_with(&format!("hybridge-vm-{name}")).is_empty());
        kill(Pid::from_raw(holder.id().try_into().unwrap()), Signal::SIGKILL).unwrap();
        holder.wait().unwrap();
        eventually("every process of it ends", || processes_with(&name).is_empty());
        for left in left_in_temporary_folder(&name) {
            fs::remove_dir_all(left).unwrap();
        }
    }

    #[test]
    fn what_is_neither_here_nor_in_a_machine_cannot_be_copied() {
        let (code, _, problem) = said(&["copy", "a", "b"], "");
        assert!(code == 1 && problem.contains("one of `a` and `b` has to be NAME:PATH"), "{code} {problem}");
        assert_eq!(said(&["down", "nobodys"], "").0, 0);
        assert_eq!(said(&["list"], "").0, 0);
    }
}
