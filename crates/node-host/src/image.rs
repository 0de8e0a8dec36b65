//! Images that have to be there before the first pod.

use std::fs::File;
use std::io::{self, Read};

use hybridge_report::{Finding, chain};

use crate::apply::Run;
use crate::command::Call;
use crate::error::ApplyError;
use crate::host::Host;
use crate::report::{Change, Deed};

/// Largest list of names that is read from an archive, in bytes; that of one image has some hundred.
const LIST: u64 = 1 << 20;

impl Run<'_> {
    /// Imports the images of an archive, unless all of them are there and unpacked for the snapshotter.
    pub(crate) fn import_image(&mut self, archive: &str, snapshotter: &str) -> Result<(), ApplyError> {
        let names = names(self.host, archive).map_err(ApplyError::file("read", archive))?;
        if !names.is_empty() && names.iter().all(|name| is_ready(self.host, name, Some(snapshotter))) {
            return Ok(());
        }
        self.act(&Call::change("ctr", ["-n", "k8s.io", "images", "import", "--snapshotter", snapshotter, archive]))?;
        self.changed(Change::new(Deed::Fetch, archive).with(format!("for {snapshotter}")));
        Ok(())
    }

    /// Pulls an image. The kubelet can do that too, later: a failure is a warning.
    pub(crate) fn pull_image(&mut self, image: &str) {
        if is_ready(self.host, image, None) {
            return;
        }
        let why = match self.pull(image) {
            Ok(()) => return self.changed(Change::new(Deed::Fetch, image)),
            Err(error) => chain(&error),
        };
        let fix = "the first pod waits until the kubelet has pulled it; see whether this machine reaches the registry";
        self.warn(Finding::warning("apply.image", image, why).fix(fix));
    }

    fn pull(&mut self, image: &str) -> Result<(), ApplyError> {
        let Some(credentials) = (self.options.registry)(image) else {
            let ctr = Call::change("ctr", ["-n", "k8s.io", "images", "pull", image]);
            let crictl = Call::change("crictl", ["pull", image]);
            return self.act(if self.host.program("crictl").is_some() { &crictl } else { &ctr }).map(drop);
        };
        // By the environment, which others cannot read; ctr takes a password as an argument only.
        let env = vec![("CRICTL_CREDS".to_owned(), credentials.reveal().to_owned())];
        let hidden = vec![credentials.reveal().to_owned()];
        self.act(&Call { env, hidden, ..Call::change("crictl", ["pull", image]) }).map(drop)
    }
}

/// Whether containerd has all of an image, unpacked.
pub(crate) fn is_ready(host: &Host, image: &str, snapshotter: Option<&str>) -> bool {
    let call = Call::question("ctr", ["-n", "k8s.io", "images", "check", "--quiet"]);
    let call = call.and(snapshotter.into_iter().flat_map(|name| ["--snapshotter", name])).and([format!("name=={image}")]);
    host.answer(&call).is_some_and(|text| text.lines().any(|line| line.trim() == image))
}

/// Names of the images in an archive of Docker's or OCI's layout.
pub(crate) fn names(host: &Host, archive: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in tar::Archive::new(File::open(host.path(archive))?).entries()? {
        let entry = entry?;
        let path = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        if path != "manifest.json" && path != "index.json" {
            continue;
        }
        let mut text = String::new();
        entry.take(LIST).read_to_string(&mut text)?;
        names.extend(named(&serde_json::from_str(&text)?));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// `RepoTags` of Docker's list, containerd's annotation of OCI's.
fn named(list: &serde_json::Value) -> Vec<String> {
    let docker = list.as_array().into_iter().flatten().filter_map(|image| image["RepoTags"].as_array()).flatten();
    let oci = list["manifests"].as_array().into_iter().flatten().map(|image| &image["annotations"]["io.containerd.image.name"]);
    docker.chain(oci).filter_map(|name| name.as_str()).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_layouts_name_their_images() {
        assert_eq!(named(&json!([{"RepoTags": ["localhost/kubernetes/pause:latest"]}])), ["localhost/kubernetes/pause:latest"]);
        let oci = json!({"manifests": [{"annotations": {"io.containerd.image.name": "a/b:1"}}, {}]});
        assert_eq!(named(&oci), ["a/b:1"]);
    }
}
