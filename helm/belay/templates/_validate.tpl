{{/* Every combination of values that cannot work ends here, with a sentence that says what would. */}}
{{- define "belay.validate" -}}
{{- $most := include "belay.most" . | int }}
{{- $redis := include "belay.redis" . }}
{{- $policy := .Values.networkPolicy }}
{{- if not (trim .Values.config) }}
{{- fail "config is empty: give belay.toml as text, with at least [[orgs]], [[providers]] and [models.default]; the chart's README begins with one." }}
{{- end }}
{{- $scan := include "belay.scan" . | fromJson }}

{{- /* What the chart owns is not in the config as well. */}}
{{- $owned := dict
  "server.bind" "the chart listens on 0.0.0.0:8080"
  "server.admin_bind" "the chart listens on 0.0.0.0:9090"
  "server.drain_delay_s" "set the value drainDelaySeconds"
  "server.drain_s" "set the value drainSeconds"
  "server.public_url" "set the value publicUrl"
  "shared.redis" "set the value shared.redis"
  "usage.file" "set the value usage.persistence.enabled"
  "usage.keep_days" "set the value usage.keepDays"
  "shared.replicas" "the chart counts them"
  "telemetry.otlp" "set the value telemetry.otlp" }}
{{- range $scan.keys }}
{{- if hasKey $owned . }}
{{- fail (printf "config sets %s, which is the chart's: remove it there; %s." . (get $owned .)) }}
{{- end }}
{{- end }}
{{- range $scan.keys }}
{{- if and (or (eq . "shared") (hasPrefix "shared." .)) (not $redis) }}
{{- fail "config has a table [shared] and there is no store: set shared.redis or valkey.enabled, or remove the table." }}
{{- end }}
{{- end }}

{{- /* Replicas and their store. */}}
{{- if and .Values.shared.acceptLimitsPerReplica $redis }}
{{- fail "shared.acceptLimitsPerReplica is true and there is a store, which holds limits over all replicas: set it to false." }}
{{- end }}
{{- if and (gt $most 1) (not $redis) (not .Values.shared.acceptLimitsPerReplica) }}
{{- fail (printf "%d replicas need one store for limits and budgets: set shared.redis (or valkey.enabled), or accept that every limit and budget holds for each replica by itself with shared.acceptLimitsPerReplica=true." $most) }}
{{- end }}
{{- if and .Values.usage.persistence.enabled $redis }}
{{- fail "usage.persistence.enabled is true and there is a store, which keeps what was used: keep one of them." }}
{{- end }}
{{- if and .Values.usage.persistence.enabled (or (gt $most 1) .Values.autoscaling.enabled) }}
{{- fail "usage.persistence is one replica's: with more of them, or an autoscaler, set shared.redis or valkey.enabled in its place." }}
{{- end }}
{{- if and .Values.usage.persistence.existingClaim (not .Values.usage.persistence.enabled) }}
{{- fail "usage.persistence.existingClaim is set and usage.persistence.enabled is false: set it to true, or name no claim." }}
{{- end }}
{{- if and .Values.valkey.enabled .Values.shared.redis }}
{{- fail "shared.redis and valkey.enabled name two stores: keep one of them." }}
{{- end }}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- fail (printf "autoscaling.minReplicas (%d) is above autoscaling.maxReplicas (%d)." (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.targetCPU) (not .Values.autoscaling.targetMemory) (not .Values.autoscaling.metrics) }}
{{- fail "autoscaling has nothing to go by: set targetCPU, targetMemory or metrics." }}
{{- end }}
{{- if .Values.autoscaling.enabled }}
{{- $requests := default dict .Values.resources.requests }}
{{- if and .Values.autoscaling.targetCPU (not (hasKey $requests "cpu")) }}
{{- fail "autoscaling.targetCPU is a share of resources.requests.cpu, which is not set." }}
{{- end }}
{{- if and .Values.autoscaling.targetMemory (not (hasKey $requests "memory")) }}
{{- fail "autoscaling.targetMemory is a share of resources.requests.memory, which is not set." }}
{{- end }}
{{- end }}

{{- /* A disruption budget that lets a node be drained. */}}
{{- if .Values.podDisruptionBudget.enabled }}
{{- $least := ternary (int .Values.autoscaling.minReplicas) (int .Values.replicaCount) .Values.autoscaling.enabled }}
{{- $min := .Values.podDisruptionBudget.minAvailable | toString }}
{{- $max := .Values.podDisruptionBudget.maxUnavailable | toString }}
{{- if and $min $max }}
{{- fail "podDisruptionBudget takes minAvailable or maxUnavailable: empty the other one." }}
{{- end }}
{{- if not (or $min $max) }}
{{- fail "podDisruptionBudget is on and says nothing: set minAvailable or maxUnavailable, or enabled=false." }}
{{- end }}
{{- /* A share is rounded up by Kubernetes. */}}
{{- $kept := int $min }}
{{- if hasSuffix "%" $min }}{{ $kept = div (add (mul (trimSuffix "%" $min | int) $least) 99) 100 | int }}{{ end }}
{{- if or (has $max (list "0" "0%")) (and $min (ge $kept $least)) }}
{{- fail (printf "podDisruptionBudget never lets a pod go with %d replicas, so no node could be drained: set maxUnavailable to 1 or more, or minAvailable below the number of replicas." $least) }}
{{- end }}
{{- end }}

{{- /* What the config refers to is there. */}}
{{- $names := list }}
{{- range concat .Values.env .Values.secretEnv }}
{{- if has .name $names }}
{{- fail (printf "the variable %s is named twice in env and secretEnv." .name) }}
{{- end }}
{{- if has .name (list "BELAY__SERVER__BIND" "BELAY__SERVER__ADMIN_BIND" "BELAY__SERVER__DRAIN_DELAY_S" "BELAY__SERVER__DRAIN_S" "BELAY__SERVER__PUBLIC_URL" "BELAY__SHARED__REDIS" "BELAY__SHARED__REPLICAS" "BELAY__USAGE__FILE" "BELAY__USAGE__KEEP_DAYS" "BELAY__TELEMETRY__OTLP" "VALKEY_URL" "VALKEY_PASSWORD") }}
{{- fail (printf "the variable %s is the chart's: use its value instead." .name) }}
{{- end }}
{{- $names = append $names .name }}
{{- end }}
{{- $references := $scan.env }}
{{- $files := $scan.files }}
{{- if hasPrefix "env:" .Values.shared.redis }}
{{- $references = append $references (trimPrefix "env:" .Values.shared.redis) }}
{{- else if .Values.shared.redis }}
{{- $files = append $files (trimPrefix "file:" .Values.shared.redis) }}
{{- end }}
{{- range $references }}
{{- if not (has . $names) }}
{{- fail (printf "env:%s is referred to, and no entry of secretEnv has that name: add {name: %s, secret: …, key: …}." . .) }}
{{- end }}
{{- end }}
{{- $mounts := list "/var/run/secrets" "/run/secrets" "/etc/ssl" }}
{{- $paths := list "/etc/belay" }}
{{- if .Values.usage.persistence.enabled }}{{ $paths = append $paths "/var/lib/belay" }}{{ end }}
{{- if .Values.tmp.enabled }}{{ $paths = append $paths "/tmp" }}{{ end }}
{{- $writable := list }}
{{- range concat .Values.secretFiles .Values.csi .Values.extraVolumeMounts }}
{{- $path := trimSuffix "/" .mountPath }}
{{- if has $path $paths }}
{{- fail (printf "two volumes are mounted at %s." $path) }}
{{- end }}
{{- $paths = append $paths $path }}
{{- $mounts = append $mounts $path }}
{{- if and (hasKey . "name") (not (get . "readOnly")) }}{{ $writable = append $writable $path }}{{ end }}
{{- end }}
{{- if .Values.tmp.enabled }}
{{- $mounts = append $mounts "/tmp" }}
{{- $writable = append $writable "/tmp" }}
{{- end }}
{{- range $files }}
{{- $file := hasPrefix "/" . | ternary . (printf "/etc/belay/%s" .) }}
{{- $found := dict }}
{{- range $mounts }}{{ if hasPrefix (printf "%s/" .) $file }}{{ $_ := set $found "yes" true }}{{ end }}{{ end }}
{{- if not $found }}
{{- fail (printf "file:%s is referred to, and nothing is mounted there: add an entry to secretFiles, csi or extraVolumeMounts whose mountPath is a folder above it." .) }}
{{- end }}
{{- end }}
{{- with $scan.audit }}
{{- $file := . }}
{{- $found := dict }}
{{- range $writable }}{{ if hasPrefix (printf "%s/" .) $file }}{{ $_ := set $found "yes" true }}{{ end }}{{ end }}
{{- if not $found }}
{{- fail (printf "audit.target writes to %s, and the root file system is read only: mount a volume above it with extraVolumes and extraVolumeMounts." $file) }}
{{- end }}
{{- end }}
{{- $volumes := list }}
{{- range .Values.extraVolumes }}{{ $volumes = append $volumes .name }}{{ end }}
{{- range .Values.extraVolumeMounts }}
{{- if not (has .name $volumes) }}
{{- fail (printf "extraVolumeMounts names the volume %s, and extraVolumes has none of that name." .name) }}
{{- end }}
{{- end }}

{{- /* One identity, on an account that carries it. */}}
{{- $identities := list }}
{{- with .Values.workloadIdentity.aws.roleArn }}{{ $identities = append $identities "aws" }}{{ end }}
{{- with .Values.workloadIdentity.gke.serviceAccount }}{{ $identities = append $identities "gke" }}{{ end }}
{{- with .Values.workloadIdentity.azure.clientId }}{{ $identities = append $identities "azure" }}{{ end }}
{{- if gt (len $identities) 1 }}
{{- fail (printf "workloadIdentity is set for %s: a cluster is in one cloud; keep one." (join " and " $identities)) }}
{{- end }}
{{- if and $identities (not .Values.serviceAccount.create) }}
{{- fail "workloadIdentity annotates the ServiceAccount that the chart creates, and serviceAccount.create is false: annotate yours yourself and leave workloadIdentity empty (for Azure, set podLabels as well), or let the chart create one." }}
{{- end }}

{{- /* Doors. */}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.enabled is true and ingress.hosts is empty: name at least one host." }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled is true and httpRoute.parentRefs is empty: name the Gateway that takes the route." }}
{{- end }}
{{- if and (eq .Values.service.type "ClusterIP") .Values.ingress.enabled .Values.ingress.tls (hasPrefix "http://" .Values.publicUrl) }}
{{- fail "publicUrl begins with http:// and the Ingress has TLS: write https://." }}
{{- end }}
{{- if and (eq (include "belay.scheme" .) "https") (not .Values.test.url) (not .Values.publicUrl) }}
{{- fail "the gateway ends TLS itself, so `helm test` asks publicUrl, whose name its certificate bears: set publicUrl, or test.url." }}
{{- end }}

{{- /* What the NetworkPolicy would cut off. */}}
{{- if $policy.enabled }}
{{- if and .Values.shared.redis (not $policy.egress.redis.to) (not $policy.egress.extra) }}
{{- fail "networkPolicy lets nothing out to the store of shared.redis: name its pods or addresses in networkPolicy.egress.redis.to." }}
{{- end }}
{{- if and .Values.telemetry.otlp (not $policy.egress.otlp.to) (not $policy.egress.extra) }}
{{- fail "networkPolicy lets nothing out to the collector of telemetry.otlp: name its pods or addresses in networkPolicy.egress.otlp.to." }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not $policy.admin.from) }}
{{- fail "serviceMonitor is on and networkPolicy lets nobody read the admin port: name the pods of Prometheus in networkPolicy.admin.from." }}
{{- end }}
{{- end }}
{{- end }}
