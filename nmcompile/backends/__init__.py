"""Backends: what a chip can run, how a network is mapped onto it, and its simulator."""
