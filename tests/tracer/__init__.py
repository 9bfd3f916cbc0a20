"""What a step takes, traced without a card: the judge of the simulated step."""

from tracer.trace import CATEGORIES, Category, Formulation, Trace, trace

__all__ = ["CATEGORIES", "Category", "Formulation", "Trace", "trace"]
