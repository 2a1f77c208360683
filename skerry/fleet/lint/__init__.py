"""What is wrong with a fleet repository, before Flux or the world finds out."""
