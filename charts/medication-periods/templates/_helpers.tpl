{{- define "name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for what is put behind it. */}}
{{- define "fullname" -}}
{{- $name := include "name" . }}
{{- $default := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $default .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Takes (list $ COMPONENT), as do all that concern one component. */}}
{{- define "selector" -}}
{{- $ := first . -}}
app.kubernetes.io/name: {{ include "name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{- define "labels" -}}
{{- $ := first . }}
{{- include "selector" . }}
app.kubernetes.io/part-of: medication-periods
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "metadata" -}}
{{- $ := first . -}}
name: {{ include "fullname" $ }}-{{ last . }}
namespace: {{ $.Release.Namespace }}
labels:
  {{- include "labels" . | nindent 2 }}
{{- end }}

{{- define "serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Takes the component: consumer or publisher. */}}
{{- define "image" -}}
{{- $ := first . }}
{{- $image := (index $.Values (last .)).image }}
{{- with $.Values.images.registry }}{{ . | trimSuffix "/" }}/{{ end }}{{ $image.repository }}
{{- with $image.digest }}@{{ . }}{{ else }}:{{ default $.Chart.AppVersion $.Values.images.tag }}{{ end }}
{{- end }}

{{- define "podLabels" -}}
{{- $ := first . }}
{{- include "labels" . }}
{{- with $.Values.pods.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What all pods have in common; takes (list $ COMPONENT USER). */}}
{{- define "podSettings" -}}
{{- $ := index . 0 }}
{{- $pods := $.Values.pods -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  {{- with $.Values.podSecurityContext }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- if $.Values.setUser }}
  runAsUser: {{ index . 2 }}
  runAsGroup: {{ index . 2 }}
  fsGroup: {{ index . 2 }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
{{- range $setting := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with index $pods $setting }}
{{ $setting }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- with $.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* For components with several pods. */}}
{{- define "topologySpread" -}}
{{- $ := first . }}
{{- $component := . }}
{{- with $.Values.pods.topologySpread }}
{{- if .enabled -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ .topologyKey }}
    whenUnsatisfiable: {{ .whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "selector" $component | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end }}

{{/* The container that migrates the database. No probe and no deadline ends it: how long it takes
     depends on what is stored. */}}
{{- define "migrate" -}}
name: migrate
image: {{ include "image" (list . "consumer") }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
command: [python, -m, consumer_app, database, migrate]
env:
  {{- include "variables" (list (include "databaseSettings" .) .Values.consumer.extraEnv) | nindent 2 }}
resources:
  {{- toYaml (.Values.consumer.resources | default dict) | nindent 2 }}
securityContext:
  {{- toYaml (.Values.containerSecurityContext | default dict) | nindent 2 }}
{{- end }}

{{/* In order, a StatefulSet waits for a pod that can't become ready, and a rollback that would replace
     it has no end. What is there keeps its policy, which can't be changed. */}}
{{- define "podManagement" -}}
{{- $ := first . }}
{{- $name := printf "%s-%s" (include "fullname" $) (last .) }}
{{- $there := lookup "apps/v1" "StatefulSet" $.Release.Namespace $name -}}
podManagementPolicy: {{ dig "spec" "podManagementPolicy" "Parallel" $there }}
{{- end }}

{{/* An old pod goes when a new one can take its place. One that RabbitMQ refuses ends within seconds,
     but may have been ready before. */}}
{{- define "rollout" -}}
minReadySeconds: 10
strategy:
  rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
{{- end }}

{{- define "scheme" -}}
{{- if (.Values.tls | default dict).existingSecret }}, scheme: HTTPS{{ end }}
{{- end }}

{{/* With a certificate a service serves HTTPS; without, it starts as its image says. Takes
     (list $ SERVICE). */}}
{{- define "httpsArguments" -}}
{{- if ((first .).Values.tls | default dict).existingSecret -}}
args:
  - faststream
  - run
  - {{ last . }}_app.main:app
  - --host
  - 0.0.0.0
  - --port
  - "8000"
  - --ssl-certfile
  - /tls/tls.crt
  - --ssl-keyfile
  - /tls/tls.key
{{- end }}
{{- end }}

{{/* Certificates: the service's own, and the files that the URLs of RabbitMQ and PostgreSQL name.
     As folders, which follow the secrets, for the pod's group: its fsGroup, without which root alone
     could read them. */}}
{{- define "tlsMount" -}}
{{- if (.Values.tls | default dict).existingSecret -}}
- name: tls
  mountPath: /tls
  readOnly: true
{{- end }}
{{- end }}

{{- define "tlsVolume" -}}
{{- with (.Values.tls | default dict).existingSecret -}}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "certificatesMount" -}}
{{- if (.Values.tls | default dict).certificatesSecret -}}
- name: certificates
  mountPath: /certificates
  readOnly: true
{{- end }}
{{- end }}

{{- define "certificatesVolume" -}}
{{- with (.Values.tls | default dict).certificatesSecret -}}
- name: certificates
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- end }}

{{- define "urlScheme" -}}
{{- ternary "https" "http" (not (empty (.Values.tls | default dict).existingSecret)) }}
{{- end }}

{{/* What a Service says of its port. Those that route by it are few: see values.yaml. */}}
{{- define "appProtocol" -}}
{{- if (.Values.tls | default dict).existingSecret -}}
appProtocol: https
{{- end }}
{{- end }}

{{/* Liveness asks whether the process answers, no more: a restart mends no broker and no database.
     Readiness is about requests: the consumer's asks for the database alone, so that queries are
     answered while RabbitMQ is away, the publisher's for RabbitMQ. */}}
{{- define "probes" -}}
startupProbe:
  httpGet: {path: /health/live, port: http{{ include "scheme" . }}}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 150
livenessProbe:
  httpGet: {path: /health/live, port: http{{ include "scheme" . }}}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /health/ready, port: http{{ include "scheme" . }}}
  periodSeconds: 5
  # The check itself asks for up to 5 seconds.
  timeoutSeconds: 7
  failureThreshold: 2
{{- end }}

{{/* The secret that holds the address of RabbitMQ for who may declare, and its key. */}}
{{- define "brokerSecret" -}}
{{- $rabbitmq := .Values.rabbitmq }}
{{- if $rabbitmq.operator.enabled -}}
name: {{ include "fullname" . }}-rabbitmq-default-user
key: connection_string
{{- else if $rabbitmq.enabled -}}
name: {{ include "ownBrokerSecretName" . | quote }}
key: url
{{- else -}}
name: {{ $rabbitmq.existingSecret | quote }}
key: {{ $rabbitmq.existingSecretKey | quote }}
{{- end }}
{{- end }}

{{/* Whether the chart makes RabbitMQ's users: one for who may declare, and one for each service. */}}
{{- define "ownUsers" -}}
{{- if and .Values.rabbitmq.enabled (not .Values.rabbitmq.auth.existingSecret) }}true{{ end }}
{{- end }}

{{/* Their passwords. Those that are there are kept; new ones are made once, as all that is rendered
     has to agree on them. */}}
{{- define "passwords" -}}
{{- if not (hasKey .Values "passwords") }}
{{- $kept := (lookup "v1" "Secret" .Release.Namespace (include "ownBrokerSecretName" .)).data | default dict }}
{{- $passwords := dict }}
{{- range $key := list "password" "publisher-password" "consumer-password" }}
{{- $_ := set $passwords $key (ternary (index $kept $key | default "" | b64dec) (randAlphaNum 32) (hasKey $kept $key)) }}
{{- end }}
{{- with .Values.rabbitmq.auth.password }}
{{- $_ := set $passwords "password" . }}
{{- end }}
{{- $_ := set .Values "passwords" $passwords }}
{{- end }}
{{- toYaml .Values.passwords }}
{{- end }}

{{/* Changes with who logs in, and by which password, where the chart makes the users: RabbitMQ loads
     them at its start, and the services have to follow. */}}
{{- define "brokerChecksum" -}}
{{- $passwords := "" }}
{{- if include "ownUsers" . }}
{{- $passwords = include "passwords" . }}
{{- end }}
{{- print (toJson .Values.rabbitmq.auth) $passwords | sha256sum }}
{{- end }}

{{/* What each of them may do: docs/rabbitmq.md. */}}
{{- define "permissions" -}}
- {user: {{ .Values.rabbitmq.auth.username | quote }}, vhost: /, configure: '^medication-.*$', write: '^(medication-.*|amq\.default)$', read: '^medication-.*$'}
- {user: publisher, vhost: /, configure: '^$', write: '^medication-events$', read: '^$'}
- {user: consumer, vhost: /, configure: '^$', write: '^medication-events\.dead-letter$', read: '^medication-periods\.v2$'}
{{- end }}

{{/* The key of an address whose user may do a service's work and nothing else, if there is one;
     takes (list $ SERVICE). */}}
{{- define "ownBrokerKey" -}}
{{- $rabbitmq := (first .).Values.rabbitmq }}
{{- if include "ownUsers" (first .) -}}
{{ last . }}-url
{{- else if not (or $rabbitmq.enabled $rabbitmq.operator.enabled) -}}
{{ index $rabbitmq (printf "existingSecretKeyFor%s" (title (last .))) | default "" }}
{{- end }}
{{- end }}

{{/* The same for KEDA, which takes one address. */}}
{{- define "kedaSecret" -}}
{{- $rabbitmq := .Values.rabbitmq }}
{{- if or $rabbitmq.operator.enabled $rabbitmq.enabled (not $rabbitmq.existingSecretKeyForKeda) -}}
{{- include "brokerSecret" . }}
{{- else -}}
name: {{ $rabbitmq.existingSecret | quote }}
key: {{ $rabbitmq.existingSecretKeyForKeda | quote }}
{{- end }}
{{- end }}

{{- define "ownBrokerSecretName" -}}
{{- default (printf "%s-rabbitmq" (include "fullname" .)) .Values.rabbitmq.auth.existingSecret }}
{{- end }}

{{/* The secret that holds PostgreSQL's DATABASE_URL, and its key. */}}
{{- define "databaseSecret" -}}
name: {{ .Values.database.existingSecret | quote }}
key: {{ .Values.database.existingSecretKey | quote }}
{{- end }}

{{/* The same for pods that only answer. */}}
{{- define "answeringSecret" -}}
{{- $answering := .Values.consumer.answering }}
{{- if $answering.existingSecret -}}
name: {{ $answering.existingSecret | quote }}
key: {{ $answering.existingSecretKey | default "url" | quote }}
{{- else }}
{{- include "databaseSecret" . }}
{{- end }}
{{- end }}

{{/* Secrets are files, each by its setting's name: variables can be read by whoever may describe a
     process. A variable of extraEnv wins, and the secret need not be there then. Takes (list SECRETS
     EXTRA): for each setting, what names its secret and key. */}}
{{- define "secretFiles" -}}
{{- $files := first . }}
{{- range last . }}
{{- $files = omit $files .name }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{- define "databaseSecretFiles" -}}
{{- $secrets := dict "DATABASE_URL" (include "databaseSecret" .) }}
{{- include "secretFiles" (list $secrets .Values.consumer.extraEnv) }}
{{- end }}

{{- define "consumerSecretFiles" -}}
{{- $secrets := dict "RABBITMQ_URL" (include "brokerSecretOf" (list . "consumer")) }}
{{- if eq .Values.database.type "postgresql" }}
{{- $_ := set $secrets "DATABASE_URL" (include "databaseSecret" .) }}
{{- $_ := set $secrets "AUDIT_DATABASE_URL" (include "auditDatabaseSecret" .) }}
{{- $_ := set $secrets "AUDIT_KEY" (include "auditKeySecret" .) }}
{{- end }}
{{- $files := include "secretFiles" (list $secrets .Values.consumer.extraEnv) | fromYaml }}
{{- if not (or $files.DATABASE_URL (.Values.audit | default dict).existingDatabaseSecret) }}
{{- /* Then the audit is beside the events, wherever these are. */}}
{{- $files = omit $files "AUDIT_DATABASE_URL" }}
{{- end }}
{{- toYaml $files }}
{{- end }}

{{- define "answeringSecretFiles" -}}
{{- $secrets := dict "DATABASE_URL" (include "answeringSecret" .) }}
{{- $_ := set $secrets "AUDIT_DATABASE_URL" (include "auditDatabaseSecret" .) }}
{{- $_ := set $secrets "AUDIT_KEY" (include "auditKeySecret" .) }}
{{- include "secretFiles" (list $secrets .Values.consumer.answering.extraEnv) }}
{{- end }}

{{- define "publisherSecretFiles" -}}
{{- $secrets := dict "RABBITMQ_URL" (include "brokerSecretOf" (list . "publisher")) }}
{{- include "secretFiles" (list $secrets .Values.publisher.extraEnv) }}
{{- end }}

{{- define "declaringSecretFiles" -}}
{{- dict "RABBITMQ_URL" (include "brokerSecret" .) | toYaml }}
{{- end }}

{{/* These take the files of a component. */}}
{{- define "secretsSetting" -}}
{{- /* The audit's key is no setting: AUDIT_KEY_FILE names it. */}}
{{- with omit (fromYaml .) "AUDIT_KEY" -}}
- name: SECRETS_DIR
  value: /secrets
{{- end }}
{{- end }}

{{- define "secretsMount" -}}
{{- with fromYaml . -}}
- name: secrets
  mountPath: /secrets
  readOnly: true
{{- end }}
{{- end }}

{{/* Takes (list VOLUME FILES). */}}
{{- define "secretsVolume" -}}
{{- $volume := first . }}
{{- with fromYaml (last .) -}}
- name: {{ $volume }}
  projected:
    sources:
      {{- range $setting, $secret := . }}
      {{- with fromYaml $secret }}
      - secret:
          name: {{ .name | quote }}
          items:
            - {key: {{ .key | quote }}, path: {{ $setting }}}
      {{- end }}
      {{- end }}
{{- end }}
{{- end }}

{{/* The same for a service; takes (list $ SERVICE). */}}
{{- define "brokerSecretOf" -}}
{{- $secret := include "brokerSecret" (first .) }}
{{- with include "ownBrokerKey" . }}
{{- $secret = dict "name" ($secret | fromYaml).name "key" . | toYaml }}
{{- end }}
{{- $secret }}
{{- end }}

{{- define "declareSetting" -}}
{{- if include "ownBrokerKey" . -}}
# RabbitMQ does it at its start, or a Job, by a user who may.
- name: {{ upper (last .) }}_DECLARE
  value: "false"
{{- end }}
{{- end }}

{{/* The container that declares exchanges and queues by the address of who may, where the services
     may not; takes (list $ OPTION...). */}}
{{- define "declare" -}}
{{- $options := rest . }}
{{- with first . }}
{{- $extra := list }}
{{- range .Values.consumer.extraEnv | default list }}
{{- /* Another address is that of the consumer, who may not. */}}
{{- if ne .name "RABBITMQ_URL" }}
{{- $extra = append $extra . }}
{{- end }}
{{- end -}}
name: declare
image: {{ include "image" (list . "consumer") }}
imagePullPolicy: {{ .Values.images.pullPolicy }}
command: [python, -m, consumer_app, declare, --wait, "120"{{ range $options }}, {{ . }}{{ end }}]
env:
  {{- include "variables" (list (include "secretsSetting" (include "declaringSecretFiles" .)) $extra) | nindent 2 }}
resources:
  {{- toYaml (.Values.consumer.resources | default dict) | nindent 2 }}
securityContext:
  {{- toYaml (.Values.containerSecurityContext | default dict) | nindent 2 }}
{{- end }}
{{- end }}

{{- define "accessSecretName" -}}
{{- default (printf "%s-access" (include "fullname" .)) (.Values.access | default dict).existingSecret }}
{{- end }}

{{/* All names that the services are asked by: those in the cluster, by a port-forward, and from
     elsewhere. */}}
{{- define "hosts" -}}
{{- $hosts := list "localhost" "127.0.0.1" }}
{{- range $component := list "consumer" "publisher" "receiving" }}
{{- $name := printf "%s-%s" (include "fullname" $) $component }}
{{- $in := printf "%s.%s" $name $.Release.Namespace }}
{{- $hosts = concat $hosts (list $name $in (printf "%s.svc" $in) (printf "%s.svc.cluster.local" $in)) }}
{{- end }}
{{- join "," (concat $hosts ((.Values.access | default dict).hosts | default list)) }}
{{- end }}

{{/* Who may use a service; takes (list $ PREFIX). */}}
{{- define "accessSettings" -}}
{{- $access := (first .).Values.access | default dict }}
{{- if $access.open -}}
- name: {{ last . }}_ACCESS
  value: open
{{- else -}}
- name: ACCESS_TOKENS
  value: /access/tokens.csv
{{- end }}
{{- with $access.issuer }}
{{ toYaml . }}
{{- end }}
{{- if or $access.open $access.hosts }}
- name: ACCESS_HOSTS
  value: {{ include "hosts" (first .) | quote }}
{{- end }}
{{- with $access.origins }}
- name: ACCESS_ORIGINS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}

{{/* As a folder: a file that is mounted by itself would not change with the secret. */}}
{{- define "accessMount" -}}
{{- if not (.Values.access | default dict).open -}}
- name: access
  mountPath: /access
  readOnly: true
{{- end }}
{{- end }}

{{- define "accessVolume" -}}
{{- if not (.Values.access | default dict).open -}}
- name: access
  secret:
    secretName: {{ include "accessSecretName" . }}
    items:
      - {key: tokens.csv, path: tokens.csv}
{{- end }}
{{- end }}

{{- define "databaseSettings" -}}
{{- if eq .Values.database.type "postgresql" -}}
{{- include "secretsSetting" (include "databaseSecretFiles" .) }}
{{- else -}}
- name: DATABASE_URL
  value: sqlite+aiosqlite:////data/medication-periods.db
{{- end }}
{{- end }}

{{- define "auditSecretName" -}}
{{- default (printf "%s-audit" (include "fullname" .)) (.Values.audit | default dict).existingSecret }}
{{- end }}

{{/* The secret that holds the URL of the audit's own role: by default that of the events. */}}
{{- define "auditDatabaseSecret" -}}
{{- $audit := .Values.audit | default dict }}
{{- if $audit.existingDatabaseSecret -}}
name: {{ $audit.existingDatabaseSecret | quote }}
key: {{ $audit.existingDatabaseSecretKey | default "url" | quote }}
{{- else }}
{{- include "databaseSecret" . }}
{{- end }}
{{- end }}

{{- define "auditKeySecret" -}}
name: {{ include "auditSecretName" . | quote }}
key: key
{{- end }}

{{/* On SQLite the audit is beside the events, and so is its key. */}}
{{- define "auditSettings" -}}
{{- if eq .Values.database.type "postgresql" }}
- name: AUDIT_KEY_FILE
  value: /secrets/AUDIT_KEY
{{- end }}
{{- end }}

{{- define "consumerSettings" -}}
{{ include "secretsSetting" (include "consumerSecretFiles" .) }}
{{ include "declareSetting" (list . "consumer") }}
{{- if eq .Values.database.type "sqlite" }}
{{ include "databaseSettings" . }}
{{- end }}
{{- include "auditSettings" . }}
# What migrates goes before it, and alone makes a database.
- name: DATABASE_MUST_EXIST
  value: "true"
{{ include "accessSettings" (list . "CONSUMER") }}
- name: CONSUMER_PREFETCH
  value: {{ .Values.consumer.prefetch | quote }}
- name: CONSUMER_LOG_LEVEL
  value: {{ .Values.consumer.logLevel }}
{{- include "pageSettings" . }}
{{- end }}

{{/* What answers and the page say, of whichever pods. With --reuse-values there are only the values
     of the release before. */}}
{{- define "pageSettings" -}}
{{- with .Values.consumer.quietAfter }}
- name: CONSUMER_QUIET_AFTER
  value: {{ . }}
{{- end }}
{{- with .Values.consumer.timeZone }}
- name: CONSUMER_TIME_ZONE
  value: {{ . }}
{{- end }}
{{- if not (dig "recentPatients" true .Values.consumer) }}
- name: CONSUMER_RECENT_PATIENTS
  value: "false"
{{- end }}
{{- if .Values.consumer.patientSearch }}
- name: CONSUMER_PATIENT_SEARCH
  value: "true"
{{- end }}
{{- end }}

{{/* The component that answers queries. With --reuse-values there are only the values of the release
     before, which may know of no such pods. */}}
{{- define "answers" -}}
{{- $answering := .Values.consumer.answering | default dict }}
{{- ternary "answering" "consumer" (gt (int $answering.replicas) 0) }}
{{- end }}

{{- define "answeringSettings" -}}
{{- $answering := .Values.consumer.answering }}
- name: CONSUMER_RECEIVES
  value: "false"
{{ include "secretsSetting" (include "answeringSecretFiles" .) }}
- name: CONSUMER_LOG_LEVEL
  value: {{ .Values.consumer.logLevel }}
{{- include "auditSettings" . }}
{{ include "accessSettings" (list . "CONSUMER") }}
{{- with $answering.maxLag }}
- name: CONSUMER_MAX_LAG
  value: {{ . | quote }}
{{- end }}
{{- include "pageSettings" . }}
{{- end }}

{{/* Those who store, whoever answers queries. */}}
{{- define "storing" -}}
{{- ternary "receiving" "consumer" (eq (include "answers" .) "answering") }}
{{- end }}

{{/* Whether publishers start behind the consumers. With --reuse-values there are only the values of
     the release before, whose consumers are those to wait for. */}}
{{- define "waits" -}}
{{- if dig "waitForConsumer" true .Values.publisher }}true{{ end }}
{{- end }}

{{/* The container that a publisher starts behind. */}}
{{- define "waitForConsumer" -}}
{{- if include "waits" . -}}
initContainers:
  - name: wait-for-consumer
    image: {{ include "image" (list . "publisher") }}
    imagePullPolicy: {{ .Values.images.pullPolicy }}
    command:
      - python
      - -c
      - |
        {{- .Files.Get "files/wait_for_consumer.py" | nindent 8 }}
    env:
      - name: CONSUMER
        value: {{ include "urlScheme" . }}://{{ include "fullname" . }}-{{ include "storing" . }}:{{ .Values.consumer.service.port }}
      - name: MAJOR_VERSION
        value: {{ (semver .Chart.AppVersion).Major | quote }}
      - name: PATIENCE_SECONDS
        value: "120"
      # Of so many that one consumer of the version before is among them, if there is any.
      - name: ANSWERS
        {{- $consumers := .Values.consumer.replicas | int }}
        {{- if dig "autoscaling" "enabled" false .Values.consumer }}
        {{- $consumers = max $consumers (int .Values.consumer.autoscaling.maxReplicas) }}
        {{- end }}
        value: {{ mul 20 (max 1 $consumers) | quote }}
    resources:
      requests: {cpu: 50m, memory: 32Mi}
      limits: {memory: 64Mi}
    securityContext:
      {{- toYaml (.Values.containerSecurityContext | default dict) | nindent 6 }}
{{- end }}
{{- end }}

{{- define "toConsumer" -}}
{{- if include "waits" . -}}
- ports:
    - port: http
  to:
    - podSelector:
        matchLabels:
          {{- include "selector" (list . "consumer") | nindent 10 }}
{{- end }}
{{- end }}

{{- define "publisherSettings" -}}
{{- $publisher := .Values.publisher }}
{{- include "secretsSetting" (include "publisherSecretFiles" .) }}
{{ include "declareSetting" (list . "publisher") }}
- name: PUBLISHER_GIVE_UP_AFTER
  value: {{ $publisher.giveUpAfter | quote }}
- name: PUBLISHER_LOG_LEVEL
  value: {{ $publisher.logLevel }}
{{- with $publisher.map }}
- name: PUBLISHER_MAP
  value: {{ . | quote }}
{{- end }}
{{- with $publisher.timezone }}
- name: PUBLISHER_TIMEZONE
  value: {{ . }}
{{- end }}
{{- with $publisher.timeFormat }}
- name: PUBLISHER_TIME_FORMAT
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "publisherServiceSettings" -}}
{{ include "publisherSettings" . }}
{{ include "accessSettings" (list . "PUBLISHER") }}
{{- with .Values.publisher.mllp }}
{{- if .enabled }}
- name: PUBLISHER_MLLP_PORT
  value: "2575"
{{- with .allow }}
- name: PUBLISHER_MLLP_ALLOW
  value: {{ join "," . | quote }}
{{- end }}
{{- with .tls }}
{{- if .existingSecret }}
- name: PUBLISHER_MLLP_TLS_CERTIFICATE
  value: /mllp/tls.crt
- name: PUBLISHER_MLLP_TLS_KEY
  value: /mllp/tls.key
{{- if .clientCertificates }}
- name: PUBLISHER_MLLP_TLS_CLIENT_AUTHORITY
  value: /mllp/ca.crt
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.publisher.folder }}
{{- if .existingClaim }}
- name: PUBLISHER_FOLDER
  value: /folder
- name: PUBLISHER_FOLDER_POLLING
  value: {{ .polling | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "fileSettings" -}}
{{- $file := .Values.publisher.file -}}
- name: PUBLISHER_REJECTS
  value: /data/{{ $file.name | base }}.rejects.jsonl
# A mounted file has the time of the mount, by which each try would be another run.
- name: PUBLISHER_RUN
  value: {{ $file.run | default (base $file.name | trunc 128) | quote }}
{{ include "publisherSettings" . }}
{{- end }}

{{/* Variables of the chart's, and those of the values, which take the place of their namesakes;
     takes (list VARIABLES EXTRA). */}}
{{- define "variables" -}}
{{- $extra := last . | default list }}
{{- $names := list }}
{{- range $extra }}
{{- $names = append $names .name }}
{{- end }}
{{- $variables := list }}
{{- range first . | fromYamlArray }}
{{- if not (has .name $names) }}
{{- $variables = append $variables . }}
{{- end }}
{{- end }}
{{- concat $variables $extra | toYaml }}
{{- end }}

{{/* Egress rules of NetworkPolicies. */}}
{{- define "toDns" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end }}

{{- define "toPeers" -}}
- ports:
    - port: {{ .port }}
  {{- with .peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "toBroker" -}}
{{- if .Values.rabbitmq.operator.enabled -}}
- ports:
    - port: 5672
  to:
    - podSelector:
        matchLabels:
          {{- include "operatorSelector" . | nindent 10 }}
{{- else if .Values.rabbitmq.enabled -}}
- ports:
    - port: 5672
  to:
    - podSelector:
        matchLabels:
          {{- include "selector" (list . "rabbitmq") | nindent 10 }}
{{- else }}
{{- include "toPeers" .Values.networkPolicy.broker }}
{{- end }}
{{- end }}

{{/* What the operator puts on the pods and the service of a cluster. */}}
{{- define "operatorSelector" -}}
app.kubernetes.io/name: {{ include "fullname" . }}-rabbitmq
app.kubernetes.io/component: rabbitmq
{{- end }}
