"""Collusion in finite games: the definitions, decided by enumeration and linear programs.

The table of `mechanisms.collusion` says which definition is where.
"""
