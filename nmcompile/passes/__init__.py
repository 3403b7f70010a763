"""Passes: pure functions from program to program, run and watched by the manager."""
