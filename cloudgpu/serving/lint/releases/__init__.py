"""What each release of vLLM has: flags, their words and numbers, names and keys."""
