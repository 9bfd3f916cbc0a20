"""Pictures for people: the same few windows at every validation, and one of them over the run."""

from vsr_train.report.pictures.gallery import write_pictures

__all__ = ["write_pictures"]
