"""The corrected file: what findings would change, and nothing else."""
