"""Who may do what: the decision of whitelist and rules for every role and operation, and what it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from accounts.models import Member, MemberRole, Mode
from accounts.modes import ModeNow, mode_now
from nlops.core.rules import Condition, applies, ruling
from nlops.core.types import Decision, Effect, Json, Rule
from specs.models import Operation, PolicyRule, Product, SpecVersion, ToolPolicy, has_argument
from specs.querysets import connection_to, decisions
from specs.services import Edits, Place, edits_to
from specs.whitelist import Wanted, operations_of


@dataclass(frozen=True, slots=True)
class Access:
    """What may be done with an operation by members of a role, whatever the values."""

    decision: Decision
    #: whether the whitelist lists it
    is_listed: bool
    #: the rule that decides; None: the whitelist does
    rule: PolicyRule | None = None
    #: rules that make it stricter for some values of an argument
    conditional: tuple[PolicyRule, ...] = ()
    #: whether an operator hid it, which denies it
    hidden: bool = False

    @property
    def because(self) -> str:
        """What decides, in words."""
        if self.hidden:
            return "hidden"
        if self.rule is not None:
            return f"rule “{self.rule.subject}”"
        return "whitelist" if self.is_listed else "not listed"


@dataclass(frozen=True, slots=True)
class Held:
    """What some roles, that are alike in this, may do with an operation."""

    roles: tuple[MemberRole, ...]
    access: Access

    @property
    def who(self) -> str:
        """The roles, for people."""
        if len(self.roles) == len(MemberRole):
            return "everybody"
        return ", ".join(f"{role.label.lower()}s" for role in self.roles)


@dataclass(frozen=True, slots=True)
class AccessRow:
    """An operation with what each role may do with it."""

    operation: Operation
    place: Place
    by_role: Mapping[MemberRole, Access]

    @property
    def held(self) -> list[Held]:
        """The roles, those that are alike together."""
        alike: dict[Access, list[MemberRole]] = {}
        for role, access in self.by_role.items():
            alike.setdefault(access, []).append(role)
        return [Held(tuple(roles), access) for access, roles in alike.items()]


@dataclass(slots=True)
class ServiceAccess:
    """A service with the decisions counted for each role."""

    service: Place
    total: int = 0
    by_role: dict[MemberRole, Counter[Decision]] = field(
        default_factory=lambda: {role: Counter() for role in MemberRole}
    )

    @property
    def counts(self) -> list[list[tuple[str, int]]]:
        """For each role: decision and number of operations, loosest first, no zeros."""
        return [[(d.value, counter[d]) for d in Decision if counter[d]] for counter in self.by_role.values()]


def access_rows(product: Product, version: SpecVersion, wanted: Wanted | None = None) -> list[AccessRow]:
    """The operations of the version that are asked for, in their order, each with what the roles may do."""
    wanted = wanted or Wanted()
    found = operations_of(version, wanted.words)
    if wanted.effect:
        found = found.filter(effect=wanted.effect)
    listed, edits = decisions(product), edits_to(product)
    rules = list(PolicyRule.objects.filter(product=product))
    rows = [_row(operation, listed, rules, edits) for operation in _of(version, found)]
    rows = [row for row in rows if wanted.service in ("", row.place.slug)]
    if not wanted.decision:
        return rows
    roles = [MemberRole(wanted.role)] if wanted.role in MemberRole.values else list(MemberRole)
    return [row for row in rows if any(row.by_role[role].decision == wanted.decision for role in roles)]


def by_service(rows: Iterable[AccessRow]) -> list[ServiceAccess]:
    """The rows counted, in the order in which the services come first."""
    services: dict[str, ServiceAccess] = {}
    for row in rows:
        counted = services.setdefault(row.place.slug, ServiceAccess(row.place))
        counted.total += 1
        for role, access in row.by_role.items():
            counted.by_role[role][access.decision] += 1
    return list(services.values())


def _of(version: SpecVersion, operations: Iterable[Operation]) -> Iterable[Operation]:
    for operation in operations:
        operation.version = version  # a rule asks for its product
        yield operation


def _row(operation: Operation, listed: Mapping[str, Decision], rules: Sequence[PolicyRule], edits: Edits) -> AccessRow:
    place, moved_to = edits.place(operation), edits.moved_to(operation.key)
    about = [rule for rule in rules if rule.is_about(operation, rule.role, moved_to)]
    base = listed.get(operation.key)
    # Most operations have no rule: what holds for one role holds for all of them, then.
    same = None if about else Access(base or Decision.DENY, base is not None)
    if place.hidden:
        same = Access(Decision.DENY, base is not None, hidden=True)
    return AccessRow(operation, place, {role: same or _access(base, about, role) for role in MemberRole})


def _access(base: Decision | None, rules: Iterable[PolicyRule], role: str) -> Access:
    """`rules`: those about the operation, of whatever role."""
    held = [rule for rule in rules if rule.role in ("", role)]
    decision, deciding = base or Decision.DENY, None
    for rule in held:
        if not rule.argument and Decision(rule.decision).strictness > decision.strictness:
            decision, deciding = Decision(rule.decision), rule
    conditional = [r for r in held if r.argument and Decision(r.decision).strictness > decision.strictness]
    return Access(decision, base is not None, deciding, tuple(conditional))


def idle_rules(product: Product, version: SpecVersion, rules: Sequence[PolicyRule]) -> set[UUID]:
    """Ids of the rules that are about nothing in the version: operation, service or argument is gone."""
    edits = edits_to(product)
    rows = Operation.objects.filter(version=version).select_related("service")
    operations = list(_of(version, rows.only("method", "path", "effect", "schema", "service__slug")))
    return {
        rule.pk
        for rule in rules
        if not any(
            rule.is_about(operation, rule.role, edits.moved_to(operation.key))
            and (not rule.argument or has_argument(operation, rule.argument))
            for operation in operations
        )
    }


# --- why ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ground:
    """One thing that has a say in what a member may do."""

    #: what it is, such as “Whitelist”
    what: str
    #: what it says, a sentence
    text: str
    #: what it comes to by itself; None when it changes nothing
    decision: Decision | None = None
    #: true for what decides in the end
    decides: bool = False
    #: the rule that it is
    rule: PolicyRule | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """What a member may do with an operation, with these values, and why."""

    operation: Operation
    member: Member
    decision: Decision
    grounds: tuple[Ground, ...]
    #: names of the arguments whose values make a difference
    asks_for: tuple[str, ...]


def why(operation: Operation, member: Member, values: Mapping[str, Json] | None = None) -> Why:
    """Everything that has a say, in the order in which it is looked at. `values`: of arguments, as they are known.

    What a run decides is the same (specs.querysets.tools and nlops.core.rules.ruling), for these values.
    """
    known = dict(values or {})
    product, requester = operation.version.product, member.user.email
    edits = edits_to(product)
    policy = ToolPolicy.objects.filter(product=product, operation_key=operation.key).select_related("updated_by__user")
    rules = [
        rule for rule in PolicyRule.objects.filter(product=product).select_related("created_by__user")
        if rule.is_about(operation, member.role, edits.moved_to(operation.key))
    ]  # fmt: skip
    grounds = [
        *_of_mode(operation, mode_now(member.tenant)),
        *_of_member(member),
        *_of_place(edits.place(operation)),
        _of_whitelist(policy.first()),
    ]
    base = grounds[-1].decision or Decision.DENY
    grounds += [_of_rule(rule, rule.as_rule(operation), base, known, requester) for rule in rules]
    decision = max((g.decision for g in grounds if g.decision is not None), key=lambda one: one.strictness)
    deciding = next(place for place, ground in enumerate(grounds) if ground.decision is decision)
    asked = Decision.APPROVE if operation.effect == Effect.DESTRUCTIVE else Decision.CONFIRM
    if operation.effect != Effect.READ and decision.strictness < asked.strictness:
        grounds.append(Ground("Values from answers", _ANSWERS[operation.effect]))
    grounds[deciding] = _deciding(grounds[deciding])
    connection = connection_to(product.pk, member.pk)
    if connection is not None and connection.lacks_credential:
        grounds.append(Ground("Account", f"{product} wants an account of their own, which they have not connected."))
    asks_for = dict.fromkeys(rule.argument for rule in rules if rule.argument and rule.condition != Condition.RETURNED)
    return Why(operation, member, decision, tuple(grounds), tuple(asks_for))


_ANSWERS = {
    Effect.WRITE.value: "A value that comes from an answer of a product makes it ask for the requester's yes.",
    Effect.DESTRUCTIVE.value: "A value that comes from an answer of a product makes it ask for another person's yes.",
}


def _deciding(ground: Ground) -> Ground:
    return Ground(ground.what, ground.text, ground.decision, True, ground.rule)


def _of_mode(operation: Operation, now: ModeNow) -> list[Ground]:
    if now.mode is Mode.NORMAL or (now.mode is Mode.READ_ONLY and operation.effect == Effect.READ):
        return []
    whose = "everybody" if now.is_everywhere else "this tenant"
    text = f"nlops is {now.mode.label.lower()} for {whose} at the moment. {now.reason}".strip()
    return [Ground("Mode", text, Decision.DENY)]


def _of_member(member: Member) -> list[Ground]:
    if member.is_active:
        return []
    return [Ground("Membership", f"The membership of {member} has ended.", Decision.DENY)]


def _of_place(place: Place) -> list[Ground]:
    if not place.hidden:
        return []
    return [Ground("Services", "An operator hid it or its service: it is offered to nobody.", Decision.DENY)]


def _of_whitelist(policy: ToolPolicy | None) -> Ground:
    if policy is None:
        return Ground("Whitelist", "The operation is not listed, which denies it.", Decision.DENY)
    who = f", by {policy.updated_by}" if policy.updated_by else ""
    when = f"{policy.updated_at:%d %B %Y, %H:%M}".lstrip("0")
    return Ground("Whitelist", f"Listed as {policy.decision}{who}, {when} UTC.", Decision(policy.decision))


def _of_rule(rule: PolicyRule, held: Rule, base: Decision, values: Mapping[str, Json], requester: str) -> Ground:
    if Decision(rule.decision).strictness <= base.strictness:
        return Ground("Rule", f"{rule}. It is no stricter than the whitelist.", rule=rule)
    if rule.condition == Condition.RETURNED:
        return Ground("Rule", f"{rule}. It depends on where the value comes from.", rule=rule)
    if rule.argument and rule.argument not in values:
        return Ground("Rule", f"{rule}. It depends on the value.", rule=rule)
    if not applies(held, dict(values), requester):
        return Ground("Rule", f"{rule}. It does not apply to this value.", rule=rule)
    return Ground("Rule", f"{rule}. It applies.", ruling(base, [held], dict(values), requester).decision, rule=rule)
