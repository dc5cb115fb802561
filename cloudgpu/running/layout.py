"""Which layout of the journal this cloudgpu reads and writes; `upgrade` leads from each earlier one to it."""

SCHEMA_VERSION = 2
