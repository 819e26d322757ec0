"""Playing a scenario from its file to its run folder, and what it amounts to."""
