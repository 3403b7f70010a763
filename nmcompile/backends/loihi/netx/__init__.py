"""Chains of layers as the .net files of lava-dl."""
