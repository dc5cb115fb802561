"""The rented engines as targets that Prometheus can scrape itself: vLLM tells tokens, queue and KV cache there."""

from typing import Any
from urllib.parse import urlsplit

from cloudgpu.cli.session import Session
from cloudgpu.running.deployment import DeploymentState


def engine_targets(session: Session) -> list[dict[str, Any]]:
    """One group per engine that has an address and serves; the labels name the deployment, never a key."""
    return [
        {
            "targets": [urlsplit(each.endpoint).netloc],
            "labels": {
                "__scheme__": urlsplit(each.endpoint).scheme,
                "__metrics_path__": "/metrics",
                "deployment": each.name,
                "service": each.service,
                "provider": each.provider,
                "model": each.model,
                "gpu": each.cards,
            },
        }
        for each in session.store.deployments()
        if each.endpoint and each.state in (DeploymentState.READY, DeploymentState.DRAINING)
    ]
