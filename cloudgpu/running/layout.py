"""Which layout of the journal this cloudgpu reads and writes. `cloudgpu.running.upgrade` leads from each earlier one."""

SCHEMA_VERSION = 2
