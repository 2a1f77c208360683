"""Stand-ins for software that tests cannot have; each says in its own docstring what it is not."""
