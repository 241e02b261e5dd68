"""What runs, how many of it, when it counts as alive, and how it stops."""

from collections.abc import Iterator
from typing import Any

import pytest

from consumer_app.settings import ConsumerSettings
from contracts.topology import EVENTS_QUEUE
from publisher_app.settings import PublisherSettings
from runtime.settings import SECRETS_DIR
from runtime.version import VERSION
from tests.chart.helm import (
    Manifest,
    is_gone_before_the_release,
    pick,
    pods,
    render,
    secret_files,
)
from tests.chart.modes import (
    ANSWERING,
    EACH_ITS_OWN,
    EXISTING_BROKER,
    MODES,
    OPERATOR,
    POSTGRESQL,
    TLS,
)


def _variables(pod: Manifest) -> dict[str, Any]:
    return {
        each["name"]: each.get("value", each.get("valueFrom"))
        for each in pod["containers"][0]["env"]
    }


def test_sqlite_gets_one_consumer_on_a_volume() -> None:
    consumer = pick(render(), "StatefulSet", "consumer")["spec"]
    assert consumer["replicas"] == 1
    assert consumer["volumeClaimTemplates"][0]["spec"]["accessModes"] == ["ReadWriteOnce"]
    mounts = consumer["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "data", "mountPath": "/data"} in mounts


def test_postgresql_gets_a_deployment_of_as_many_as_are_asked_for() -> None:
    consumer = pick(render(POSTGRESQL | {"consumer.replicas": 3}), "Deployment", "consumer")["spec"]
    assert consumer["replicas"] == 3
    spread = consumer["template"]["spec"]["topologySpreadConstraints"][0]
    assert spread["labelSelector"]["matchLabels"] == consumer["selector"]["matchLabels"]


@pytest.mark.parametrize("component", ["answering", "consumer", "publisher"])
def test_old_pods_stay_until_a_new_one_has_been_ready_for_a_while(component: str) -> None:
    deployment = pick(render(ANSWERING), "Deployment", component)["spec"]
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    # RabbitMQ refuses a wrong password within seconds; the pod may have been ready until then.
    assert deployment["minReadySeconds"] >= 10


@pytest.mark.parametrize("component", ["consumer", "rabbitmq"])
def test_a_pod_that_never_gets_ready_does_not_keep_the_next_one_from_coming(component: str) -> None:
    # In order, the controller waits for it, also where a rollback would replace it.
    assert pick(render(), "StatefulSet", component)["spec"]["podManagementPolicy"] == "Parallel"


def _selected(manifests: list[Manifest], service: str) -> str:
    selector: dict[str, str] = pick(manifests, "Service", service)["spec"]["selector"]
    return selector["app.kubernetes.io/component"]


def test_queries_go_to_those_who_only_answer_where_there_are_any() -> None:
    assert _selected(render(POSTGRESQL), "consumer") == "consumer"
    manifests = render(ANSWERING)
    assert pick(manifests, "Deployment", "answering")["spec"]["replicas"] == 3
    assert _selected(manifests, "consumer") == "answering"
    assert _selected(manifests, "receiving") == "consumer"


def test_who_only_answers_is_told_so_and_of_no_broker() -> None:
    pod = pods(render(ANSWERING))["answering"]
    variables = _variables(pod)
    assert variables["CONSUMER_RECEIVES"] == "false"
    assert "RABBITMQ_URL" not in variables
    assert "CONSUMER_MAX_LAG" not in variables
    secret = {"name": "medication-database", "key": "url"}
    key = {"name": "medication-periods-audit", "key": "key"}
    assert secret_files(pod) == {
        "DATABASE_URL": secret,
        "AUDIT_DATABASE_URL": secret,
        "AUDIT_KEY": key,
    }


def test_a_replica_is_asked_by_those_who_only_answer_alone() -> None:
    specs = pods(render(MODES["PostgreSQL, queries apart on a replica"]))
    answering = _variables(specs["answering"])
    asked = {name: secret_files(specs[name])["DATABASE_URL"] for name in ("answering", "consumer")}
    assert asked == {
        "answering": {"name": "medication-replica", "key": "replica"},
        "consumer": {"name": "medication-database", "key": "url"},
    }
    assert answering["CONSUMER_MAX_LAG"] == "60"
    assert answering["CONSUMER_LOG_LEVEL"] == "DEBUG"


def test_whoever_answers_shows_what_the_hospital_has_chosen() -> None:
    chosen = {
        "consumer.quietAfter": ("CONSUMER_QUIET_AFTER", "P14D", "P14D"),
        "consumer.timeZone": ("CONSUMER_TIME_ZONE", "Europe/Berlin", "Europe/Berlin"),
        "consumer.recentPatients": ("CONSUMER_RECENT_PATIENTS", False, "false"),
        "consumer.patientSearch": ("CONSUMER_PATIENT_SEARCH", True, "true"),
    }
    values = {name: value for name, (_, value, _) in chosen.items()}
    expected = {name: written for name, _, written in chosen.values()}
    usual, other = pods(render(ANSWERING)), pods(render(ANSWERING | values))
    for each in ("answering", "consumer"):
        assert not _variables(usual[each]).keys() & expected.keys()
        assert expected.items() <= _variables(other[each]).items()


def test_who_only_answers_runs_and_stops_as_a_consumer_does() -> None:
    specs = pods(render(ANSWERING))
    answering, consumer = (specs[name]["containers"][0] for name in ("answering", "consumer"))
    same = ("image", "resources", "securityContext", "lifecycle", "ports")
    assert [answering[each] for each in same] == [consumer[each] for each in same]
    probes = ("startupProbe", "livenessProbe", "readinessProbe")
    assert [answering[each] for each in probes] == [consumer[each] for each in probes]


def test_who_only_answers_is_not_given_what_is_for_those_who_store() -> None:
    """Such as a way to the broker, or a DATABASE_URL with the right to write."""
    for_storing = {"consumer.extraEnv": [{"name": "DATABASE_URL", "value": "for those who store"}]}
    variables = _variables(pods(render(ANSWERING | for_storing))["answering"])
    assert "DATABASE_URL" not in variables


@pytest.mark.parametrize("by", ["cpu", "queue"])
def test_the_autoscaler_alone_decides_on_the_replicas(by: str) -> None:
    mode = {"cpu": "PostgreSQL, scaled by CPU", "queue": "PostgreSQL, scaled by queue"}[by]
    manifests = render(MODES[mode])
    assert "replicas" not in pick(manifests, "Deployment", "consumer")["spec"]
    scaler = pick(manifests, {"cpu": "HorizontalPodAutoscaler", "queue": "ScaledObject"}[by])
    assert scaler["spec"]["scaleTargetRef"]["name"] == "medication-periods-consumer"


def test_keda_watches_the_queue_that_the_contract_declares() -> None:
    scaler = pick(render(MODES["PostgreSQL, scaled by queue"]), "ScaledObject")
    assert scaler["spec"]["triggers"][0]["metadata"]["queueName"] == EVENTS_QUEUE.name


@pytest.mark.parametrize("component", ["consumer", "publisher"])
def test_liveness_asks_for_the_process_and_readiness_for_its_work(component: str) -> None:
    container = pods(render())[component]["containers"][0]
    assert container["startupProbe"]["httpGet"]["path"] == "/health/live"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_rabbitmq_has_all_three_probes() -> None:
    container = pods(render())["rabbitmq"]["containers"][0]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= container.keys()


@pytest.mark.parametrize("component", ["consumer", "publisher"])
def test_a_service_has_time_to_finish_what_it_has(component: str) -> None:
    graceful_timeout = 15.0  # FastStream's default for a broker.
    pod = pods(render())[component]
    waits = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > waits + graceful_timeout


def test_migrations_run_before_the_rest_on_postgresql() -> None:
    job = pick(render(POSTGRESQL), "Job", "migrations")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["command"][1:] == ["-m", "consumer_app", "database", "migrate"]
    assert "migrations" not in pods(render())


def test_on_sqlite_the_consumers_own_pod_migrates_before_the_consumer_starts() -> None:
    pod = pods(render())["consumer"]
    migration = pod["initContainers"][-1]
    assert migration["command"][1:] == ["-m", "consumer_app", "database", "migrate"]
    volumes = {each["name"]: each for each in pod["containers"][0]["volumeMounts"]}
    # It answers nobody, and knows no tokens.
    assert migration["volumeMounts"] == [volumes[name] for name in ("data", "tmp")]
    assert "initContainers" not in pods(render(POSTGRESQL | EXISTING_BROKER))["consumer"]


def test_nothing_ends_a_migration_that_takes_long() -> None:
    job = pick(render(POSTGRESQL), "Job", "migrations")["spec"]
    assert "activeDeadlineSeconds" not in job | job["template"]["spec"]
    migration = pods(render())["consumer"]["initContainers"][-1]
    assert not {"startupProbe", "livenessProbe", "readinessProbe"} & migration.keys()


def test_each_broker_gives_its_url_by_a_secret() -> None:
    expected = {
        "SQLite on a claim of one's own": ("broker", "url"),
        "existing broker": ("hospital-broker", "url"),
        "cluster operator": ("medication-periods-rabbitmq-default-user", "connection_string"),
    }
    for mode, (name, key) in expected.items():
        specs = pods(render(MODES[mode]))
        for component in ("consumer", "publisher"):
            assert secret_files(specs[component])["RABBITMQ_URL"] == {"name": name, "key": key}
            assert f"{component.upper()}_DECLARE" not in _variables(specs[component])


@pytest.mark.parametrize(
    ("values", "name"),
    [({}, "medication-periods-rabbitmq"), (EACH_ITS_OWN, "hospital-broker")],
    ids=["trying out", "existing broker"],
)
def test_a_service_with_a_user_of_its_own_declares_nothing(
    values: dict[str, Any], name: str
) -> None:
    specs = pods(render(values | {"publisher.file": {"enabled": True, "configMap": "events"}}))
    for component, service in (
        ("consumer", "consumer"),
        ("publisher", "publisher"),
        ("publish-file", "publisher"),
    ):
        key = {"name": name, "key": f"{service}-url"}
        assert secret_files(specs[component])["RABBITMQ_URL"] == key
        assert _variables(specs[component])[f"{service.upper()}_DECLARE"] == "false"


_APART = [{}, EACH_ITS_OWN]


@pytest.mark.parametrize("database", [{}, POSTGRESQL], ids=["sqlite", "postgresql"])
@pytest.mark.parametrize("broker", _APART, ids=["trying out", "existing broker"])
def test_a_pod_starts_and_answers_queries_whatever_becomes_of_rabbitmq(
    broker: dict[str, Any], database: dict[str, Any]
) -> None:
    manifests = render(database | broker)
    consumer = pods(manifests)["consumer"]

    # What comes before it is about its own file alone.
    before = [each["name"] for each in consumer.get("initContainers", [])]
    assert before == ([] if database else ["migrate"])
    assert consumer["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/health/ready"


@pytest.mark.parametrize("broker", _APART, ids=["trying out", "existing broker"])
def test_what_waits_in_the_queue_of_1_0_0_is_moved_by_who_may_once_the_release_is_there(
    broker: dict[str, Any],
) -> None:
    manifests = render(broker)
    job = pick(manifests, "Job", "move")
    (container,) = pods(manifests)["move"]["containers"]

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "post-upgrade"
    assert job["spec"]["backoffLimit"] > 0
    assert container["command"][2:4] == ["consumer_app", "declare"]
    assert container["command"][-1] == "--move"
    assert secret_files(pods(manifests)["move"])["RABBITMQ_URL"]["key"] == "url"


def test_an_existing_broker_has_all_declared_before_a_publisher_that_is_not_ready_without() -> None:
    manifests = render(EACH_ITS_OWN)
    for kind in ("Job", "NetworkPolicy"):
        declares = pick(manifests, kind, "declare")
        assert declares["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    (container,) = pods(manifests)["declare"]["containers"]
    assert "--move" not in container["command"]
    url = {"name": "hospital-broker", "key": "url"}
    assert secret_files(pods(manifests)["declare"])["RABBITMQ_URL"] == url

    # The chart's own loads it at its start.
    assert "declare" not in pods(render())


def test_who_declares_reads_the_certificates_that_its_address_names() -> None:
    specs = pods(render(TLS | EACH_ITS_OWN))
    for job in ("declare", "move"):
        (container,) = specs[job]["containers"]
        mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
        assert mounts["certificates"] == "/certificates"


@pytest.mark.parametrize("broker", [EXISTING_BROKER, OPERATOR], ids=["existing", "operator"])
def test_nobody_declares_beside_services_that_may(broker: dict[str, Any]) -> None:
    assert not {"declare", "move"} & pods(render(broker)).keys()


def test_a_password_that_has_changed_is_taken_by_rabbitmq_and_by_the_services() -> None:
    def checksums(*options: str) -> list[dict[str, str]]:
        manifests = render({}, *options)
        return [
            pick(manifests, kind, component)["spec"]["template"]["metadata"]["annotations"]
            for kind, component in (
                ("StatefulSet", "rabbitmq"),
                ("StatefulSet", "consumer"),
                ("Deployment", "publisher"),
            )
        ]

    # Without a cluster each rendering makes passwords; the option only has it done once more.
    for one, other in zip(checksums(), checksums("--debug"), strict=True):
        assert one != other


def test_a_broker_of_its_own_exists_only_where_it_is_asked_for() -> None:
    assert "rabbitmq" not in pods(render(MODES["existing broker"]))
    manifests = render(POSTGRESQL | OPERATOR)
    assert "rabbitmq" not in pods(manifests)
    assert pick(manifests, "RabbitmqCluster")["spec"]["replicas"] == 3


def test_the_operators_cluster_gives_each_queue_the_members_that_it_misses() -> None:
    cluster = pick(render(POSTGRESQL | OPERATOR), "RabbitmqCluster")["spec"]
    assert cluster["rabbitmq"]["additionalConfig"].splitlines() == [
        "quorum_queue.continuous_membership_reconciliation.enabled = true",
        "quorum_queue.continuous_membership_reconciliation.target_group_size = 3",
    ]
    without = POSTGRESQL | OPERATOR | {"rabbitmq.operator.additionalConfig": ""}
    assert "rabbitmq" not in pick(render(without), "RabbitmqCluster")["spec"]


def test_keda_can_be_given_one_address_where_the_services_have_several() -> None:
    scaled = {"consumer.autoscaling.enabled": True, "consumer.autoscaling.by": "queue"}
    one = {"rabbitmq.existingSecretKeyForKeda": "one-url"}
    for values, key in ((EXISTING_BROKER, "url"), (EXISTING_BROKER | one, "one-url")):
        manifests = render(POSTGRESQL | scaled | values)
        (given,) = pick(manifests, "TriggerAuthentication")["spec"]["secretTargetRef"]
        assert given == {"parameter": "host", "name": "hospital-broker", "key": key}
        url = secret_files(pods(manifests)["consumer"])["RABBITMQ_URL"]
        assert url == {"name": "hospital-broker", "key": "url"}


def test_every_variable_is_one_that_the_services_read() -> None:
    specs = pods(render(MODES["PostgreSQL, queries apart on a replica"]))
    specs |= pods(render(MODES["file from a config map"]))
    specs |= {"mllp": pods(render(MODES["HL7 v2 from senders with certificates"]))["publisher"]}
    specs |= {"folder": pods(render(MODES["HL7 v2 and a folder"]))["publisher"]}
    for component, kind in (
        ("mllp", PublisherSettings),
        ("folder", PublisherSettings),
        ("answering", ConsumerSettings),
        ("consumer", ConsumerSettings),
        ("publisher", PublisherSettings),
        ("publish-file", PublisherSettings),
    ):
        prefix = str(kind.model_config["env_prefix"])
        known = {
            str(field.validation_alias or prefix + name).upper()
            for name, field in kind.model_fields.items()
        } | {SECRETS_DIR}
        # AUDIT_KEY_FILE names it.
        assert secret_files(specs[component]).keys() - {"AUDIT_KEY"} <= known
        assert _variables(specs[component]).keys() <= known


def _file_jobs(*, gone: bool) -> list[Manifest]:
    return [
        each
        for each in render(MODES["file from a config map"])
        if each["kind"] == "Job"
        and each["metadata"]["name"].endswith("-publish-file")
        and is_gone_before_the_release(each) is gone
    ]


def _file_job() -> Manifest:
    (job,) = _file_jobs(gone=False)
    return job


@pytest.mark.fault("rollback of the chart with a file's Job")
def test_an_upgrade_and_a_rollback_take_the_job_of_a_file_away_and_make_it_anew() -> None:
    job = _file_job()
    (clearing,) = _file_jobs(gone=True)
    assert clearing["metadata"]["name"] == job["metadata"]["name"]
    annotations = clearing["metadata"]["annotations"]
    assert annotations["helm.sh/hook"] == "pre-upgrade,pre-rollback"
    assert "before-hook-creation" in annotations["helm.sh/hook-delete-policy"]
    # Helm waits for the hook, which is complete without a pod.
    assert clearing["spec"] == job["spec"] | {"completions": 0}


def test_a_migration_that_fails_leaves_the_job_of_a_file() -> None:
    migration = pick(render(POSTGRESQL), "Job", "migrations")
    (clearing,) = _file_jobs(gone=True)
    weights = [
        int(each["metadata"]["annotations"]["helm.sh/hook-weight"])
        for each in (migration, clearing)
    ]
    assert weights[0] < weights[1]


def test_a_file_is_published_by_a_job_that_no_rejected_row_repeats() -> None:
    job = _file_job()["spec"]
    assert job["completions"] == 1
    pod = job["template"]["spec"]
    command = pod["containers"][0]["command"]
    assert command == ["python", "-m", "publisher_app", "/input/events.jsonl"]
    assert _variables(pod)["PUBLISHER_REJECTS"] == "/data/events.jsonl.rejects.jsonl"
    rule = job["podFailurePolicy"]["rules"][0]
    assert (rule["action"], rule["onExitCodes"]["values"]) == ("FailJob", [1])


@pytest.mark.parametrize(
    ("values", "run"),
    [
        ({}, "events.jsonl"),
        ({"publisher.file.name": "monday/wards.csv"}, "wards.csv"),
        ({"publisher.file.run": "monday, again"}, "monday, again"),
        ({"publisher.file.name": "x" * 250}, "x" * 128),
    ],
)
def test_a_file_is_the_same_run_at_each_try_and_upgrade(values: dict[str, Any], run: str) -> None:
    specs = pods(render(MODES["file from a config map"] | values))
    assert _variables(specs["publish-file"])["PUBLISHER_RUN"] == run
    # The requests of a service are no import.
    assert "PUBLISHER_RUN" not in _variables(specs["publisher"])


@pytest.mark.parametrize("component", ["answering", "consumer", "publisher"])
def test_a_drained_node_takes_one_pod_of_a_service_at_a_time(component: str) -> None:
    manifests = render(ANSWERING | {"consumer.replicas": 2})
    budget = pick(manifests, "PodDisruptionBudget", component)["spec"]
    assert budget["maxUnavailable"] == 1
    workload = pick(manifests, "Deployment", component)["spec"]
    assert budget["selector"] == workload["selector"]


def test_both_ways_in_lead_each_host_to_its_service() -> None:
    rules = pick(render(MODES["ingress"]), "Ingress")["spec"]["rules"]
    backends = {
        rule["host"]: rule["http"]["paths"][0]["backend"]["service"]["name"] for rule in rules
    }
    assert backends == {
        "medication-periods.example.org": "medication-periods-consumer",
        "events.example.org": "medication-periods-publisher",
    }
    routes = [each for each in render(MODES["gateway"]) if each["kind"] == "HTTPRoute"]
    assert {
        route["spec"]["hostnames"][0]: route["spec"]["rules"][0]["backendRefs"][0]["name"]
        for route in routes
    } == backends


def test_images_come_from_the_registry_by_digest_where_one_is_given() -> None:
    specs = pods(render(MODES["all settings of pods"]))
    repository = "registry.example.org/hospital/medication-periods"
    assert specs["consumer"]["containers"][0]["image"] == (
        f"{repository}-consumer@sha256:{'0' * 64}"
    )
    assert specs["publisher"]["containers"][0]["image"] == f"{repository}-publisher:{VERSION}"


_GIVEN: list[dict[str, Any]] = [
    {"name": "CONSUMER_PREFETCH", "value": "7"},
    {"name": "DATABASE_URL", "value": "sqlite+aiosqlite:////data/other.db"},
    {"name": "PUBLISHER_GIVE_UP_AFTER", "value": "7"},
    {"name": "PUBLISHER_RUN", "value": "seven"},
    {"name": "RABBITMQ_URL", "valueFrom": {"secretKeyRef": {"name": "mine", "key": "url"}}},
]


@pytest.mark.parametrize("values", [{}, POSTGRESQL, MODES["file from a config map"]])
@pytest.mark.fault("chart's variable set again")
def test_a_variable_of_the_values_takes_the_place_of_the_charts(values: dict[str, Any]) -> None:
    own = {name: container["env"] for name, container in _containers(values)}
    extra = {"consumer.extraEnv": _GIVEN, "publisher.extraEnv": _GIVEN}
    for name, container in _containers(values | extra):
        names = [each["name"] for each in container["env"]]
        assert len(names) == len(set(names)), name
        # Behind the chart's, so that they may refer to them. Who declares has an address apart.
        is_apart = container["name"] == "declare"
        given = [each for each in _GIVEN if not (is_apart and each["name"] == "RABBITMQ_URL")]
        assert container["env"][-len(given) :] == given
        # Of what is a variable now there are no files any more.
        assert {*names, SECRETS_DIR} >= {each["name"] for each in own[name]}


def _containers(values: dict[str, Any]) -> Iterator[tuple[str, Manifest]]:
    """Yield all containers that have settings of ours, with a name."""
    for manifest in render(values):
        if manifest["kind"] not in {"Deployment", "StatefulSet", "Job"}:
            continue
        pod = manifest["spec"]["template"]["spec"]
        for container in [*pod.get("initContainers", []), *pod["containers"]]:
            if container["name"] not in {"rabbitmq", "wait-for-consumer"}:
                yield f"{manifest['metadata']['name']} {container['name']}", container
