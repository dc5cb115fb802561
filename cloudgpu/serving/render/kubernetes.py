"""Kubernetes: a Deployment, its Service and a claim for the downloads; the secret is made beside it.

Over several machines a LeaderWorkerSet takes the Deployment's place: the form that vLLM documents.
"""

from cloudgpu.serving.render.setup import Setup, dumped, header
from cloudgpu.serving.render.together import together

_PROBE_S = 10
_ROLE = "role"


def kubernetes_text(setup: Setup) -> str:
    """The documents. The name of the Service is never `vllm`: Kubernetes would set VLLM_PORT by it."""
    several = setup.nodes > 1
    documents = [_leader_worker_set(setup)] if several else [_claim(setup), _deployment(setup)]
    literals = " ".join(f'--from-literal={name}="${name}"' for name in setup.secrets)
    how = f"kubectl create secret generic {_name(setup)} {literals} && kubectl apply -f this-file.yaml"
    needed = "# Needs LeaderWorkerSet in the cluster: https://lws.sigs.k8s.io/docs/installation/\n" if several else ""
    return header(setup, how) + needed + "---\n".join(dumped(each) for each in [*documents, _service(setup)])


def _name(setup: Setup) -> str:
    return f"serve-{setup.label}"[:63].rstrip("-")


def _labels(setup: Setup) -> dict[str, str]:
    return {"app": _name(setup)}


def _metadata(setup: Setup) -> dict[str, object]:
    return {"name": _name(setup), "labels": _labels(setup)}


def _wanted(setup: Setup) -> dict[str, object]:
    storage = {"resources": {"requests": {"storage": f"{setup.launch.disk_gb}Gi"}}}
    return {"accessModes": ["ReadWriteOnce"], **storage}


def _claim(setup: Setup) -> dict[str, object]:
    return {
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _metadata(setup), "spec": _wanted(setup),
    }  # fmt: skip


def _deployment(setup: Setup) -> dict[str, object]:
    pod = {
        "containers": [{**_container(setup), **_own_command(setup), **_probes(setup)}],
        "volumes": [{"name": "downloads", "persistentVolumeClaim": {"claimName": _name(setup)}}, _SHARED],
    }
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(setup),
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": _labels(setup)},
            "template": {"metadata": {"labels": _labels(setup)}, "spec": pod},
        },
    }  # fmt: skip


def _leader_worker_set(setup: Setup) -> dict[str, object]:
    """One group of machines, made anew as a whole when one of them fails. Only its first one is asked anything."""
    leader, worker = _member(setup, _probes(setup)), _member(setup, {})
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1", "kind": "LeaderWorkerSet", "metadata": _metadata(setup),
        "spec": {
            "replicas": 1,
            "leaderWorkerTemplate": {
                "size": setup.nodes,
                "restartPolicy": "RecreateGroupOnPodRestart",
                "leaderTemplate": {"metadata": {"labels": {**_labels(setup), _ROLE: "leader"}}, "spec": leader},
                "workerTemplate": {"metadata": {"labels": {**_labels(setup), _ROLE: "worker"}}, "spec": worker},
            },
        },
    }  # fmt: skip


def _member(setup: Setup, probes: dict[str, object]) -> dict[str, object]:
    """A pod with a disk of its own: one disk cannot be written from several machines."""
    script = together(setup, rank='"$LWS_WORKER_INDEX"', head='"$LWS_LEADER_ADDRESS"')
    disk = {"volumeClaimTemplate": {"spec": _wanted(setup)}}
    return {
        "containers": [{**_container(setup), "command": ["bash", "-c", script], **probes}],
        "volumes": [{"name": "downloads", "ephemeral": disk}, _SHARED],
    }


def _container(setup: Setup) -> dict[str, object]:
    launch = setup.launch
    return {
        "name": "engine",
        "image": launch.image,
        "env": [
            *({"name": name, "value": value} for name, value in setup.plain.items()),
            *({"name": name, "valueFrom": {"secretKeyRef": {"name": _name(setup), "key": name}}}
              for name in setup.secrets),
        ],
        "ports": [{"containerPort": setup.port}],
        "resources": {"limits": {"nvidia.com/gpu": setup.gpu_count}},
        "volumeMounts": [
            {"name": "downloads", "mountPath": "/root/.cache/huggingface"}, {"name": "shm", "mountPath": "/dev/shm"},
        ],
    }  # fmt: skip


def _own_command(setup: Setup) -> dict[str, object]:
    launch = setup.launch
    return {**({"command": list(launch.entrypoint)} if launch.entrypoint else {}), "args": list(launch.args)}


def _probes(setup: Setup) -> dict[str, object]:
    health = {"httpGet": {"path": setup.launch.health.path, "port": setup.port}, "periodSeconds": _PROBE_S}
    return {
        "startupProbe": {**health, "failureThreshold": -(-setup.start_s // _PROBE_S)},
        "readinessProbe": health,
        "livenessProbe": {**health, "failureThreshold": 6},
    }


def _service(setup: Setup) -> dict[str, object]:
    selector = {**_labels(setup), **({_ROLE: "leader"} if setup.nodes > 1 else {})}
    return {
        "apiVersion": "v1", "kind": "Service", "metadata": _metadata(setup),
        "spec": {"selector": selector, "ports": [{"port": setup.port, "targetPort": setup.port}]},
    }  # fmt: skip


_SHARED = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}
