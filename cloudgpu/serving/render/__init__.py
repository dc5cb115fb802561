"""The same launch in other people's formats, so that who outgrows single instances takes the set-up along.

No rendering holds a secret: each names the variable that has it.
"""

from collections.abc import Callable, Mapping

from cloudgpu.serving.render.compose import compose_text
from cloudgpu.serving.render.docker import docker_text
from cloudgpu.serving.render.dstack import dstack_text
from cloudgpu.serving.render.kubernetes import kubernetes_text
from cloudgpu.serving.render.setup import Setup
from cloudgpu.serving.render.skypilot import skypilot_text
from cloudgpu.serving.render.vendors import runpod_text, vast_text

FORMS: Mapping[str, Callable[[Setup], str]] = {
    "compose": compose_text,
    "docker": docker_text,
    "vast": vast_text,
    "runpod": runpod_text,
    "skypilot": skypilot_text,
    "dstack": dstack_text,
    "k8s": kubernetes_text,
}
"""Each form with its writer."""

ACROSS_MACHINES = frozenset({"skypilot", "dstack", "k8s"})
"""Forms that can say that several machines serve one model; the others rent or run one."""
