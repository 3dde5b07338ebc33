"""An operator or a reviewer writes a new version of the prompt."""

from __future__ import annotations

from django.db import transaction

from accounts.audit import audit
from accounts.models import AuditAction, Member
from conversations.flows import FlowError
from conversations.models import PromptVersion
from conversations.prompting import add_version, shipped_version
from nlops.core.prompts import TemplateRefused, check_template


class PromptRefused(FlowError):
    """The text can't be a prompt."""


def save_prompt(member: Member, text: str, note: str = "") -> PromptVersion:
    """A new version with the text, not used until it is activated; the one there is for a text that is one already.

    Raises PromptRefused.
    """
    if not (member.is_operator or member.is_reviewer):
        raise PromptRefused("Writing a prompt needs the role operator, reviewer or owner.")
    text = text.replace("\r\n", "\n").strip()
    if "\x00" in text:
        raise PromptRefused("The text has a character that is none (NUL). Take it out.")
    try:
        check_template(text)
    except TemplateRefused as error:
        raise PromptRefused(str(error)) from error
    with transaction.atomic():
        shipped_version(member.tenant_id)  # the history begins with what was used before
        version = add_version(member.tenant_id, text, note=note.strip(), author=member)
        audit(AuditAction.PROMPT_ADDED, version, {"version": version.number, "sha256": version.sha256}, member=member)
        return version
