"""How the budget stands, and telling those who are to be told of it."""
