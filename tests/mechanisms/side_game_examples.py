"""Known games of complete information between two players."""

from __future__ import annotations

import numpy as np

from tests.mechanisms.random_side_games import complete_information

PRISONERS = complete_information(np.array([[[3.0, 3.0], [0.0, 4.0]], [[4.0, 0.0], [1.0, 1.0]]]))
SEXES = complete_information(np.array([[[2.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [1.0, 2.0]]]))
