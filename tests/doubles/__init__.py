"""Stand-ins for software that tests cannot have. The docstring of each says what it does not do; see README.md."""
