"""The metrics in Prometheus' own text form, from what the journal says at this moment."""

from collections.abc import Iterator
from typing import Any

from cloudgpu.accounting.use import uses
from cloudgpu.base.extra import need
from cloudgpu.cli.cost.reading import read
from cloudgpu.cli.metrics.families import families
from cloudgpu.cli.session import Session


def exposition(session: Session) -> str:
    """The text. Raises UsageError without the extra `metrics`."""
    client = need("prometheus_client", "metrics")
    registry = client.CollectorRegistry(auto_describe=False)
    registry.register(_Collector(session))
    return str(client.generate_latest(registry).decode("utf-8"))


class _Collector:
    """What prometheus_client asks at each scrape."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def collect(self) -> Iterator[Any]:
        core = need("prometheus_client.core", "metrics")
        history, moments, *_ = read(self._session, offline=True)
        budgets = uses(history, moments)
        store = self._session.store
        still_open = [each for each in store.migrations() if each["state"] not in ("stable", "aborted")]
        for name, words, labels, samples in families(history, moments, store.deployments(), budgets, still_open):
            family = core.GaugeMetricFamily(name, words, labels=labels)
            for values, value in samples:
                family.add_metric(values, value)
            yield family
