"""Builds: the named steps from a model file to a verified deployment folder."""
