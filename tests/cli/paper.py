"""A deployment as the journal keeps one, for what is only shown."""

from cloudgpu.running.records import Deployment, DeploymentState

READY = Deployment.from_body(
    {
        "name": "mistral", "service": "mistral", "token": "cloudgpu-0", "provider": "vast", "account": "1",
        "model": "org/a-model", "short_name": "mistral", "gpu": "RTX 4090", "gpu_count": 1, "gpu_memory_mib": 24564,
        "disk_gb": 40, "offer_id": "7", "machine_id": "8", "state": DeploymentState.READY.value,
        "gpu_usd_per_hour": "0.3", "disk_usd_per_hour": "0.01", "download_usd": "0.2", "agreed_usd_per_hour": "0.4",
        "since": "2026-03-01T12:00:00Z", "health": {"port": 8000, "path": "/health", "model_id": "m"},
        "instance_id": "33", "endpoint": "http://203.0.113.7:41000",
    }
)  # fmt: skip
