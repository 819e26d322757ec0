"""What ``marketgame block`` and ``marketgame core`` answer, as tables, as documents and as certificates."""
