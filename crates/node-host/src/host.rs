//! A machine: where its files are, and who runs its programs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::command::{Call, Output, RunError, Runner, System};

/// The machine that is looked at or changed.
pub struct Host {
    /// In front of every path: `/`, or a directory in tests.
    pub root: PathBuf,
    /// Runs programs.
    pub run: Box<dyn Runner>,
    /// Directories that programs are looked for in, as in `PATH`.
    pub search: Vec<String>,
}

impl Host {
    /// This machine.
    pub fn system() -> Self {
        let search = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into());
        Self {
            root: "/".into(),
            run: Box::new(System),
            search: search.split(':').filter(|dir| dir.starts_with('/')).map(String::from).collect(),
        }
    }

    /// Files below `root`, programs run by `run`.
    pub fn below(root: impl Into<PathBuf>, run: impl Runner + 'static) -> Self {
        Self { root: root.into(), run: Box::new(run), search: ["/usr/local/bin", "/usr/sbin", "/usr/bin"].map(String::from).into() }
    }

    /// Whether this is the machine itself and not a directory.
    pub fn is_system(&self) -> bool {
        self.root == Path::new("/")
    }

    /// Where a path of the machine is.
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Path on the machine of something below the root.
    pub fn name(&self, path: &Path) -> String {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        Path::new("/").join(below).to_string_lossy().into_owned()
    }

    /// Writes one file, with its directories, so that it is there whole or not at all.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &str, text: &str, mode: u32) -> io::Result<()> {
        let path = self.path(path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        crate::commit::write_file(&path, text.as_bytes(), mode, None)
    }

    /// Text of a file; `None` if it is not there.
    pub(crate) fn text(&self, path: &str) -> io::Result<Option<String>> {
        match fs::read(self.path(path)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// First line of a small file of `/proc` or `/sys`, without its end.
    pub(crate) fn line(&self, path: &str) -> Option<String> {
        self.text(path).ok().flatten().map(|text| text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// Whether SELinux enforces its policy; `None` without SELinux.
    pub(crate) fn selinux_enforcing(&self) -> Option<bool> {
        self.line("/sys/fs/selinux/enforce").map(|line| line == "1")
    }

    /// Names in a directory, sorted; none if it cannot be read.
    pub(crate) fn names(&self, path: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(path)) else { return Vec::new() };
        let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Path of a program on `PATH`.
    pub(crate) fn program(&self, name: &str) -> Option<String> {
        self.search.iter().map(|dir| format!("{dir}/{name}")).find(|path| self.executable(path))
    }

    /// Whether a file is there and may be executed.
    pub(crate) fn executable(&self, path: &str) -> bool {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(self.path(path)).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    }

    /// Runs a program that changes nothing.
    pub(crate) fn ask(&self, call: &Call) -> Result<Output, RunError> {
        self.run.run(call)
    }

    /// Standard output of a program that changes nothing; `None` if it failed in any way.
    pub(crate) fn answer(&self, call: &Call) -> Option<String> {
        self.ask(call).ok().filter(Output::good).map(|output| output.stdout)
    }

    /// Kernel name of a device (`nvme1n1`) behind any of its names.
    pub(crate) fn kernel_name(&self, device: &str) -> Option<String> {
        let real = fs::canonicalize(self.path(device)).ok()?;
        real.file_name().map(|name| name.to_string_lossy().into_owned())
    }

    /// Arrays of the machine with the kernel names of their members, both sorted.
    pub(crate) fn arrays(&self) -> Vec<(String, Vec<String>)> {
        let arrays = self.names("/sys/block").into_iter().filter(|name| name.starts_with("md"));
        arrays.map(|name| (format!("/dev/{name}"), self.names(&format!("/sys/block/{name}/slaves")))).collect()
    }
}
