"""Servers out of whatever starts them: compose files, shell scripts, `docker run`."""
