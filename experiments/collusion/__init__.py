"""What ``marketgame certify`` answers, as tables, as a document and as certificates."""
