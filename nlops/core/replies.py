"""A chat message as the answer to a question."""

from __future__ import annotations

import json
import re

from nlops.core.types import Question


def parse_reply(text: str, questions: list[Question]) -> dict[str, str] | None:
    """The values that the words give for the questions: JSON, "name: value" pairs, or the one value itself.

    None when they give none.
    """
    if text.lstrip().startswith("{"):
        try:
            data = json.loads(text)
        except ValueError:
            data = {}
        found = {q.name: str(data[q.name]) for q in questions if q.name in data}
        if found:
            return found
    found = {}
    for question in questions:
        for name in (question.name, question.label):
            pattern = rf"(?:^|[\s,;])(?:the\s+)?{re.escape(name)}\s*(?:=|:|\bis\b)\s*(\"[^\"]*\"|'[^']*'|[^\s,;]+)"
            match = re.search(pattern, text, re.IGNORECASE)
            if match:
                found[question.name] = match[1].strip("\"'")
                break
    if found:
        return found
    if len(questions) == 1 and not _is_another_request(text, questions[0]):
        return {questions[0].name: text}
    return None


#: Words with which a request begins, and no name that was asked for.
_REQUEST = re.compile(
    r"(?:please\s+)?(?:add|assign|cancel|change|create|delete|disable|enable|find|get|give|list|make|move|remove|rename|"
    r"reset|rotate|search|send|set|show|start|stop|tell|update|what|when|where|which|who|how|why|never mind)\s+\S",
    re.IGNORECASE,
)


def _is_another_request(text: str, question: Question) -> bool:
    """Whether the person went on to something else; a free text may begin with any word.

    A sentence is no password: one that is made of words belongs into the hidden field.
    """
    if question.secret:
        words = text.split()
        return len(words) > 3 or (len(words) > 1 and bool(_REQUEST.match(text)))
    free = question.name == "answer" or re.search(r"descr|comment|reason|message|title|text|note", question.name, re.I)
    return not free and bool(_REQUEST.match(text))
