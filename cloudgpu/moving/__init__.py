"""From one model to another without losing the old one: the address of a service, and the migration that moves it."""
