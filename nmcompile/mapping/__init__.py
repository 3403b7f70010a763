"""From a golden network to cores: stages, tiles, packing, placement, routes, metrics."""
