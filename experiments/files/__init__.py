"""Input files: what may stand in them, how they are read and explained; and writing where a user says.

What reads takes ``files``, which keeps what is read and says whether it may name code of anybody's; without it every
file is read anew, and may not. What refuses takes the ``path`` and the ``field`` that its messages name. ``rounds`` and
``seed`` stand for the numbers of the file where they are given.
"""
