"""Draw the spike timing of the four codings: codings.svg."""

from __future__ import annotations

from pathlib import Path

from nmcompile.coding.figure import draw

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Write the figure, print what every coding has transmitted."""
    for name, share in draw(HERE / "codings.svg").items():
        print(f"{name:28} {share:6.1%} of the input within T = 20")


if __name__ == "__main__":
    main()
