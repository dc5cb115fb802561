"""What it cost: a fold over the events, reports over the fold, and files of it. Imports `base` alone."""
