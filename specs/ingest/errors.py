"""What can be wrong with an API description, in words that a person can act on."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class SpecError(Exception):
    """The description as a whole can't be used; `str()` says what is wrong, where, and how to mend it."""

    def __init__(self, message: str, pointer: str = "", line: int | None = None, column: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        #: RFC 6901 JSON pointer into the document, "" when the place is not known or the whole
        self.pointer = pointer
        #: line and column in the file, from 1, where the parser told them
        self.line = line
        self.column = column

    def __str__(self) -> str:
        if self.line is not None:
            column = f", column {self.column}" if self.column is not None else ""
            return f"Line {self.line}{column}: {self.message}"
        return f"{self.pointer}: {self.message}" if self.pointer else self.message


class OperationRefused(Exception):
    """One operation can't be compiled; the rest of the description can."""

    def __init__(self, message: str, pointer: str = "") -> None:
        super().__init__(message)
        self.message = message
        #: where, when it is not the operation itself
        self.pointer = pointer


class Severity(enum.StrEnum):
    """How bad a problem is."""

    ERROR = "error"  #: the operation was refused
    WARNING = "warning"  #: the operation works, but something of it was dropped or guessed
    ADVICE = "advice"  #: nothing is lost; the description could be better


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a description that is usable as a whole."""

    #: how bad
    severity: Severity
    #: RFC 6901 JSON pointer into the document
    pointer: str
    #: what is wrong and what became of it
    message: str
