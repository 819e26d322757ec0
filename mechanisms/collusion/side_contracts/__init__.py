"""Side-contracts on the market game: searched by column generation, recomputed by settling every play.

The table of `mechanisms.collusion` says which definition is where.
"""
