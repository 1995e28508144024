"""Draw the book's logo with the book's own optimizer: momentum rolling into a bowl.

python -m tools.logo
"""

from itertools import islice
from pathlib import Path

import numpy as np

from lib.optim.optimizers import momentum
from tools.notebooks import ROOT, write

SIZE = 64  # the side of the picture, in its own units
CURVATURES = np.array([1.0, 2.6])
MINIMUM = np.array([36.0, 36.0])
START = np.array([-25.0, -24.0])  # seen from the minimum


def path() -> np.ndarray:
    """Return the iterates (T, 2) of momentum on L = theta . (curvatures theta) / 2, from START."""
    iterates = momentum(lambda theta: CURVATURES * theta, START, alpha=0.5, beta=0.86)
    return MINIMUM + np.array(list(islice(iterates, 40)))


def draw() -> str:
    """Return the logo as SVG: contours of the bowl, and the path down into it."""
    rings = "".join(
        f'<ellipse rx="{radius:g}" ry="{radius / np.sqrt(CURVATURES[1]):.2f}"/>'
        for radius in (8.5, 17.5, 26.5)
    )
    points = " ".join(f"{x:.2f},{y:.2f}" for x, y in path())
    x, y = path()[0]
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="Into a bowl">
<clipPath id="badge"><rect width="{SIZE}" height="{SIZE}" rx="13"/></clipPath>
<g clip-path="url(#badge)" fill="none" stroke-linecap="round" stroke-linejoin="round">
<rect width="{SIZE}" height="{SIZE}" fill="#17324d"/>
<g transform="translate({MINIMUM[0]:g} {MINIMUM[1]:g})" stroke="#6db3e8" stroke-width="2">{rings}</g>
<polyline points="{points}" stroke="#ffb454" stroke-width="3.2"/>
<circle cx="{x:g}" cy="{y:g}" r="4.5" fill="#fff"/>
</g>
</svg>
"""


def main(folder: Path = ROOT / "_static") -> None:
    """Write the logo and the icon, one drawing for both."""
    for name in ("logo.svg", "favicon.svg"):
        write(folder / name, draw())


if __name__ == "__main__":
    main()
