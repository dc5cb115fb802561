"""Events of made-up instances, shared by the accounting tests."""

from datetime import UTC, datetime, timedelta

from cloudgpu.base.clock import utc_text
from cloudgpu.base.events import Event, EventKind

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes=0, seconds=0):
    return NOON + timedelta(minutes=minutes, seconds=seconds)


def event(kind, when, data=None, *, token="t-1", deployment="mistral", instance_id=None, provider="vast"):
    return Event(
        kind=EventKind(kind), at=when, deployment=deployment, provider=provider, token=token,
        instance_id=instance_id, data=data or {},
    )  # fmt: skip


def intended(when, *, gpu="0.36", disk="0.018", download="0.30", count=1, model="mistralai/Mistral-7B", **kw):
    data = {
        "model": model, "gpu": "RTX 4090", "gpu_count": count, "gpu_usd_per_hour": gpu, "disk_usd_per_hour": disk,
        "download_usd": download,
    }  # fmt: skip
    return event("intended", when, data, **kw)


def created(when, *, instance_id="7001", **kw):
    return event("created", when, instance_id=instance_id, **kw)


def observed(when, *, gpu_billing=True, disk_billing=True, gpu="0.36", disk="0.018", state="running", **kw):
    data = {
        "state": state, "gpu_billing": gpu_billing, "disk_billing": disk_billing, "gpu_usd_per_hour": gpu,
        "disk_usd_per_hour": disk,
    }  # fmt: skip
    return event("observed", when, data, **kw)


def charged(when, *lines, **kw):
    named = [{"meter": m, "start": utc_text(s), "end": utc_text(e), "usd": usd} for m, s, e, usd in lines]
    return event("charged", when, {"fetched_at": utc_text(when), "lines": named}, **kw)


def a_rental(*, start=NOON, hours=1, token="t-1", deployment="mistral", instance_id="7001"):
    """Intent, create, running after 6 minutes, gone after some hours."""
    kw = {"token": token, "deployment": deployment}
    end = start + timedelta(hours=hours)
    return [
        intended(start, **kw),
        created(start + timedelta(seconds=2), instance_id=instance_id, **kw),
        observed(start + timedelta(minutes=6), **kw),
        event("ready", start + timedelta(minutes=9), **kw),
        event("destroy_requested", end, **kw),
        event("gone", end + timedelta(seconds=20), **kw),
    ]
