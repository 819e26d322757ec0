"""Speed, always as a ratio within one run against what a user would otherwise write or could not avoid."""
