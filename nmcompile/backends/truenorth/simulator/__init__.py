"""Crossbar cores, simulated: in plain Python, and compiled."""
