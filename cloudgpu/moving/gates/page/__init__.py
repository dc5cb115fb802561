"""Both sides on one page, for a person: the verdict, the figures, and what each side said."""
