"""What certificates say, derived a second time: slowly, from the definitions, in rational numbers.

Nothing here is used by a search, and nothing of a search is used here. Where an engine proposes something (an efficient
allocation, prices of a proof), it is only taken up after it has been checked. Numbers given in floating point are exact
from then on; logarithms and powers have 60 digits. So there is no rounding to be forgiven.
"""
