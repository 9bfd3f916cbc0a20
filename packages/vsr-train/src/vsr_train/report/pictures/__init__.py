"""Pictures for people: the same few windows at every validation, and one of them over the run."""

from vsr_train.report.pictures.gallery import sheet_path, write_pictures

__all__ = ["sheet_path", "write_pictures"]
