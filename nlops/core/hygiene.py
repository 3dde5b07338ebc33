"""Text without what nobody sees: characters in which instructions are hidden from the person and shown to the model.

Unicode Technical Report 36 (security considerations) and UTS 55; tag characters and variation selectors carry whole
hidden texts ("ASCII smuggling"), bidirectional overrides show another order than is read (CVE-2021-42574).
"""

from __future__ import annotations

import re
import unicodedata

#: Control and format characters but tab, line feed and the joiners; fillers and selectors that show nothing.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Joiners after what joins with nothing: scripts that need them (Arabic, Indic, …) and pictures are not among these.
_IDLE = re.compile(
    "(?:^|(?<=[\x00-\u02ff\u0370-\u052f\u2000-\u200b\u2e80-\u9fff\uac00-\ud7a3]))[\u200c\u200d]+", re.MULTILINE
)
_RETURNS = re.compile("\r\n?|[\u2028\u2029\x85]")
#: Flags of England, Scotland and Wales are a black flag with tags.
_FLAG = re.compile("\U0001f3f4[\U000e0061-\U000e007a]{2,6}\U000e007f")


def visible(text: str) -> str:
    """The text in NFC, with what shows nothing taken out; line ends are line feeds."""
    flags: list[str] = []

    def keep(match: re.Match[str]) -> str:
        flags.append(match[0])
        return "\ue000"

    without_marks = text.replace("\ue000", "")
    plain = _FLAG.sub(keep, _RETURNS.sub("\n", without_marks))
    plain = _IDLE.sub("", _HIDDEN.sub("", plain))
    for flag in flags:
        plain = plain.replace("\ue000", flag, 1)
    return unicodedata.normalize("NFC", plain)


def hidden_count(text: str) -> int:
    """How many characters `visible` takes out, line ends and composition apart."""
    return len(_RETURNS.sub("\n", unicodedata.normalize("NFC", text))) - len(visible(text))
