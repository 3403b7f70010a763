"""``python -m nmcompile``: the same program as the ``nmcompile`` console script."""

from __future__ import annotations

from nmcompile.cli.main import main

if __name__ == "__main__":
    main()
