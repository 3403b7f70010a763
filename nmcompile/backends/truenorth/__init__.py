"""TrueNorth: crossbar cores of 256 axons and 256 neurons, mapped exactly and simulated."""
