"""What ``marketgame solve`` answers, as tables and as a document."""
