"""Vast.ai on loopback: a seeded market, instances that take their time and cost money, model servers that answer.

Everything else reaches it over HTTP only. `process` starts, stops and finds it.
"""
