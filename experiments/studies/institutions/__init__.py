"""Which institutions survive whom: the institution table, and a cartel on the carbon market.

``python -m marketgame.experiments.studies.institutions docs`` computes both and writes tables and pictures; stopped,
it goes on where it was.
"""
