"""The command line: one file a command group; each parses, calls, renders. Only `render` knows rich."""
