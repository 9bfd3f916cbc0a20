"""A run as the ordered list of what it allocates and frees, written like the run itself.

`tensors`, `backward` and `checkpoint` are torch's bookkeeping, `operators` what each of its
operators takes, and the others are the project's code without its values. The next layer of the
network is one more line in `network`.
"""
