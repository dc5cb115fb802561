"""How fast an endpoint answers: real questions, real seconds, one client for every side."""
