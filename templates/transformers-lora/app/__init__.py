"""A base model and a LoRA adapter behind an OpenAI-compatible server."""
