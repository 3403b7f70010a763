"""Functional cores simulated phase by phase: a plain reference and a fast engine."""
