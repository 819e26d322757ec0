"""Coalitional durability, refuted or not by alternative games of one and two players.

Source:
    Myerson (2006), section 10, after Holmström and Myerson (1983).
"""
