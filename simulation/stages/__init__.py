"""What happens within a round: side-contracts, blocking mediators and who leaves, and what was played."""
