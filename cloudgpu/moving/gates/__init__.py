"""May the new side take over? Everything as ratios to the old side, measured in the same minutes from here."""
