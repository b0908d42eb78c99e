{{- /* The labels of whatever belongs to one program. */ -}}
{{- define "inferencehealth.labels" -}}
app.kubernetes.io/name: inferencehealth-{{ . }}
app.kubernetes.io/part-of: inferencehealth
{{- end }}

{{- define "inferencehealth.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{- /* A file of manifests/, with the release's namespace in place of the one it names. */ -}}
{{- define "inferencehealth.file" -}}
{{ .root.Files.Get .path | replace "inferencehealth-system" .root.Release.Namespace }}
{{- end }}

{{- define "inferencehealth.probe" -}}
httpGet:
  path: {{ .path }}
  port: {{ .port }}
  {{- if eq .port "https" }}
  scheme: HTTPS
  {{- end }}
periodSeconds: {{ .period }}
timeoutSeconds: 3
failureThreshold: {{ .failures }}
{{- end }}

{{- /* One program: service account, Deployment, PodDisruptionBudget, NetworkPolicy.
       program, values (its own), args, port (name and number), alive (path), surge, root */ -}}
{{- define "inferencehealth.program" -}}
{{- $root := .root }}
{{- $name := printf "inferencehealth-%s" .program }}
{{- $labels := include "inferencehealth.labels" .program }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
spec:
  replicas: {{ .values.replicas }}
  {{- if .surge }}
  strategy:
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  {{- end }}
  selector:
    matchLabels: {app.kubernetes.io/name: {{ $name }}}
  template:
    metadata:
      labels:
        {{- $labels | nindent 8 }}
        {{- with $root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $root.Values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      {{- with $root.Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        seccompProfile: {type: RuntimeDefault}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels: {app.kubernetes.io/name: {{ $name }}}
      {{- with .values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.tolerations }}
      tolerations: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .program }}
          image: {{ include "inferencehealth.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args:
            - {{ .program }}
            - --system-namespace=$(POD_NAMESPACE)
            {{- range .args }}
            - {{ . | quote }}
            {{- end }}
            {{- if eq $root.Values.scope "Namespace" }}
            - --namespace=$(POD_NAMESPACE)
            {{- end }}
            {{- range .values.extraArgs }}
            - {{ . | quote }}
            {{- end }}
          env:
            - name: POD_NAMESPACE
              valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
          ports:
            - {name: {{ .port.name }}, containerPort: {{ .port.number }}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          resources: {{- toYaml .values.resources | nindent 12 }}
          startupProbe: {{- include "inferencehealth.probe" (dict "path" .alive "port" .port.name "period" 2 "failures" 60) | nindent 12 }}
          livenessProbe: {{- include "inferencehealth.probe" (dict "path" .alive "port" .port.name "period" 10 "failures" 3) | nindent 12 }}
          readinessProbe: {{- include "inferencehealth.probe" (dict "path" "/readyz" "port" .port.name "period" 5 "failures" 2) | nindent 12 }}
          {{- if eq .program "webhook" }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
          {{- end }}
      {{- if eq .program "webhook" }}
      volumes:
        - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 16Mi}}
      {{- end }}
{{- if $root.Values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {app.kubernetes.io/name: {{ $name }}}
{{- end }}
{{- if $root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ $name }}
  namespace: {{ $root.Release.Namespace }}
  labels: {{- $labels | nindent 4 }}
spec:
  podSelector:
    matchLabels: {app.kubernetes.io/name: {{ $name }}}
  policyTypes: [Ingress]
  ingress:
    - ports:
        - {port: {{ .port.name }}, protocol: TCP}
{{- end }}
{{- end }}
