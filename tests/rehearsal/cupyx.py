from numpy import empty as empty_pinned  # noqa: F401
