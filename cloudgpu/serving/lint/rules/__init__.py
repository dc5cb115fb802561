"""All rules. Importing this room enters them into `rule.RULES`, in the order of the table in docs/lint.md."""

from cloudgpu.serving.lint.rules import (  # noqa: F401  (each enters its rules)
    command,
    context,
    defaults,
    environment,
    formats,
    host,
    image,
    layout,
    memory,
    operations,
    security,
    tools,
    vision,
)
