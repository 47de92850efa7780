{{/* Names leave room for the longest suffix below 63 characters. */}}
{{- define "belay.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "belay.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "belay.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "belay.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "belay.selector" -}}
app.kubernetes.io/name: {{ include "belay.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "belay.labels" -}}
{{ include "belay.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: belay
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The pods that answer, apart from the store and the test. */}}
{{- define "belay.gateway" -}}
{{ include "belay.selector" . }}
app.kubernetes.io/component: gateway
{{- end }}

{{- define "belay.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "belay.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "belay.image" -}}
{{- $image := .Values.image }}
{{- if $image.digest }}
{{- printf "%s@%s" $image.repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $image.repository (default .Chart.AppVersion $image.tag) }}
{{- end }}
{{- end }}

{{/* The restricted profile of the Pod Security Standards, for a pod. */}}
{{- define "belay.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* And for a container. */}}
{{- define "belay.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* How many replicas there are at most, when nothing is rolled out. */}}
{{- define "belay.most" -}}
{{- if .Values.autoscaling.enabled }}{{ .Values.autoscaling.maxReplicas }}{{ else }}{{ .Values.replicaCount }}{{ end }}
{{- end }}

{{/*
[shared].replicas: how many replicas may take calls at once. While the store is away each holds one part of every rate, and
money is set apart for each beforehand, so too few would let more through than the limit and too many only waste a part.
A rolling update runs one pod more (maxSurge 1). One that stops takes calls for drain_delay_s at most, so it is not counted.
*/}}
{{- define "belay.replicas" -}}
{{ add (include "belay.most" . | int) 1 }}
{{- end }}

{{/* The reference to the store, empty where there is none. */}}
{{- define "belay.redis" -}}
{{- if .Values.valkey.enabled }}env:VALKEY_URL{{ else }}{{ .Values.shared.redis }}{{ end }}
{{- end }}

{{- define "belay.valkey" -}}
{{ include "belay.fullname" . }}-valkey
{{- end }}

{{- define "belay.valkey.secret" -}}
{{ default (include "belay.valkey" .) .Values.valkey.existingSecret.name }}
{{- end }}

{{- define "belay.valkey.secretKey" -}}
{{ ternary .Values.valkey.existingSecret.key "password" (ne .Values.valkey.existingSecret.name "") }}
{{- end }}

{{/*
What the config says that the chart has to know, as JSON: its keys with their tables, and what it refers to by env: and file:.
Helm 3 has no reader of TOML, so this goes line by line; Belay itself reads the file for good and tells what is wrong in it.
*/}}
{{- define "belay.scan" -}}
{{- $seen := dict "table" "" "keys" list "env" list "files" list "audit" "" }}
{{- range splitList "\n" .Values.config }}
{{- $line := regexReplaceAll `^((?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*')*)#.*$` . "${1}" }}
{{- if regexMatch `^\s*\[\[` $line }}
{{- $_ := set $seen "table" (regexReplaceAll `^\s*\[\[\s*([^\]]*?)\s*\]\].*$` $line "[[${1}]]") }}
{{- else if regexMatch `^\s*\[[^\[\]=,]+\]\s*$` $line }}
{{- $_ := set $seen "table" (regexReplaceAll `^\s*\[\s*(.*?)\s*\]\s*$` $line "${1}") }}
{{- $_ := set $seen "keys" (append $seen.keys $seen.table) }}
{{- else if regexMatch `^\s*[A-Za-z0-9_-]+(\s*\.\s*[A-Za-z0-9_-]+)*\s*=` $line }}
{{- $key := regexFind `^\s*[A-Za-z0-9_. -]+` $line | replace " " "" | trim }}
{{- $full := printf "%s.%s" $seen.table $key | trimPrefix "." }}
{{- $_ := set $seen "keys" (append $seen.keys $full) }}
{{- if eq $full "audit.target" }}
{{- $_ := set $seen "audit" (regexFind `file:[^"']+` $line | trimPrefix "file:") }}
{{- end }}
{{- end }}
{{- range regexFindAll `["']env:[A-Za-z_][A-Za-z0-9_]*["']` $line -1 }}
{{- $_ := set $seen "env" (append $seen.env (trimAll `"'` . | trimPrefix "env:")) }}
{{- end }}
{{- range regexFindAll `["']file:[^"']+["']` $line -1 }}
{{- $_ := set $seen "files" (append $seen.files (trimAll `"'` . | trimPrefix "file:")) }}
{{- end }}
{{- end }}
{{- toJson $seen }}
{{- end }}

{{/* "https" where the gateway ends TLS itself, by [server].tls in the config. */}}
{{- define "belay.scheme" -}}
{{- $scheme := dict "is" "http" }}
{{- range (include "belay.scan" . | fromJson).keys }}
{{- if or (eq . "server.tls") (hasPrefix "server.tls." .) }}{{ $_ := set $scheme "is" "https" }}{{ end }}
{{- end }}
{{- $scheme.is }}
{{- end }}
