"""An operator chooses the version of the prompt that new requests use; an older one to roll back."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max

from accounts.audit import audit
from accounts.models import AuditAction, Member
from conversations.flows import FlowError
from conversations.flows.save_prompt import PromptRefused
from conversations.models import PromptActivation, PromptVersion
from conversations.prompting import active_version, lock_history
from nlops.core.prompts import TemplateRefused, check_template


def activate_prompt(member: Member, version: PromptVersion | None) -> PromptActivation:
    """New requests use the version; None: always the text that nlops ships. Running requests keep theirs.

    Raises FlowError, PromptRefused for a text of before that lacks what a prompt must have today.
    """
    if not member.is_operator:
        raise FlowError("Activating a prompt needs the role operator or owner. Ask one of them.")
    if version is not None:
        try:
            check_template(version.text)
        except TemplateRefused as error:
            raise PromptRefused(f"Version {version.number} can't be used: {error}") from error
    with transaction.atomic():
        lock_history(member.tenant_id)
        before = active_version(member.tenant_id)
        number = (PromptActivation.objects.aggregate(last=Max("number"))["last"] or 0) + 1
        activation = PromptActivation.objects.create(
            tenant_id=member.tenant_id,
            number=number,
            version=version,
            by=member,
            is_roll_back=version is not None and version.number < before.number,
        )
        audit(AuditAction.PROMPT_ACTIVATED, version, {"version": version.number if version else None}, member=member)
        return activation
