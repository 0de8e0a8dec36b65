//! Pods of the story: a small web server that says its name, on whatever node.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::StoryError;
use crate::real::{Kube, RealError, condition, image};

/// Their image.
pub(super) const IMAGE: &str = "hybridge.test/talk:1";

/// Their container.
pub(super) const CONTAINER: &str = "talk";

/// Port of the server.
pub const PORT: u16 = 8080;

/// The namespace that they are in.
pub(super) const SPACE: &str = "story";

/// How long a pod may take from its creation until it runs.
const RUNNING: Duration = Duration::from_secs(120);

/// Answers everybody with its name. Without a name it holds a pod's namespaces and waits.
const PROGRAM: &str = r#"#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void end(int signal) { (void)signal; _exit(0); }
int main(void) {
  const char *name = getenv("NAME");
  signal(SIGTERM, end);
  signal(SIGINT, end);
  if (!name) for (;;) pause();
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(8080) };
  int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8)) return 1;
  for (;;) {
    char request[4096], answer[512];
    int client = accept(listener, 0, 0);
    int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", strlen(name), name);
    if (read(client, request, sizeof request) > 0) (void)!write(client, answer, length);
    close(client);
  }
}
"#;

/// Compiles the program, once.
pub(super) fn program(directory: &Path) -> Result<PathBuf, StoryError> {
    let program = directory.join("talk");
    if !program.exists() {
        image::compile(PROGRAM, &program)?;
    }
    Ok(program)
}

/// A pod that runs.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its node.
    pub node: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// As the API server has it.
    pub(super) object: Value,
}

impl Pod {
    /// The identifier of its container, as containerd has it.
    pub(super) fn container(&self) -> &str {
        let id = self.object.pointer("/status/containerStatuses/0/containerID").and_then(Value::as_str);
        id.and_then(|id| id.strip_prefix("containerd://")).unwrap_or_default()
    }
}

/// Puts a pod onto a node.
pub(super) fn create(kube: &Kube, name: &str, node: &str) -> Result<(), StoryError> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": SPACE},
        "spec": {
            "nodeName": node, "automountServiceAccountToken": false, "enableServiceLinks": false, "terminationGracePeriodSeconds": 1,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{
                "name": CONTAINER, "image": IMAGE, "imagePullPolicy": "Never", "env": [{"name": "NAME", "value": name}],
            }],
        },
    });
    Ok(kube.create(&format!("/api/v1/namespaces/{SPACE}/pods"), &pod).map(drop)?)
}

/// Waits until a pod is ready and has an address.
pub(super) fn wait(kube: &Kube, name: &str) -> Result<Pod, StoryError> {
    let path = format!("/api/v1/namespaces/{SPACE}/pods/{name}");
    let address = |pod: &Value| pod.pointer("/status/podIP").and_then(Value::as_str)?.parse().ok();
    let ready = |pod: Option<&Value>| pod.is_some_and(|pod| condition(pod, "Ready") && address(pod).is_some());
    let object = kube.wait("the pod to run", &path, RUNNING, ready)?.unwrap_or_default();
    let node = object.pointer("/spec/nodeName").and_then(Value::as_str).unwrap_or_default().to_owned();
    let address =
        address(&object).ok_or_else(|| RealError::NotUnderstood { request: format!("GET {path}"), wanted: "status.podIP".into() })?;
    Ok(Pod { name: name.into(), node, address, object })
}
