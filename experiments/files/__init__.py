"""Input files: what may stand in them, how they are read and explained; and writing where a user says."""
