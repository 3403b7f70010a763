"""Spike codings: how a population turns a membrane into spikes, with exact integer forms."""
