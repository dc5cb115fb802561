"""Docker on a machine of one's own: its adapter, and one file each for what is asked of the daemon and what it says."""

from cloudgpu.running.providers.docker.adapter import DockerProvider, open_docker

__all__ = ["DockerProvider", "open_docker"]
