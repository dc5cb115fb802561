"""One market with one account: what is so, and the one way to change it."""
