"""Certificates as JSON documents, and what ``marketgame replay`` makes of them."""
