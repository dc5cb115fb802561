"""HAProxy 2.6 or later: configured by a file, changed without a reload over its socket."""
