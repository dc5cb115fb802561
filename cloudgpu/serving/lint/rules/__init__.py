"""All rules. Importing this room enters them into `rule.RULES`, in the order of the table in docs/lint.md."""

from cloudgpu.serving.lint.rules import (  # noqa: F401  (each enters its rules)
    clients,
    command,
    container,
    context,
    defaults,
    downloads,
    environment,
    flag_values,
    formats,
    host,
    image,
    json_values,
    kernels,
    layout,
    memory,
    operations,
    repository,
    security,
    tools,
    vision,
)
