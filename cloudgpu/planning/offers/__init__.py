"""What is on offer, from wherever it was read."""
