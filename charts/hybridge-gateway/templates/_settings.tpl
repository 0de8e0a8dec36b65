{{/*
What a value is where it is missing: `helm upgrade --reuse-values` from another chart's release, or from an older version of this one,
brings none of the values that are new here. A test compares this with values.yaml.
*/}}
{{- define "hybridge-gateway.defaults" -}}
image:
  repository: ghcr.io/hybridge/hybridge-gateway
  tag: ""
  digest: ""
  pullPolicy: IfNotPresent
replicas: 2
nodeLabel: hybrid-gateway-node
vpcCIDR: ""
podCIDRs: ""
routeTableIDs: ""
autoMode:
  enabled: true
nameOverride: ""
fullnameOverride: ""
imagePullSecrets: []
leaderElection:
  id: hybrid-gateway-leader
  leaseDuration: 3s
  renewDeadline: 2s
  retryPeriod: 1s
adoptRoutes: false
massDeleteHold: 5m
mtu: 0
debug: false
log:
  format: json
aws:
  region: ""
  caBundle:
    configMap: ""
    key: ca.crt
extraEnv: []
admin:
  address: ""
  healthPort: 8088
  metricsPort: 10080
serviceAccount:
  create: true
  name: ""
  annotations: {}
podAnnotations: {}
podLabels: {}
securityContext:
  runAsUser: 0
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities:
    drop: [ALL]
    add: [NET_ADMIN]
  seccompProfile:
    type: RuntimeDefault
resources:
  requests:
    cpu: 50m
    memory: 32Mi
  limits:
    memory: 128Mi
priorityClassName: system-cluster-critical
terminationGracePeriodSeconds: 30
tolerations: []
podDisruptionBudget:
  enabled: true
  maxUnavailable: 1
podMonitor:
  enabled: false
  interval: 30s
  labels: {}
checkOtherInstallations: true
{{- end }}

{{/*
Puts missing values in place. Each template begins with it.
*/}}
{{- define "hybridge-gateway.prepare" -}}
{{- include "hybridge-gateway.fill" (list .Values (include "hybridge-gateway.defaults" . | fromYaml)) -}}
{{- end }}

{{/*
Fills the first map from the second. Maps that users may write as they like count as one value: what is missing in them may have been
removed by `null`.
*/}}
{{- define "hybridge-gateway.fill" -}}
{{- $values := index . 0 -}}
{{- range $key, $default := index . 1 -}}
  {{- $given := index $values $key -}}
  {{- if kindIs "invalid" $given -}}
    {{- $_ := set $values $key $default -}}
  {{- else if and (kindIs "map" $default) (not (has $key (list "securityContext" "resources" "annotations" "labels"))) -}}
    {{- include "hybridge-gateway.fill" (list $given $default) -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/*
The items of a value that is a list, or a string with commas; as a JSON list.
*/}}
{{- define "hybridge-gateway.items" -}}
{{- $items := list -}}
{{- range (kindIs "string" . | ternary (splitList "," (toString .)) .) -}}
  {{- with trim (toString .) -}}
    {{- $items = append $items . -}}
  {{- end -}}
{{- end -}}
{{- toJson (uniq $items) -}}
{{- end }}

{{/*
The same, with commas, as the gateway takes it.
*/}}
{{- define "hybridge-gateway.joined" -}}
{{- include "hybridge-gateway.items" . | fromJsonArray | join "," -}}
{{- end }}
