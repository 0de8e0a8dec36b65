{{/*
The name in labels. A release whose name contains that of the AWS gateway's chart keeps the labels it has there: the selector of a
Deployment cannot be changed.
*/}}
{{- define "hybridge-gateway.name" -}}
{{- $own := contains "eks-hybrid-nodes-gateway" .Release.Name | ternary "eks-hybrid-nodes-gateway" .Chart.Name -}}
{{- .Values.nameOverride | default $own | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{/*
The name of all objects.
*/}}
{{- define "hybridge-gateway.fullname" -}}
{{- $name := include "hybridge-gateway.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- .Values.fullnameOverride | default $full | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "hybridge-gateway.selector" -}}
app.kubernetes.io/name: {{ include "hybridge-gateway.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "hybridge-gateway.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "hybridge-gateway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "hybridge-gateway.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "hybridge-gateway.fullname" .) "default") -}}
{{- end }}

{{- define "hybridge-gateway.image" -}}
{{- with .Values.image -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion | toString) -}}
{{- with .digest }}@{{ . }}{{ end -}}
{{- end -}}
{{- end }}

{{/*
Where the ports listen, without the port: nothing for every address.
*/}}
{{- define "hybridge-gateway.listen" -}}
{{- $address := .Values.admin.address -}}
{{- if eq $address "nodeIP" }}$(NODE_IP){{ else if ne $address "0.0.0.0" }}{{ $address }}{{ end -}}
{{- end }}
