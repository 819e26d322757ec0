"""A coalitional game played round after round by Mesa agents."""
