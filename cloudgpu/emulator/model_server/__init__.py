"""What answers at an instance's port: an OpenAI-compatible server that behaves like vLLM and knows some small talk."""
