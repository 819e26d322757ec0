"""The market game played round after round by Mesa agents."""
