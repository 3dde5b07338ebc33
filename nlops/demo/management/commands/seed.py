"""`python -m nlops.demo seed`: the clients of DEMO_CLIENTS, and data for each workspace that has none."""

from __future__ import annotations

import random
import secrets
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from nlops.demo.models import AccessRequest, Account, AuditEntry, Client, Grant, Group, Safe, Secret, Workspace

PEOPLE = {
    "acme": "alice Alice Meyer Engineering|bernd Bernd Klein Sales|carla Carla Rossi Finance|"
    "david David Okafor Support|elena Elena Petrova Engineering|frank Frank Ito Sales|grace Grace Kim Engineering|"
    "henry Henry Dubois Support|ines Ines Costa Finance|jonas Jonas Weber Engineering|"
    "kira Kira Novak Sales|liam Liam Byrne Support",
    "globex": "maria Maria Lopez Research|nils Nils Berg Operations|olga Olga Ivanova Research|paul Paul Martin Legal|"
    "quinn Quinn Adams Operations|rosa Rosa Silva Legal|samir Samir Khan Research|tara Tara Singh Operations|"
    "uma Uma Patel Legal|victor Victor Nowak Operations|wanda Wanda Keller Research|yara Yara Haddad Legal",
}
SAFES = {
    "acme": {"prod-db": ["db-root", "db-readonly"], "cloud-keys": ["storage-key"], "mail": ["smtp-login"]},
    "globex": {"lab": ["microscope-pc"], "contracts": ["archive-login"]},
}
ACTIONS = ("create_user", "update_user", "reveal_secret", "grant_safe_access", "add_group_member", "rotate_secret")


class Command(BaseCommand):
    help = "Seed Keyring. A second time changes nothing but the clients' passwords."

    def handle(self, *args: Any, **options: Any) -> None:
        for entry in filter(None, settings.DEMO_CLIENTS.split(",")):
            try:
                name, client, password = entry.split(":", 2)
            except ValueError:
                raise CommandError("DEMO_CLIENTS must be workspace:name:password, separated by commas.") from None
            with transaction.atomic():
                workspace, new = Workspace.objects.get_or_create(name=name)
                _client(workspace, client, password)
                if new:
                    _fill(workspace)


def _client(workspace: Workspace, name: str, password: str) -> None:
    client, _ = Client.objects.get_or_create(name=name, defaults={"workspace": workspace})
    if not client.password or not check_password(password, client.password):
        client.password = make_password(password)
        client.save()


def _fill(workspace: Workspace) -> None:
    # The same data in every demo: names are looked at, never guessed at.
    chance = random.Random(workspace.name)  # noqa: S311  # nosec B311
    people = [line.split() for line in PEOPLE.get(workspace.name, PEOPLE["acme"]).split("|")]
    accounts = [
        Account.objects.create(
            workspace=workspace,
            username=username,
            password=make_password(secrets.token_urlsafe(12)),
            email=f"{username}@{workspace.name}-mail.example",
            first_name=first,
            last_name=last,
            department=department,
            status="disabled" if username in ("liam", "rosa") else "active",
        )
        for username, first, last, department in people
    ]
    for department in sorted({account.department for account in accounts}):
        group = Group.objects.create(workspace=workspace, name=department, description=f"Everyone in {department}")
        group.members.set(account for account in accounts if account.department == department)
    _safes(workspace, accounts)
    _audit(workspace, accounts, chance)


def _safes(workspace: Workspace, accounts: list[Account]) -> None:
    for index, (name, names) in enumerate(SAFES.get(workspace.name, SAFES["acme"]).items()):
        safe = Safe.objects.create(workspace=workspace, name=name)
        for secret_name in names:
            secret = Secret(safe=safe, name=secret_name, login=secret_name.split("-")[-1])
            secret.value = secrets.token_urlsafe(18)
            secret.save()
        Grant.objects.create(safe=safe, account=accounts[index], permission="manage")
        AccessRequest.objects.create(
            workspace=workspace, account=accounts[index + 3], safe=safe, reason="Needed for the monthly report"
        )


def _audit(workspace: Workspace, accounts: list[Account], chance: random.Random) -> None:
    """Ten days of history, some of every day."""
    now = timezone.now()
    AuditEntry.objects.bulk_create(
        AuditEntry(
            workspace=workspace,
            at=now - timedelta(days=day, minutes=chance.randrange(0, 1440)),
            actor=chance.choice(accounts).username,
            action=chance.choice(ACTIONS),
            target=chance.choice(accounts).username,
        )
        for day in range(10)
        for _ in range(6)
    )
