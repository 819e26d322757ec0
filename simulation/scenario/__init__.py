"""What is played, by whom, and from which seed: on a market or in a coalitional game."""
