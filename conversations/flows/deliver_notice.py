"""A notice is sent: signed to an endpoint (Standard Webhooks 1.0) or by e-mail; again later when that fails."""

from __future__ import annotations

import uuid
from datetime import timedelta
from smtplib import SMTPException

import orjson
import structlog
from django.core.mail import send_mail
from django.db import connection
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from accounts.context import tenant_context
from accounts.encryption import DecryptionError, decrypt
from conversations.models import Notice, NoticeEvent, NoticeStatus, WebhookEndpoint
from conversations.notices import hand_over
from specs.http import ProductUnreachable, Request, send

log = structlog.get_logger(__name__)

#: Seconds until the next try, after each that failed: a day in all.
PAUSES = (10, 60, 300, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
#: Seconds for one exchange with an endpoint, and within which no other worker takes the notice.
EXCHANGE_SECONDS = 15.0
_LEASE = timedelta(seconds=60)
MAX_ANSWER_BYTES = 10_000


class NotSent(Exception):
    """The notice did not arrive; `str()` is for the tenant's operators."""


def deliver_notice(tenant_id: uuid.UUID | str, notice_id: uuid.UUID | str) -> None:
    """Send the notice when it is due. Outside of a transaction: others may take their time to answer."""
    notice = _taken(tenant_id, notice_id)
    if notice is None:
        return
    try:
        if notice.endpoint is not None:
            _post(notice, notice.endpoint)
        else:
            _mail(notice)
    except NotSent as error:
        _failed(notice, str(error))
    else:
        with tenant_context(tenant_id):
            Notice.objects.filter(pk=notice.pk).update(
                status=NoticeStatus.SENT, sent_at=timezone.now(), problem="", tries=notice.tries
            )


def deliver_due_notices() -> int:
    """Hand over what is due and was not sent; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant, id FROM nlops_due_notices()")
        rows = cursor.fetchall()
    for tenant_id, notice_id in rows:
        hand_over(tenant_id, notice_id)
    return len(rows)


def _taken(tenant_id: uuid.UUID | str, notice_id: uuid.UUID | str) -> Notice | None:
    """The notice, for this worker alone for a while; None when it isn't due, or nobody is there to hear it."""
    with tenant_context(tenant_id):
        rows = Notice.objects.select_for_update(of=("self",)).select_related("endpoint", "member__user")
        notice = rows.filter(pk=notice_id, status=NoticeStatus.WAITING, next_at__lte=timezone.now()).first()
        if notice is None:
            return None
        notice.tries += 1
        notice.next_at = timezone.now() + _LEASE
        gone = notice.endpoint is not None and not notice.endpoint.enabled
        gone = gone or (notice.member is not None and not (notice.member.is_active and notice.member.mails_approvals))
        if gone:
            notice.status, notice.problem = NoticeStatus.FAILED, "It is wanted no more."
        notice.save(update_fields=["tries", "next_at", "status", "problem"])
        return None if gone else notice


def _post(notice: Notice, endpoint: WebhookEndpoint) -> None:
    """Raises NotSent unless the endpoint answers with a status of 200 to 299."""
    try:
        secret = decrypt(endpoint.secret, tenant_id=endpoint.tenant_id, record=endpoint.record())
    except DecryptionError as error:
        raise NotSent("Its secret can't be read any more. Remove the endpoint and add it again.") from error
    text, now = orjson.dumps(notice.payload).decode(), timezone.now()
    message = f"msg_{notice.pk.hex}"  # the same in every try: who has seen it knows it again
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "nlops",
        "webhook-id": message,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, now, text),
    }
    request = Request("POST", endpoint.url, headers, text.encode())
    try:
        answer = send(request, timeout=EXCHANGE_SECONDS, total=EXCHANGE_SECONDS, max_bytes=MAX_ANSWER_BYTES)
    except ProductUnreachable as error:
        raise NotSent(str(error)) from error
    if not 200 <= answer.status < 300:
        raise NotSent(f"The endpoint answered with status {answer.status}; it must be 200 to 299.")


def _mail(notice: Notice) -> None:
    """Raises NotSent when the mail server takes it not."""
    assert notice.member is not None
    data = notice.payload["data"]
    more = f" and {data['calls'] - 1} more" if data["calls"] > 1 else ""
    what = " ".join(f"{data['summary'] or data['operation']}{more}".split())
    where = data["url"] or "Open nlops and look under Approvals."
    text = (
        f"{data['requested_by']} asked {data['product']} for something that needs another person's approval:\n\n"
        f"  {what}\n  {data['operation']}\n\n{where}\n\n"
        f"It can be decided until {data['expires_at']}. Values are shown there only.\n"
        "You can switch these mails off in nlops, under Approvals, Notices.\n"
    )
    try:
        send_mail(f"Approval needed: {what}"[:150], text, None, [notice.member.user.email])
    except (SMTPException, OSError) as error:
        # The server's words may repeat the mail.
        raise NotSent(f"The mail server did not take it ({type(error).__name__}).") from error


def _failed(notice: Notice, problem: str) -> None:
    """Try again later, or give up."""
    is_last = notice.tries > len(PAUSES) or notice.event == NoticeEvent.TEST
    changes: dict[str, object] = {"problem": problem[:300]}
    if is_last:
        changes["status"] = NoticeStatus.FAILED
    else:
        changes["next_at"] = timezone.now() + timedelta(seconds=PAUSES[notice.tries - 1])
    log.warning("notice_not_sent", notice=str(notice.pk), tries=notice.tries, given_up=is_last)
    with tenant_context(notice.tenant_id):
        Notice.objects.filter(pk=notice.pk).update(**changes)
