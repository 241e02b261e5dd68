"""A default that stands in several places is the same in each."""

import re
from pathlib import Path

import yaml

from consumer_app.settings import ConsumerSettings

ROOT = Path(__file__).parents[2]


def test_compose_and_chart_take_as_many_messages_as_the_consumer_by_itself() -> None:
    compose = (ROOT / "consumer_app/docker-compose.yaml").read_text()
    chart = yaml.safe_load((ROOT / "charts/medication-periods/values.yaml").read_text())
    example = (ROOT / ".env").read_text()

    default = ConsumerSettings.model_fields["prefetch"].default

    assert chart["consumer"]["prefetch"] == default
    assert re.findall(r"CONSUMER_PREFETCH:-(\d+)", compose) == [str(default)]
    assert re.findall(r"CONSUMER_PREFETCH=(\d+)", example) == [str(default)]
