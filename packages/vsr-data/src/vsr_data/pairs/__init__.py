"""Pairs: whether low-resolution frames and their ground truth are what they claim to be."""
