"""Networks onto functional cores: folds, tiles, partial sums, phases, places."""
