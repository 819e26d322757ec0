"""What is kept of a run: every table with its columns, and the rows that rounds become."""
