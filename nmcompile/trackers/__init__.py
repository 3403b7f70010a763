"""Tracker loops: what happens around the network, on the host."""
