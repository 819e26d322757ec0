"""What careless and learning traders come to, sampled: plays from a seed, their numbers, and their certificates."""
