"""Cores onto the mesh: places, starts, search, bounds and baselines."""
