"""Segmentations: what segments are, where they lie, how they become frames of an object."""
