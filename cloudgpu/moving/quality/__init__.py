"""Whether an endpoint still says the right things: golden prompts, and signs of a broken model."""
