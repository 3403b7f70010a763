"""Networks as Python packages that define Lava processes, and the way to run them on Lava."""
