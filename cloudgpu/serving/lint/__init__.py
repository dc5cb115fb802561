"""Checks serving profiles (compose files, command lines) against what the engine's releases really do."""
