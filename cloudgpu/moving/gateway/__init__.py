"""One stable URL in front of the sides of a service: weights, drain, standby, counters, whatever proxy does the work.

`route` is what is wanted, `base` what every proxy can do, `haproxy` and `caddy` the two that can, `desk` finds the one
that a service has. A service without a gateway is reached directly: see `cloudgpu.moving.address`.
"""
