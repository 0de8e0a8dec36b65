//! What is installed in a cluster.

use crate::args::lni::Controller;

/// ServiceAccount, roles and Deployment as YAML. Two replicas: one leads, the other takes over.
pub(super) fn manifest(flags: &Controller, image: &str) -> String {
    let namespace = flags.namespace.as_deref().unwrap_or("kube-system");
    let mut arguments = vec!["lni".to_owned(), "controller".to_owned(), format!("--cluster={}", flags.cluster)];
    arguments.extend(flags.region.iter().map(|region| format!("--region={region}")));
    arguments.push("--admin=0.0.0.0:10081".into());
    arguments
        .extend([(flags.delete, "--delete"), (flags.create, "--create")].into_iter().filter(|(is, _)| *is).map(|(_, flag)| flag.into()));
    let arguments: String = arguments.iter().map(|argument| format!("            - {argument:?}\n")).collect();
    MANIFEST.replace("NAMESPACE", namespace).replace("IMAGE", &format!("{image:?}")).replace("            - ARGUMENTS\n", &arguments)
}

const MANIFEST: &str = r#"apiVersion: v1
kind: ServiceAccount
metadata:
  name: hybridge-lni-controller
  namespace: NAMESPACE
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: hybridge-lni-controller
rules:
  - apiGroups: [""]
    resources: [nodes]
    verbs: [get, list, watch]
  - apiGroups: [""]
    resources: [events]
    verbs: [create]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: hybridge-lni-controller
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: hybridge-lni-controller
subjects:
  - kind: ServiceAccount
    name: hybridge-lni-controller
    namespace: NAMESPACE
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: hybridge-lni-controller
  namespace: NAMESPACE
rules:
  - apiGroups: [coordination.k8s.io]
    resources: [leases]
    verbs: [get, create, update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: hybridge-lni-controller
  namespace: NAMESPACE
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: hybridge-lni-controller
subjects:
  - kind: ServiceAccount
    name: hybridge-lni-controller
    namespace: NAMESPACE
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: hybridge-lni-controller
  namespace: NAMESPACE
spec:
  replicas: 2
  selector:
    matchLabels: {app.kubernetes.io/name: hybridge-lni-controller}
  template:
    metadata:
      labels: {app.kubernetes.io/name: hybridge-lni-controller}
    spec:
      serviceAccountName: hybridge-lni-controller
      securityContext: {runAsNonRoot: true, runAsUser: 65532}
      containers:
        - name: controller
          image: IMAGE
          command: [hybridge]
          args:
            - ARGUMENTS
          ports: [{name: admin, containerPort: 10081}]
          livenessProbe: {httpGet: {path: /healthz, port: admin}}
          resources:
            requests: {cpu: 10m, memory: 32Mi}
            limits: {memory: 64Mi}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
"#;

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::lni::Lni;
    use crate::args::{Arguments, Part};

    #[test]
    fn the_deployment_runs_what_was_asked_for_and_deletes_only_then() {
        let of = |rest: &str| {
            let line = format!("hybridge lni controller --cluster shop --manifest --image r/h:1 {rest}");
            let Part::Lni(Lni::Controller(flags)) = Arguments::try_parse_from(line.split_whitespace()).unwrap().part else {
                panic!("{line}")
            };
            manifest(&flags, flags.image.as_deref().unwrap())
        };
        let first = of("");
        assert!(
            first.contains("namespace: kube-system") && first.contains("- \"--cluster=shop\"") && first.contains("image: \"r/h:1\""),
            "{first}"
        );
        assert!(!first.contains("--delete") && !first.contains("NAMESPACE") && !first.contains("ARGUMENTS"), "{first}");
        assert!(of("--delete -n net").contains("- \"--delete\"") && of("-n net").contains("namespace: net"));
    }
}
