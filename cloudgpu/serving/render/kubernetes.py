"""Kubernetes: a Deployment, its Service and a claim for the downloads; the secret is made beside it."""

from cloudgpu.serving.render.setup import Setup, dumped, header

_PROBE_S = 10


def kubernetes_text(setup: Setup) -> str:
    """Three documents. The name of the Service is never `vllm`: Kubernetes would set VLLM_PORT by it."""
    documents = [_claim(setup), _deployment(setup), _service(setup)]
    literals = " ".join(f'--from-literal={name}="${name}"' for name in setup.secrets)
    how = f"kubectl create secret generic {_name(setup)} {literals} && kubectl apply -f this-file.yaml"
    return header(setup, how) + "---\n".join(dumped(each) for each in documents)


def _name(setup: Setup) -> str:
    return f"serve-{setup.label}"[:63].rstrip("-")


def _metadata(setup: Setup) -> dict[str, object]:
    return {"name": _name(setup), "labels": {"app": _name(setup)}}


def _claim(setup: Setup) -> dict[str, object]:
    storage = {"resources": {"requests": {"storage": f"{setup.launch.disk_gb}Gi"}}}
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _metadata(setup),
        "spec": {"accessModes": ["ReadWriteOnce"], **storage},
    }  # fmt: skip


def _deployment(setup: Setup) -> dict[str, object]:
    pod = {
        "containers": [_container(setup)],
        "volumes": [
            {"name": "downloads", "persistentVolumeClaim": {"claimName": _name(setup)}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}},
        ],
    }
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(setup),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": {"app": _name(setup)}},
            "template": {"metadata": {"labels": {"app": _name(setup)}}, "spec": pod},
        },
    }  # fmt: skip


def _container(setup: Setup) -> dict[str, object]:
    launch = setup.launch
    health = {"httpGet": {"path": launch.health.path, "port": setup.port}, "periodSeconds": _PROBE_S}
    return {
        "name": "engine",
        "image": launch.image,
        **({"command": list(launch.entrypoint)} if launch.entrypoint else {}),
        "args": list(launch.args),
        "env": [
            *({"name": name, "value": value} for name, value in setup.plain.items()),
            *({"name": name, "valueFrom": {"secretKeyRef": {"name": _name(setup), "key": name}}}
              for name in setup.secrets),
        ],
        "ports": [{"containerPort": setup.port}],
        "resources": {"limits": {"nvidia.com/gpu": setup.gpu_count}},
        "startupProbe": {**health, "failureThreshold": -(-setup.start_s // _PROBE_S)},
        "readinessProbe": health,
        "livenessProbe": {**health, "failureThreshold": 6},
        "volumeMounts": [
            {"name": "downloads", "mountPath": "/root/.cache/huggingface"}, {"name": "shm", "mountPath": "/dev/shm"},
        ],
    }  # fmt: skip


def _service(setup: Setup) -> dict[str, object]:
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": _metadata(setup),
        "spec": {
            "selector": {"app": _name(setup)},
            "ports": [{"port": setup.port, "targetPort": setup.port}],
        },
    }  # fmt: skip
