"""Acts that change evaluations, one module each."""


class EvaluationError(Exception):
    """A suite that can't be loaded or run; `str()` is for the person and says how to mend it."""
