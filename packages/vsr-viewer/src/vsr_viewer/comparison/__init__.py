"""Several runs side by side."""

from vsr_viewer.comparison.compared import Compared, compare
from vsr_viewer.comparison.comparison_page import comparison_from_server, comparison_on_its_own

__all__ = ["Compared", "compare", "comparison_from_server", "comparison_on_its_own"]
