"""The reference interpreters: float (torch) and integer (numba, event-driven)."""
