"""`python -m vsr_train report` and `serve`."""
