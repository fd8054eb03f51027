"""Which Prometheus metrics Rounds has: those that its modules register when they are imported."""

from functools import cache

from prometheus_client import REGISTRY

from cli.services import load


@cache
def metrics() -> dict[str, str]:
    """Name, without a counter's `_total`, and meaning."""
    load()  # importing them is what registers their metrics
    return {found.name: found.documentation for found in REGISTRY.collect() if found.name.startswith("rounds_")}
