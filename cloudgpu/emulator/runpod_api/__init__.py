"""RunPod's HTTP interface: REST v2 and the read parts of GraphQL, one file a group of routes, over one `World`."""

from starlette.routing import Route

from cloudgpu.emulator.runpod_api import account, billing, catalog, clusters, graphql, logs, pods, resources


def routes() -> list[Route]:
    """Every route of RunPod."""
    return [
        route
        for group in (catalog, pods, clusters, resources, logs, billing, account, graphql)
        for route in group.routes()
    ]
