"""A run in TensorBoard: curves, pictures, histograms, texts; imported only where it is written."""

from vsr_train.report.board.board import Board

__all__ = ["Board"]
