"""How well a tracker follows: overlap, success and precision."""
