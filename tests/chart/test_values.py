"""Values that are wrong, or don't fit together, are refused in words before anything starts."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.helm import CHART, Refused, pick, render, run_helm, secret_files, settings
from tests.chart.modes import POSTGRESQL

_UNCHECKED = "--skip-schema-validation"


@pytest.mark.parametrize("options", [(), (_UNCHECKED,)], ids=["schema", "template"])
@pytest.mark.parametrize(
    "values", [{"consumer.replicas": 2}, {"consumer.autoscaling.enabled": True}]
)
def test_sqlite_with_more_consumers_is_refused_in_words(
    values: dict[str, Any], options: tuple[str, ...]
) -> None:
    with pytest.raises(Refused, match="SQLite serves one consumer"):
        render(values, *options)


@pytest.mark.parametrize("options", [(), (_UNCHECKED,)], ids=["schema", "template"])
def test_sqlite_with_queries_apart_is_refused_in_words(options: tuple[str, ...]) -> None:
    with pytest.raises(Refused, match="the SQLite file is on one node"):
        render({"consumer.answering.replicas": 1}, *options)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"database.type": "postgresql"}, "database.existingSecret: name the secret"),
        ({"rabbitmq.enabled": False}, "rabbitmq.existingSecret: name the secret"),
        ({"rabbitmq.operator.enabled": True}, "exclude each other"),
        ({"publisher.mllp.enabled": True}, "publisher.mllp: name who may send"),
        ({"publisher.file.enabled": True}, "either the configMap or the existingClaim"),
        ({"gateway.enabled": True}, "gateway.parentRefs: name the gateway"),
    ],
)
def test_what_does_not_fit_together_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused):
        render(values)
    with pytest.raises(Refused, match=message):
        render(values, _UNCHECKED)


def test_more_replicas_at_least_than_at_most_are_refused() -> None:
    values = POSTGRESQL | {"consumer.autoscaling": {"enabled": True, "minReplicas": 7}}
    with pytest.raises(Refused, match="minReplicas is more than maxReplicas"):
        render(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"consumer.replica": 2}, "'/consumer': additional properties 'replica' not allowed"),
        ({"consumer.replicas": "2"}, "'/consumer/replicas': got string, want integer"),
        ({"database.type": "mysql"}, "must be one of 'sqlite', 'postgresql'"),
        ({"rabbitmq.auth.username": "guest"}, "/rabbitmq/auth/username"),
        ({"rabbitmq.operator.replicas": 2}, "/rabbitmq/operator/replicas"),
        ({"publisher.map": "MRN"}, "/publisher/map"),
        ({"publisher.file.run": "x" * 129}, "/publisher/file/run"),
        ({"networkPolicy.monitoring": []}, "/networkPolicy/monitoring"),
        ({"consumer.answering.maxLag": 0}, "/consumer/answering/maxLag"),
        ({"consumer.logLevel": "info"}, "/consumer/logLevel"),
        ({"consumer.extraEnv": [{"value": "1"}]}, "/consumer/extraEnv/0"),
        ({"consumer.image.digest": "latest"}, "/consumer/image/digest"),
        ({"consumer.timeZone": "Berlin time"}, "/consumer/timeZone"),
        ({"consumer.timeZone": "right/Europe/Berlin"}, "/consumer/timeZone"),
        ({"publisher.timezone": "localtime"}, "/publisher/timezone"),
        ({"consumer.quietAfter": "7 days"}, "/consumer/quietAfter"),
        ({"consumer.quietAfter": "PT"}, "/consumer/quietAfter"),
    ],
)
def test_the_schema_says_where_a_value_is_wrong(values: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        render(values)


@pytest.mark.parametrize("zone", ["UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "", None])
@pytest.mark.parametrize("quiet", ["P7D", "P2W", "P1DT12H", "PT1H30S", "PT0.5S", ""])
def test_zones_and_durations_are_taken_as_the_services_take_them(
    zone: str | None, quiet: str
) -> None:
    render({"consumer.timeZone": zone, "publisher.timezone": zone, "consumer.quietAfter": quiet})


@pytest.fixture
def chart_with_reused_values(tmp_path: Path) -> Path:
    """Give the chart as --reuse-values has it: its own defaults are those of a release before."""
    chart = tmp_path / "chart"
    shutil.copytree(CHART, chart)
    values = yaml.safe_load((chart / "values.yaml").read_text())
    del values["consumer"]["answering"], values["access"]
    for each in ("waitForConsumer", "mllp", "folder"):
        del values["publisher"][each]
    (chart / "values.yaml").write_text(yaml.safe_dump(values))
    return chart


@pytest.mark.fault("chart upgraded with --reuse-values")
@pytest.mark.parametrize("values", [{}, POSTGRESQL], ids=["sqlite", "postgresql"])
def test_the_values_of_a_release_that_knew_less_are_rendered_as_none_of_them(
    values: dict[str, Any], chart_with_reused_values: Path
) -> None:
    made_anew = ("rabbitmq.auth", "access", "audit")
    known = {f"{each}.existingSecret": "known" for each in made_anew}
    text = run_helm(
        "template", "medication-periods", str(chart_with_reused_values), *settings(values | known)
    )
    assert [each for each in yaml.safe_load_all(text) if each] == render(values | known)


def test_queries_apart_can_be_set_with_the_values_of_a_release_that_knew_none(
    chart_with_reused_values: Path,
) -> None:
    values = POSTGRESQL | {
        "consumer.answering": {"replicas": 2, "existingSecret": "medication-replica"}
    }
    text = run_helm(
        "template", "medication-periods", str(chart_with_reused_values), *settings(values)
    )
    answering = pick([each for each in yaml.safe_load_all(text) if each], "Deployment", "answering")
    url = secret_files(answering["spec"]["template"]["spec"])["DATABASE_URL"]
    assert url == {"name": "medication-replica", "key": "url"}
