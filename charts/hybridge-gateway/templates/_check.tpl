{{/*
What the schema cannot tell: every problem at once, each with the value's key and what to write instead.
*/}}
{{- define "hybridge-gateway.check" -}}
{{- $problems := concat
      (include "hybridge-gateway.check.networks" . | fromJsonArray)
      (include "hybridge-gateway.check.tables" . | fromJsonArray)
      (include "hybridge-gateway.check.pod" . | fromJsonArray)
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
  {{- dict "problem" "is no network; write it as 10.250.0.0/16" | toJson -}}
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
vpcCIDR and podCIDRs: there, each a network, none in another.
*/}}
{{- define "hybridge-gateway.check.networks" -}}
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
    {{- $problems = append $problems (printf "routeTableIDs: %s is no route table; write it as rtb-0123456789abcdef0" .) -}}
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
{{- range .Values.extraEnv -}}
  {{- if has .name (list "NODE_IP" "NODE_NAME" "POD_NAMESPACE" "VPC_CIDR" "POD_CIDRS" "ROUTE_TABLE_IDS" "NODE_LABEL") -}}
    {{- $problems = append $problems (printf "extraEnv: %s is set by the chart; leave it out and use the value for it (README.md of the chart)" .name) -}}
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
