"""What a container is told to serve, and how its engine starts."""
