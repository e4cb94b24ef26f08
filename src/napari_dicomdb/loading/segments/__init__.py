"""Segmentations: what their segments are, where their frames lie, how they become labels."""
