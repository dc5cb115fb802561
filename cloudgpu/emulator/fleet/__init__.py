"""The machines of a market, and what is on offer of them."""
