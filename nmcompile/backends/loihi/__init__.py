"""The Loihi backend: Loihi 1 and Loihi 2."""
