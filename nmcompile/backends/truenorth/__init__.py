"""TrueNorth: what fits its crossbar cores. Mapping and simulation are not in this version."""
