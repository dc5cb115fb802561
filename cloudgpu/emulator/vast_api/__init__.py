"""Vast.ai's HTTP interface, one file a group of routes, over one `World`."""
