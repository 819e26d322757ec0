"""Places on a ring, and the largest ring that leaves room for the labels around it."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt

type Places = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ring:
    """A ring on a page whose origin is its lower left corner.

    Attributes:
        radius: in points.
        centre: across and up, in points.
    """

    radius: float
    centre: tuple[float, float]


def ring_places(graph: nx.DiGraph[str]) -> dict[str, tuple[float, float]]:
    """Return places on the unit circle, clockwise from the top in the order of the nodes."""
    around = nx.circular_layout(graph)
    return {name: (float(place[1]), float(place[0])) for name, place in around.items()}


def largest_ring(places: Places, before: Places, after: Places, page: tuple[float, float]) -> Ring:
    """Return the largest ring that keeps what is drawn around its places on the page.

    Args:
        places: on the unit circle, ``(N, 2)``.
        before: how far the drawing at each place reaches left and down from it, ``(N, 2)``, points.
        after: how far it reaches right and up, ``(N, 2)``, points.
        page: width and height, points.

    Returns:
        The ring; of radius 1 where the page has no room for any.
    """
    radius = max(page)  # of a single place, which no ring moves
    for axis in range(2):
        # With one drawing at each end, the ring may fill what they leave of the page.
        apart = places[:, None, axis] - places[None, :, axis]
        room = page[axis] - after[:, None, axis] - before[None, :, axis]
        ends = apart > 1e-9
        radius = min(radius, float((room[ends] / apart[ends]).min(initial=radius)))
    radius = max(radius, 1.0)
    lowest = (before - radius * places).max(axis=0)
    highest = (np.array(page) - after - radius * places).min(axis=0)
    across, up = (lowest + highest) / 2
    return Ring(radius, (float(across), float(up)))
