"""Tianjic: functional cores for ANN and SNN layers."""
