"""Limits on what a deployment costs, and what changed between two reports."""
