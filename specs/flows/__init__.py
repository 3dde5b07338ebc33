"""Acts that change what nlops knows of a product, one module each."""


class FlowError(Exception):
    """An act that can't be done; `str()` is for the person and says how to mend it."""
