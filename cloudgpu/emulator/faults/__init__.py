"""What can be made to go wrong, as it is written down and as it strikes."""
