"""Samples: which crop of which window is where, and who cuts it."""
