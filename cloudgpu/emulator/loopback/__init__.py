"""Servers, threads and ports on this machine alone."""
