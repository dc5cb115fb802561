"""Caddy 2.7 or later: its whole configuration is handed over at once, over a private admin socket."""
