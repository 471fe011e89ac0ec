"""How garments are cut: outlines (n, 2) of the torso, the sleeves and the arms in them.

The units are those of a garment: x to the right, y down, the neck at (0, 0), shoulders about one
unit wide.
"""

from typing import NamedTuple

import numpy as np

from sample.scene import mirror


class Cut(NamedTuple):
    """How the garments of a category are cut, and how large they are in the image."""

    torso: list[tuple[float, float]]  # (y, half-width) from the neck down
    scale: tuple[float, float]  # pixels a unit, as shares of the image's width and height
    middle: float  # the y that is in the middle of the image

    @property
    def neck(self) -> float:
        """Half the width of the neck."""
        return self.torso[0][1]

    @property
    def shoulder(self) -> tuple[float, float]:
        """Where the right shoulder ends, (y, x)."""
        return self.torso[1]


CUTS = {
    "Tees": Cut(
        torso=[(0, 0.20), (0.09, 0.50), (0.44, 0.42), (0.75, 0.40), (1.5, 0.45)],
        scale=(0.51, 0),
        middle=0.60,
    ),
    "Dresses": Cut(
        torso=[(0, 0.18), (0.08, 0.36), (0.36, 0.30), (0.62, 0.235), (0.80, 0.30)],
        scale=(0, 0.40),
        middle=0.92,
    ),
}
HIP = 0.75  # its y; a skirt widens below
SKIRTS = {  # (way from the hip, 0, to the hem, 1; half-width gained there)
    "a-line": [(0, 0), (1, 0.38)],
    "straight": [(0, 0), (1, 0.02)],
    "mermaid": [(0, 0), (0.62, 0.01), (1, 0.30)],
}
LENGTHS = {  # from the neck to the hem
    "crop": 0.74,
    "regular": 1.06,
    "long": 1.42,
    "mini": 1.02,
    "knee length": 1.45,
    "maxi": 2.02,
}
SLEEVES = {  # from the shoulder to the cuff
    "sleeveless": 0,
    "short sleeves": 0.36,
    "three-quarter sleeves": 0.70,
    "long sleeves": 1.04,
}


class Limb(NamedTuple):
    """A sleeve or an arm."""

    start: tuple[float, float]  # at the right shoulder, (x, y)
    angle: float  # radians off the vertical
    length: float
    wide: float  # at the shoulder
    narrow: float  # at the other end


def cut_limb(limb: Limb, side: int) -> np.ndarray:
    """Outline (5, 2) of a limb on the left (-1) or right (1) side."""
    sin = np.sin(limb.angle)
    cos = np.cos(limb.angle)
    along = np.array([sin, cos])
    inward = np.array([-cos, sin])

    shoulder = limb.start
    armpit = shoulder + inward * limb.wide
    outer_end = shoulder + along * limb.length
    inner_end = outer_end + inward * limb.narrow

    # The end is rounded: its middle reaches a little further than its corners.
    to_tip = (along * 0.3 + inward) * limb.narrow / 2
    tip = outer_end + to_tip

    right = np.array([shoulder, outer_end, tip, inner_end, armpit])
    return right * [side, 1]


def cut_sleeves(cut: Cut, reach: float, angle: float) -> list[np.ndarray]:
    """The outlines of the left and the right sleeve, from their length; none where it is 0."""
    if not reach:
        return []

    top, shoulder = cut.shoulder
    sleeve = Limb(
        start=(shoulder * 0.93, top),
        angle=angle,
        length=reach * (2 * shoulder) ** 0.5,
        wide=shoulder * 0.72,
        narrow=shoulder * (0.56 - 0.22 * reach),
    )
    return [cut_limb(sleeve, side) for side in (-1, 1)]


def cut_torso(cut: Cut, length: float, sleeveless: bool, skirt: str) -> np.ndarray:
    """Outline (n, 2) of the garment without its sleeves."""
    torso = cut.torso
    if sleeveless:
        torso = narrow_shoulders(torso)
    y = np.linspace(0, length, 60)
    half_width = interpolate(y, torso)

    # From the hip to the hem the skirt widens; a short one gains less.
    fall = max(0.01, length - HIP)
    way = (y - HIP) / fall
    gain = interpolate(way, SKIRTS[skirt])
    gain *= fall**0.5
    half_width += gain
    half_width = smooth(half_width)

    # Down the right side, along the hem, up the left side.
    right = np.c_[half_width, y]
    left = mirror(right)
    hem = cut_hem(half_width[-1], length)
    return np.r_[right, hem, left]


def cut_hem(half_width: float, length: float) -> np.ndarray:
    """The hem (18, 2) from right to left, a little lower in its middle."""
    across = np.linspace(1, -1, 20)[1:-1]
    drop = 0.04 * (1 - across**2)
    return np.c_[across * half_width, length + drop]


def narrow_shoulders(torso) -> np.ndarray:
    """The torso (y, half-width) of a garment without sleeves, with armholes."""
    knots = np.array(torso)
    knots[1, 1] *= 0.74
    armhole = (0.25, knots[1, 1] * 0.95)
    return np.insert(knots, 2, armhole, 0)


def interpolate(x: np.ndarray, knots) -> np.ndarray:
    """The values at x of the line through the knots (x, value)."""
    knot_x, values = np.transpose(knots)
    return np.interp(x, knot_x, values)


def smooth(values: np.ndarray) -> np.ndarray:
    """The mean of five neighbours each: a tailor's curves, no corners."""
    padded = np.pad(values, 2, "edge")
    return np.convolve(padded, np.ones(5) / 5, "valid")
