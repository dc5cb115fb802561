"""The readiness gate: healthy, the right model, and it says something."""

from cloudgpu.base.secret import Secret
from cloudgpu.moving.bench.endpoint import Endpoint, Form
from cloudgpu.moving.gates.verdict import Check, Outcome
from cloudgpu.running.health import probe
from cloudgpu.serving.launch import HealthCheck

GATE = "readiness"


def readiness_checks(new: Endpoint, *, asks: str = "chat") -> list[Check]:
    """Ask the new side what `up` asks before it calls a deployment ready: see `HealthCheck.asks`. Calls the endpoint.

    An application that lists no models, or an address without a known health path, is not asked here: the first
    question tells.
    """
    if new.form is Form.APP or new.health_path is None:
        reason = f"no health check is known for {new.name}: it is judged by its answers"
        return [Check(gate=GATE, name="ready", outcome=Outcome.NOT_JUDGED, reason=reason)]
    wanted = HealthCheck(port=0, path=new.health_path, model_id=new.model, asks=asks)
    health = probe(new.url, new.api_key or Secret(""), wanted)
    if health.ready:
        return [Check(gate=GATE, name="ready", outcome=Outcome.PASS, reason=f"{new.name} is ready: {health.detail}")]
    reason = f"{new.name} is not ready ({health.phase}): {health.detail}"
    return [Check(gate=GATE, name="ready", outcome=Outcome.FAIL, reason=reason)]


def not_measured() -> Check:
    """For a model that embeds: bench and golden prompts ask for words."""
    reason = "what a model that embeds is worth is not measured: compare their vectors yourself"
    return Check(gate="quality", name="vectors", outcome=Outcome.INCONCLUSIVE, reason=reason)
