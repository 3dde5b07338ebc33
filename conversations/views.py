"""The chat and the approval queue. Views parse, call a flow, render."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRefresh, push_url, reswap, retarget

from accounts.context import tenant_context
from accounts.permissions import MemberRequired, OperatorRequired
from accounts.requests import MemberRequest
from accounts.throttle import Throttled
from conversations import querysets
from conversations.approving import dossier, edit_form, edited_values
from conversations.csv_response import csv_response
from conversations.flows import FlowError
from conversations.flows.ask import ask
from conversations.flows.cancel import cancel
from conversations.flows.claim_approval import claim, is_claimed_by_another, release
from conversations.flows.confirm import confirm
from conversations.flows.decide import DecisionRefused, decide
from conversations.flows.enquire import dialogue, enquire, explain
from conversations.flows.give_feedback import give_feedback
from conversations.flows.read_state import prepare_reading, read_state
from conversations.flows.reply import reply
from conversations.forms import reply_values
from conversations.models import Approval, ApprovalStatus, Conversation, EventKind, Run
from conversations.stream import block_context, render_block
from conversations.transcript import RunBlock


class ChatRequired(MemberRequired):
    """Pages of the chat: members who have agreed to what is kept; staff without membership go to their own room."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        member = getattr(request, "member", None)
        if member is None and request.user.is_authenticated and request.user.is_staff:
            return redirect("admin:index")
        if member is not None and member.consented_at is None:
            return redirect(f"{reverse('consent')}?next={quote(request.get_full_path())}")
        return super().dispatch(request, *args, **kwargs)


class ChatView(ChatRequired):
    """`/` begins a conversation, `/c/ID/` shows one and takes its next message."""

    def get(self, request: MemberRequest, pk: UUID | None = None) -> HttpResponse:
        return render(request, "conversations/chat.html", self.context(self.conversation(pk)))

    def post(self, request: MemberRequest, pk: UUID | None = None) -> HttpResponse:
        conversation = self.conversation(pk)
        text = request.POST.get("text", "")
        try:
            run = ask(request.member, text, conversation)
        except (FlowError, Throttled) as error:
            return self.refused(conversation, text, error)
        if not request.htmx:
            return redirect(_address(run))
        if conversation is None:
            response = render(request, "conversations/chat.html#chat", self.context(run.conversation))
            return push_url(response, reverse("conversation", args=[run.conversation_id]))
        block = querysets.run_block(run.pk, request.member)
        return HttpResponse(render_block(block))

    def refused(self, conversation: Conversation | None, text: str, error: Exception) -> HttpResponse:
        """The reason beside the field, the text still in it."""
        status = 429 if isinstance(error, Throttled) else 422
        if self.request.htmx:
            response = render(self.request, "conversations/chat.html#problem", {"problem": str(error)}, status=status)
            return reswap(retarget(response, "#composer-problem"), "innerHTML")
        context = self.context(conversation) | {"problem": str(error), "text": text}
        return render(self.request, "conversations/chat.html", context, status=status)

    def conversation(self, pk: UUID | None) -> Conversation | None:
        own = querysets.conversations_of(self.request.member)
        return get_object_or_404(own, pk=pk) if pk else None

    def context(self, conversation: Conversation | None) -> dict[str, Any]:
        member = self.request.member
        blocks = querysets.run_blocks(conversation.pk, member) if conversation else []
        return {
            "room": "chat",
            "conversation": conversation,
            "conversations": querysets.conversations_of(member)[: querysets.LISTED],
            "blocks": [(block, block_context(block)) for block in blocks],
            "after": max((block.version for block in blocks), default=0),
            "is_working": any(not block.outcome and not block.pending for block in blocks),
            "suggestions": () if blocks else querysets.suggestions(),
            "text": self.request.GET.get("text", "")[: settings.NLOPS_MAX_MESSAGE],
            "max_length": settings.NLOPS_MAX_MESSAGE,
        }


class NewsView(ChatRequired):
    """The blocks that changed after a sequence number: for pages that can't keep a stream open."""

    def get(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        conversation = get_object_or_404(querysets.conversations_of(request.member), pk=pk)
        after = request.GET.get("after", "")
        if not after.isdecimal() or len(after) > 9:
            raise Http404
        if querysets.last_sequence(conversation.pk) <= int(after):
            return HttpResponse()
        blocks = querysets.run_blocks(conversation.pk, request.member, after=int(after))
        return HttpResponse("".join(render_block(block) for block in blocks))


class RunActView(ChatRequired):
    """An act of the requester on a run. Answers with the run's block as it is then."""

    def post(self, request: MemberRequest, pk: UUID, act: str) -> HttpResponse:
        member = request.member
        run = get_object_or_404(Run.objects.select_related("conversation"), pk=pk, conversation__member=member)
        block = querysets.run_block(run.pk, member)
        problem = ""
        try:
            self.do(act, run, block)
        except FlowError as error:
            problem = str(error)
        if act == "feedback":
            return self.judged(run, problem)
        if not request.htmx:
            if problem:
                messages.error(request, problem)
            return redirect(_address(run))
        block = querysets.run_block(run.pk, member)
        html = render_block(block, **block_context(block, problem))
        return HttpResponse(html, status=409 if problem else 200)

    def do(self, act: str, run: Run, block: RunBlock) -> None:
        """Call the flow that the act names."""
        member, posted = self.request.member, self.request.POST
        match act:
            case "reply":
                asked = block.pending.data if block.pending and block.pending.kind == EventKind.ASKED else {}
                reply(member, run, reply_values(posted, asked.get("questions", [])))
            case "confirm":
                confirm(member, run, posted.get("agreed") == "yes")
            case "cancel":
                cancel(member, run)
            case "explain":
                explain(member, run, posted.get("text", ""))
            case "feedback":
                give_feedback(member, run, posted.get("is_good") == "yes", posted.get("comment", ""))
            case _:
                raise Http404

    def judged(self, run: Run, problem: str) -> HttpResponse:
        """The thumbs as they are now."""
        if not self.request.htmx:
            if problem:
                messages.error(self.request, problem)
            return redirect(_address(run))
        block = querysets.run_block(run.pk, self.request.member)
        context = {"block": block, "problem": problem, "commented": "comment" in self.request.POST}
        status = 409 if problem else 200
        return render(self.request, "conversations/chat.html#feedback", context, status=status)


class CallCsvView(ChatRequired):
    """The whole list that a call returned, as a file. The product is read meanwhile: no transaction is open."""

    outside_transaction = True

    def get(self, request: MemberRequest, pk: UUID, key: str) -> HttpResponseBase:
        with tenant_context(request.tenant.pk, request.user.pk):
            runs = Run.objects.select_related("conversation")
            run = get_object_or_404(runs, pk=pk, conversation__member=request.member)
        try:
            return csv_response(request, run, key)
        except (FlowError, Throttled) as error:
            messages.error(request, str(error))
            return redirect(_address(run))


def _address(run: Run) -> str:
    return f"{reverse('conversation', args=[run.conversation_id])}#run-{run.pk}"


class ApprovalsView(OperatorRequired):
    """What waits for an operator, and what was decided."""

    def get(self, request: MemberRequest) -> HttpResponse:
        context = {
            "room": "approvals",
            "waiting": [(a, querysets.call_views_of(a)) for a in querysets.waiting_approvals()[:100]],
            "decided": querysets.decided_approvals()[:50],
            "now": timezone.now(),
        }
        template = "conversations/approvals.html"
        return render(request, f"{template}#queue" if request.htmx else template, context)


class ApprovalsCountView(OperatorRequired):
    """The badge of the navigation."""

    def get(self, request: MemberRequest) -> HttpResponse:
        count = querysets.count_waiting_approvals()
        return render(request, "conversations/approvals.html#count", {"count": count})


class ApprovalView(OperatorRequired):
    """One approval: who asked, the exact request, where each value came from; decides on POST."""

    def get(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        approval = get_object_or_404(querysets.approval_for_operator(pk))
        return render(request, "conversations/approval.html", self.context(approval))

    def post(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        approval = get_object_or_404(querysets.approval_for_operator(pk))
        decision, reason = request.POST.get("decision", ""), request.POST.get("reason", "")
        agreed, is_edited = decision in ("approve", "approve_edited"), decision == "approve_edited"
        try:
            if agreed:
                self._check_typed(approval)
            values = edited_values(approval, request.POST) if is_edited else None
            decide(request.member, approval, agreed, reason, values=values)
        except FlowError as error:
            approval.refresh_from_db()
            context = self.context(approval) | {"problem": str(error), "reason": reason}
            return render(request, "conversations/approval.html", context, status=409)
        messages.success(request, "Approved. It goes on by itself." if agreed else "Rejected. Nothing was done.")
        return redirect("approvals")

    def _check_typed(self, approval: Approval) -> None:
        """What destroys something is approved by typing its name: a click is too little for it."""
        found = dossier(approval)
        typed = self.request.POST.get("typed", "").strip()
        if found is not None and found.to_type and typed != found.to_type:
            raise DecisionRefused(f"This destroys something. Type {found.to_type} into the field to approve it.")

    def context(self, approval: Approval) -> dict[str, Any]:
        calls = querysets.call_views_of(approval)
        connection = getattr(approval.call.operation.version.product, "connection", None)
        is_waiting, member = approval.status == ApprovalStatus.WAITING, self.request.member
        return {
            "room": "approvals",
            "approval": approval,
            "call": calls[0],
            "calls": [(call, dossier(approval, call["id"]) if call else None) for call in calls],
            "base_url": connection.base_url if connection else "",
            "is_waiting": is_waiting,
            "dialogue": dialogue(approval.run),
            "is_own": approval.requested_by_id == member.pk,
            "is_claimed": is_claimed_by_another(approval, member),
            "form": edit_form(approval, self._edits()) if is_waiting else None,
            "is_editing": self._edits() is not None,
        }

    def _edits(self) -> QueryDict | None:
        """What was posted with the form for changes."""
        return self.request.POST if self.request.POST.get("decision") == "approve_edited" else None


class ApprovalEnquireView(OperatorRequired):
    """A question to the requester, before the decision."""

    def post(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        approval = get_object_or_404(querysets.approval_for_operator(pk))
        try:
            enquire(request.member, approval, request.POST.get("text", ""))
        except FlowError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The requester is asked. The answer appears here; the call goes on waiting.")
        return redirect("approval", pk)


class ApprovalClaimView(OperatorRequired):
    """Says that the operator is deciding this, takes it over, or leaves it to others again."""

    def post(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        approval = get_object_or_404(querysets.approval_for_operator(pk))
        try:
            if request.POST.get("act") == "release":
                release(request.member, approval)
            else:
                claim(request.member, approval, take_over=request.POST.get("act") == "take_over")
        except FlowError as error:
            messages.error(request, str(error))
        return redirect("approval", pk)


class ApprovalStateView(OperatorRequired):
    """The thing as it is now, read from the product, and what the call would change of it."""

    outside_transaction = True

    def get(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        with tenant_context(request.tenant.pk, request.user.pk):
            approval = get_object_or_404(querysets.approval_for_operator(pk))
            reading = prepare_reading(request.member, approval)
        found = read_state(reading) if reading else None
        return render(request, "conversations/approval.html#state", {"state": found})


class ApprovalStatusView(OperatorRequired):
    """Asked every few seconds by an open page: reloads it when somebody else has decided."""

    def get(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        approval = get_object_or_404(querysets.approval_for_operator(pk))
        if approval.status != ApprovalStatus.WAITING:
            return HttpResponseClientRefresh()
        return render(request, "conversations/approval.html#left", {"approval": approval})
