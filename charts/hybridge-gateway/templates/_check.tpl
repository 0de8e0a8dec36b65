{{/*
What the schema cannot tell: every problem at once, each with the value's key and what to write instead.
*/}}
{{- define "hybridge-gateway.check" -}}
{{- $problems := concat
      (include "hybridge-gateway.check.networks" . | fromJsonArray)
      (include "hybridge-gateway.check.tables" . | fromJsonArray)
      (include "hybridge-gateway.check.pod" . | fromJsonArray)
      (include "hybridge-gateway.check.environment" . | fromJsonArray)
      (include "hybridge-gateway.check.budget" . | fromJsonArray)
      (include "hybridge-gateway.check.cluster" . | fromJsonArray) -}}
{{- with $problems -}}
{{- fail (printf "\n\nThe values do not make a gateway:\n\n- %s\n" (join "\n- " .)) -}}
{{- end -}}
{{- end }}

{{/*
An address as a number, 167772160 for 10.0.0.0; and the other way.
*/}}
{{- define "hybridge-gateway.number" -}}
{{- $number := 0 -}}
{{- range splitList "." . -}}
  {{- $number = add (mul $number 256) (int .) -}}
{{- end -}}
{{- $number -}}
{{- end }}

{{- define "hybridge-gateway.address" -}}
{{- $octets := list -}}
{{- $rest := int64 . -}}
{{- range until 4 -}}
  {{- $octets = prepend $octets (toString (mod $rest 256)) -}}
  {{- $rest = div $rest 256 -}}
{{- end -}}
{{- join "." $octets -}}
{{- end }}

{{/*
One network: {text, first, last} as JSON, or {problem}.
*/}}
{{- define "hybridge-gateway.network" -}}
{{- $octet := "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])" -}}
{{- $address := printf "(%s[.]){3}%s" $octet $octet -}}
{{- if contains ":" . -}}
  {{- dict "problem" "is IPv6; only IPv4 goes through the tunnel, so give the IPv4 network" | toJson -}}
{{- else if regexMatch (printf "^%s$" $address) . -}}
  {{- dict "problem" (printf "has no prefix length; write %s/32 for this one address, or the network that it is in" .) | toJson -}}
{{- else if not (regexMatch (printf "^%s/(3[0-2]|[12]?[0-9])$" $address) .) -}}
  {{- dict "problem" "is no network; write it like 10.0.0.0/16, several as a list or with commas" | toJson -}}
{{- else -}}
  {{- $parts := splitList "/" . -}}
  {{- $given := include "hybridge-gateway.number" (first $parts) | int64 -}}
  {{- $size := 1 -}}
  {{- range until (sub 32 (int (last $parts)) | int) -}}
    {{- $size = mul $size 2 -}}
  {{- end -}}
  {{- $host := mod $given $size -}}
  {{- if $host -}}
    {{- $network := include "hybridge-gateway.address" (sub $given $host) -}}
    {{- dict "problem" (printf "has host bits set; write %s/%s" $network (last $parts)) | toJson -}}
  {{- else -}}
    {{- dict "text" . "first" (toString $given) "last" (toString (sub (add $given $size) 1)) | toJson -}}
  {{- end -}}
{{- end -}}
{{- end }}

{{/*
vpcCIDR and podCIDRs: there, each a network that hosts can have, none in another.
*/}}
{{- define "hybridge-gateway.check.networks" -}}
{{- $special := list
      (dict "first" 2130706432 "last" 2147483647 "why" "loopback (127.0.0.0/8), which no packet leaves its host for")
      (dict "first" 2851995648 "last" 2852061183 "why" "link-local (169.254.0.0/16), which no router forwards to")
      (dict "first" 3758096384 "last" 4026531839 "why" "multicast (224.0.0.0/4), of which no pod or node has an address") -}}
{{- $problems := list -}}
{{- $seen := list -}}
{{- $whats := dict "vpcCIDR" "the networks of the cluster's VPC, for example 10.0.0.0/16" "podCIDRs" "the networks of hybrid pods, for example 10.250.0.0/16" -}}
{{- range $key := list "vpcCIDR" "podCIDRs" -}}
  {{- $items := include "hybridge-gateway.items" (get $.Values $key) | fromJsonArray -}}
  {{- if not $items -}}
    {{- $problems = append $problems (printf "%s is required: %s" $key (get $whats $key)) -}}
  {{- end -}}
  {{- range $items -}}
    {{- $network := include "hybridge-gateway.network" . | fromJson -}}
    {{- if $network.problem -}}
      {{- $problems = append $problems (printf "%s: %s %s" $key . $network.problem) -}}
    {{- else -}}
      {{- range $special -}}
        {{- if and (ge (int64 $network.first) (int64 .first)) (le (int64 $network.last) (int64 .last)) -}}
          {{- $problems = append $problems (printf "%s: %s is %s; give %s" $key $network.text .why (get $whats $key)) -}}
        {{- end -}}
      {{- end -}}
      {{- range $seen -}}
        {{- if and (le (int64 .first) (int64 $network.last)) (le (int64 $network.first) (int64 .last)) -}}
          {{- $fix := eq .key $key | ternary "leave one out, as each address can belong to one network only" "hybrid pods need networks outside the VPC's" -}}
          {{- $problems = append $problems (printf "%s: %s overlaps %s of %s; %s" $key $network.text .text .key $fix) -}}
        {{- end -}}
      {{- end -}}
      {{- $seen = append $seen (set $network "key" $key) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end }}

{{- define "hybridge-gateway.check.tables" -}}
{{- $problems := list -}}
{{- $items := include "hybridge-gateway.items" .Values.routeTableIDs | fromJsonArray -}}
{{- if not $items -}}
  {{- $problems = append $problems "routeTableIDs is required: every route table of subnets that hybrid pods are reached from, for example rtb-0123456789abcdef0" -}}
{{- end -}}
{{- range $items -}}
  {{- if not (regexMatch "^rtb-[0-9a-f]+$" .) -}}
    {{- $problems = append $problems (printf "routeTableIDs: %s is no route table; write it like rtb-0123456789abcdef0" .) -}}
  {{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end }}

{{/*
Milliseconds of a duration of the form that the schema allows.
*/}}
{{- define "hybridge-gateway.milliseconds" -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h)" . -1 -}}
  {{- $unit := get (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) (regexFind "[a-z]+" .) -}}
  {{- $sum = addf $sum (mulf (regexFind "[0-9.]+" .) $unit) -}}
{{- end -}}
{{- int64 $sum -}}
{{- end }}

{{/*
Values that do not go together.
*/}}
{{- define "hybridge-gateway.check.pod" -}}
{{- $problems := list -}}
{{- if hasSuffix "/eks-hybrid-nodes-gateway" .Values.image.repository -}}
  {{- $problems = append $problems (printf "image.repository: %s is the AWS gateway's image, which does not take this chart's flags; upgrade with --reset-then-reuse-values instead of --reuse-values, or set image.repository (and image.tag, if it is set), for example to ghcr.io/hybridge/hybridge-gateway" .Values.image.repository) -}}
{{- end -}}
{{- with .Values.leaderElection -}}
  {{- $lease := include "hybridge-gateway.milliseconds" .leaseDuration | int64 -}}
  {{- $renew := include "hybridge-gateway.milliseconds" .renewDeadline | int64 -}}
  {{- $retry := include "hybridge-gateway.milliseconds" .retryPeriod | int64 -}}
  {{- if not (and (gt $lease $renew) (gt $renew $retry) (gt $retry 0)) -}}
    {{- $problems = append $problems (printf "leaderElection: leaseDuration %s, renewDeadline %s, retryPeriod %s are out of order; write leaseDuration > renewDeadline > retryPeriod > 0, for example 3s, 2s, 1s" .leaseDuration .renewDeadline .retryPeriod) -}}
  {{- end -}}
{{- end -}}
{{- with .Values.admin -}}
  {{- if eq (int .healthPort) (int .metricsPort) -}}
    {{- $problems = append $problems (printf "admin.healthPort and admin.metricsPort are both %d; give each a port of its own" (int .healthPort)) -}}
  {{- end -}}
  {{- if and $.Values.podMonitor.enabled (hasPrefix "127." .address) -}}
    {{- $problems = append $problems (printf "podMonitor.enabled: Prometheus does not reach admin.address %s; set admin.address to nodeIP" .address) -}}
  {{- end -}}
{{- end -}}
{{- if and .Values.mtu (or (lt (int .Values.mtu) 576) (gt (int .Values.mtu) 9951)) -}}
  {{- $problems = append $problems (printf "mtu: %d is not between 576 and 9951; write the smallest MTU between here and any hybrid node, less 50, or 0 for the default" (int .Values.mtu)) -}}
{{- end -}}
{{- range $label, $_ := include "hybridge-gateway.labels" . | fromYaml -}}
  {{- if hasKey $.Values.podLabels $label -}}
    {{- $problems = append $problems (printf "podLabels: %s is set by the chart; leave it out" $label) -}}
  {{- end -}}
{{- end -}}
{{- with .Values.securityContext -}}
  {{- if and .runAsNonRoot (hasKey . "runAsUser") (not .runAsUser) -}}
    {{- $problems = append $problems "securityContext: runAsNonRoot does not go with runAsUser 0, so the kubelet would start no gateway; leave runAsNonRoot out, as Kubernetes gives NET_ADMIN to user 0 alone" -}}
  {{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end }}

{{/*
Environment variables that have a value of their own, and those that are the pod's.
*/}}
{{- define "hybridge-gateway.check.environment" -}}
{{- $problems := list -}}
{{- $values := dict "VPC_CIDR" "vpcCIDR" "POD_CIDRS" "podCIDRs" "ROUTE_TABLE_IDS" "routeTableIDs" "NODE_LABEL" "nodeLabel" "LEADER_ELECTION_ID" "leaderElection.id" "MTU" "mtu" "LOG_FORMAT" "log.format" "DEBUG" "debug" -}}
{{- if .Values.aws.region -}}
  {{- $_ := set $values "AWS_REGION" "aws.region" -}}
{{- end -}}
{{- if .Values.aws.caBundle.configMap -}}
  {{- $_ := set $values "AWS_CA_BUNDLE" "aws.caBundle" -}}
{{- end -}}
{{- range .Values.extraEnv -}}
  {{- if hasKey $values .name -}}
    {{- $problems = append $problems (printf "extraEnv: %s is set by the chart; leave it out and set %s" .name (get $values .name)) -}}
  {{- else if has .name (list "NODE_IP" "NODE_NAME" "POD_NAMESPACE") -}}
    {{- $problems = append $problems (printf "extraEnv: %s is set by the chart; leave it out" .name) -}}
  {{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end }}

{{/*
How many gateways a PodDisruptionBudget lets go. Kubernetes rounds a percentage up.
*/}}
{{- define "hybridge-gateway.check.budget" -}}
{{- $problems := list -}}
{{- $replicas := int .Values.replicas -}}
{{- $given := toString .Values.podDisruptionBudget.maxUnavailable -}}
{{- $gone := int .Values.podDisruptionBudget.maxUnavailable -}}
{{- if hasSuffix "%" $given -}}
  {{- $gone = div (add (mul (int (trimSuffix "%" $given)) $replicas) 99) 100 | int -}}
{{- end -}}
{{- if and .Values.podDisruptionBudget.enabled (gt $replicas 1) -}}
  {{- if eq $gone 0 -}}
    {{- $problems = append $problems (printf "podDisruptionBudget.maxUnavailable: %s lets no node be drained; write 1" $given) -}}
  {{- else if ge $gone $replicas -}}
    {{- $problems = append $problems (printf "podDisruptionBudget.maxUnavailable: %s of %d lets all gateways go at once; write 1, or podDisruptionBudget.enabled=false" $given $replicas) -}}
  {{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end }}

{{/*
What is in the cluster already. `helm template` and a dry run by the client see nothing there.
*/}}
{{- define "hybridge-gateway.check.cluster" -}}
{{- $problems := list -}}
{{- $name := include "hybridge-gateway.name" . -}}
{{- $full := include "hybridge-gateway.fullname" . -}}
{{- $makes := list "hybridge-gateway" "eks-hybrid-nodes-gateway" $name -}}
{{- $deployments := dict "items" list -}}
{{- if .Values.checkOtherInstallations -}}
  {{- $deployments = lookup "apps/v1" "Deployment" "" "" -}}
{{- end -}}
{{- range $deployments.items -}}
  {{- $labels := .metadata.labels | default dict -}}
  {{- $release := get $labels "app.kubernetes.io/instance" -}}
  {{- $ours := and (eq .metadata.namespace $.Release.Namespace) (eq $release $.Release.Name) -}}
  {{- $gateway := or (has (get $labels "app.kubernetes.io/name") $makes) (regexMatch "^(hybridge|eks-hybrid-nodes)-gateway-[0-9]" (get $labels "helm.sh/chart")) -}}
  {{- if and $gateway (not $ours) -}}
    {{- $fix := printf "two gateways fight over the same routes and the one CiliumVTEPConfig of the cluster, so upgrade that release (helm upgrade %s … -n %s) or uninstall it first (helm uninstall %s -n %s); checkOtherInstallations=false switches this check off" $release .metadata.namespace $release .metadata.namespace -}}
    {{- $problems = append $problems (printf "release %s in namespace %s is a gateway already (Deployment %s): %s" $release .metadata.namespace .metadata.name $fix) -}}
  {{- end -}}
{{- end -}}
{{- with lookup "apps/v1" "Deployment" .Release.Namespace $full -}}
  {{- $selected := get .spec.selector.matchLabels "app.kubernetes.io/name" -}}
  {{- if ne $selected $name -}}
    {{- $problems = append $problems (printf "Deployment %s selects pods named %s, which cannot be changed to %s; set nameOverride=%s" $full $selected $name $selected) -}}
  {{- end -}}
{{- end -}}
{{- toJson $problems -}}
{{- end }}
