"""The ways in which the chart is installed."""

from typing import Any

POSTGRESQL = {"database.type": "postgresql", "database.existingSecret": "medication-database"}
EXISTING_BROKER = {"rabbitmq.enabled": False, "rabbitmq.existingSecret": "hospital-broker"}
EACH_ITS_OWN = EXISTING_BROKER | {
    "rabbitmq.existingSecretKeyForPublisher": "publisher-url",
    "rabbitmq.existingSecretKeyForConsumer": "consumer-url",
}
OPERATOR = {"rabbitmq.enabled": False, "rabbitmq.operator.enabled": True}
ANSWERING = POSTGRESQL | {"consumer.answering.replicas": 3}
TLS = {"tls.existingSecret": "certificate", "tls.certificatesSecret": "authorities"}
GATEWAY = {"gateway.enabled": True, "gateway.parentRefs": [{"name": "public"}]}

# An operator that makes databases has a key of its own; both need a secret of the chart's no more.
ADDRESSES = [
    {"name": name, "valueFrom": {"secretKeyRef": {"name": "addresses", "key": name}}}
    for name in ("RABBITMQ_URL", "DATABASE_URL", "AUDIT_DATABASE_URL")
]

MODES: dict[str, dict[str, Any]] = {
    "trying out": {},
    "SQLite on a claim of one's own": {
        "consumer.persistence.existingClaim": "events",
        "rabbitmq.persistence.enabled": False,
        "rabbitmq.auth.existingSecret": "broker",
    },
    "PostgreSQL": POSTGRESQL | {"consumer.replicas": 3},
    "PostgreSQL, scaled by CPU": POSTGRESQL | {"consumer.autoscaling.enabled": True},
    "PostgreSQL, scaled by queue": POSTGRESQL
    | {"consumer.autoscaling.enabled": True, "consumer.autoscaling.by": "queue"},
    "PostgreSQL, queries apart": ANSWERING,
    "PostgreSQL, queries apart on a replica": ANSWERING
    | GATEWAY
    | {
        "consumer.replicas": 2,
        "consumer.answering.existingSecret": "medication-replica",
        "consumer.answering.existingSecretKey": "replica",
        "consumer.answering.maxLag": 60,
        "consumer.answering.extraEnv": [{"name": "CONSUMER_LOG_LEVEL", "value": "DEBUG"}],
    },
    "PostgreSQL, queries apart, with certificates": ANSWERING | TLS,
    "with certificates": TLS
    | {"publisher.file.enabled": True, "publisher.file.configMap": "events"},
    "existing broker": POSTGRESQL | EXISTING_BROKER,
    "existing broker, a user for each": EACH_ITS_OWN,
    "cluster operator": POSTGRESQL | OPERATOR | {"serviceMonitor.enabled": True},
    "ingress": {
        "ingress.enabled": True,
        "ingress.className": "nginx",
        "ingress.publisherHost": "events.example.org",
        "ingress.tlsSecret": "certificate",
        "serviceMonitor.enabled": True,
        "serviceMonitor.labels": {"release": "prometheus"},
    },
    "gateway": GATEWAY | {"gateway.publisherHost": "events.example.org"},
    "file from a config map": {
        "publisher.file.enabled": True,
        "publisher.file.configMap": "events",
        "publisher.map": "patient_id=MRN,event_time=when",
        "publisher.timezone": "Europe/Berlin",
        "publisher.timeFormat": "%d.%m.%Y %H:%M",
    },
    "file from a claim": {
        "publisher.file.enabled": True,
        "publisher.file.existingClaim": "events",
        "publisher.file.rejectsClaim": "rejects",
    },
    "HL7 v2 and a folder": {
        "publisher.mllp.enabled": True,
        "publisher.mllp.allow": ["10.1.2.0/24", "10.9.0.7/32"],
        "publisher.mllp.service.type": "LoadBalancer",
        "publisher.mllp.service.annotations": {"a": "1"},
        "publisher.folder.existingClaim": "exports",
    },
    "HL7 v2 from senders with certificates": {
        "publisher.mllp.enabled": True,
        "publisher.mllp.tls.existingSecret": "mllp-certificate",
    },
    "all settings of pods": {
        "images.registry": "registry.example.org/hospital",
        "images.pullSecrets": ["registry"],
        "consumer.image.digest": "sha256:" + "0" * 64,
        "consumer.extraEnv": [{"name": "A", "value": "1"}],
        "publisher.extraEnv": [{"name": "A", "value": "1"}],
        "consumer.service.annotations": {"a": "1"},
        "pods.annotations": {"a": "1"},
        "pods.labels": {"a": "1"},
        "pods.nodeSelector": {"a": "1"},
        "pods.tolerations": [{"key": "a", "operator": "Exists"}],
        "pods.affinity": {"nodeAffinity": {}},
        "pods.priorityClassName": "high",
        "serviceAccount.annotations": {"a": "1"},
        "setUser": False,
    },
    "addresses of one's own": ANSWERING
    | {
        f"{component}.extraEnv": ADDRESSES
        for component in ("consumer", "consumer.answering", "publisher")
    }
    | {"publisher.file.enabled": True, "publisher.file.configMap": "events"},
    "address of the database of one's own": POSTGRESQL | {"consumer.extraEnv": ADDRESSES[1:2]},
    "as little as possible": EXISTING_BROKER
    | {
        "serviceAccount.create": False,
        "networkPolicy.enabled": False,
        "podDisruptionBudget.enabled": False,
        "pods.topologySpread.enabled": False,
        "publisher.replicas": 0,
    },
}
