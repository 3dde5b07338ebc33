"""Requests with what is to come of them. HELD_OUT was written before the planner was tuned, and never tuned on."""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """One request and the calls that serve it; no calls: it is to be refused."""

    request: str
    #: (operation, arguments) in order
    calls: tuple[tuple[str, dict[str, Any]], ...]


def _one(request: str, operation: str, **arguments: Any) -> Case:
    return Case(request, ((operation, arguments),))


def _none(request: str) -> Case:
    return Case(request, ())


ACCESS = (
    _one("Create a user named user1", "create_user", username="user1"),
    _one("Create a new user", "create_user"),
    _one("Get the user called user1", "get_user", username="user1"),
    _one("Show me all groups", "list_groups"),
    _one("please list the first 5 users", "list_users", limit=5),
    _one("which groups is alice in?", "list_user_groups", username="alice"),
    _one("Who is in the group Sales?", "list_group_members", name="Sales"),
    _one("Add bob to the group Engineering", "add_group_member", name="Engineering", username="bob"),
    _one("Remove carol from Engineering group", "remove_group_member", name="Engineering", username="carol"),
    _one("Delete the group contractors", "delete_group", name="contractors"),
    _one("delete user dave", "delete_user", username="dave"),
    _one("Disable the account of dave", "disable_user", username="dave"),
    _one("re-enable dave's account", "enable_user", username="dave"),
    _one("turn off user svc-build", "disable_user", username="svc-build"),
    _one("Set the email of alice to alice@new.example", "update_user", username="alice", email="alice@new.example"),
    _one("Change bob's department to Finance", "update_user", username="bob", department="Finance"),
    _one(
        "Create user eve with email eve@acme.example and department Legal",
        "create_user",
        username="eve",
        email="eve@acme.example",
        department="Legal",
    ),
    _one("create a group called night-shift", "create_group", name="night-shift"),
    _one(
        "Create a group ops with description 'People on call'", "create_group", name="ops", description="People on call"
    ),
    _one("Show safe prod-db", "get_safe", name="prod-db"),
    _one("What's in the safe prod-db?", "list_secrets", name="prod-db"),
    _one("list the secrets of safe 'prod db'", "list_secrets", name="prod db"),
    _one("Make a safe named backup-keys with 30 retention days", "create_safe", name="backup-keys", retention_days=30),
    _one("rotate the secret root in safe prod-db", "rotate_secret", name="prod-db", secret_name="root"),
    _one("show pending access requests", "list_access_requests", status="pending"),
    _one("approve access request 12", "approve_access_request", id=12),
    _one("Reject request 7 with comment 'not needed'", "reject_access_request", id=7, comment="not needed"),
    _one("I need access to the safe prod-db for the migration", "create_access_request", safe="prod-db"),
    _one("Is the system healthy?", "get_system_status"),
    _one("system status", "get_system_status"),
    _one("show the settings", "get_settings"),
    _one("set the session timeout to 15 minutes", "update_settings", session_timeout_minutes=15),
    _one("require mfa for everyone", "update_settings", mfa_required=True),
    _one("show audit log entries of alice", "list_audit_entries", actor="alice"),
    _one("reset the password of bob", "reset_password", username="bob"),
    _one("list disabled users", "list_users", enabled=False),
    _one("users in department Finance", "list_users", department="Finance"),
    _one("Could you tell me about the user frank?", "get_user", username="frank"),
    _one("delete the safe old-keys please", "delete_safe", name="old-keys"),
    _none("Who was the first president of the United States?"),
    _none("write me a poem about users"),
    _none("what is 2+2"),
    _none("tell me a joke"),
    _none("what's the weather in Paris"),
    _none("book a flight"),
    _none("reboot the coffee machine"),
    _none("order 3 pizzas for the team"),
    _none("translate good morning to French"),
    Case(
        "Create a user bob and add him to the group Sales",
        (("create_user", {"username": "bob"}), ("add_group_member", {"name": "Sales", "username": "bob"})),
    ),
    Case(
        "disable alice and bob",
        (("disable_user", {"username": "alice"}), ("disable_user", {"username": "bob"})),
    ),
)

HELD_OUT = (
    _one("Display the details for user jsmith", "get_user", username="jsmith"),
    _one("I'd like to see every safe we have", "list_safes"),
    _one("Please register a new user with the username kim.lee", "create_user", username="kim.lee"),
    _one("drop the group interns", "delete_group", name="interns"),
    _one("put mike into the group Support", "add_group_member", name="Support", username="mike"),
    _one("take mike out of the group Support", "remove_group_member", name="Support", username="mike"),
    _one("what groups does nina belong to", "list_user_groups", username="nina"),
    _one("members of group admins", "list_group_members", name="admins"),
    _one("Deactivate user temp42", "disable_user", username="temp42"),
    _one("activate user temp42 again", "enable_user", username="temp42"),
    _one("rename the last name of user nina to Berg", "update_user", username="nina", last_name="Berg"),
    _one(
        "edit the group Support, description should be Second level",
        "update_group",
        name="Support",
        description="Second level",
    ),
    _one("add a secret called api-key to the safe web", "create_secret", name="web", secret_name="api-key"),
    _one("erase the secret tmp from safe web", "delete_secret", name="web", secret_name="tmp"),
    _one("give me the audit trail for user mike", "list_audit_entries", actor="mike"),
    _one("look up access request 31", "get_access_request", id=31),
    _one("decline access request 31", "reject_access_request", id=31),
    _one("which access requests were approved?", "list_access_requests", status="approved"),
    _one(
        "request write access to the safe web because of ticket OPS-12",
        "create_access_request",
        safe="web",
        access="write",
    ),
    _one("how is the system doing", "get_system_status"),
    _one("set up a safe web-2 owned by nina", "create_safe", name="web-2", owner="nina"),
    _one("change the retention days of safe web to 90", "update_safe", name="web", retention_days=90),
    _one("show me group Support", "get_group", name="Support"),
    _one("list 20 groups", "list_groups", limit=20),
    _none("how tall is mount everest"),
    _none("play some music"),
    _none("summarize the news of today"),
    _none("what do you think about groups of penguins"),
    _none("buy a new laptop for mike"),
    Case(
        "Delete the groups red and blue",
        (("delete_group", {"name": "red"}), ("delete_group", {"name": "blue"})),
    ),
)
"""Requests on real descriptions: GitHub's 1,223 operations and Keycloak's 316."""
GITHUB = (
    _one("List the issues of octocat/hello-world", "issues_list-for-repo", owner="octocat", repo="hello-world"),
    _one("Get issue 42 in octocat/hello-world", "issues_get", owner="octocat", repo="hello-world", issue_number=42),
    _one(
        "Create an issue titled 'Crash on start' in octocat/hello-world",
        "issues_create",
        owner="octocat",
        repo="hello-world",
        title="Crash on start",
    ),
    _one("list the branches of octocat/hello-world", "repos_list-branches", owner="octocat", repo="hello-world"),
    _one(
        "delete the label bug of octocat/hello-world",
        "issues_delete-label",
        owner="octocat",
        repo="hello-world",
        name="bug",
    ),
    _one(
        "show the topics of repository octocat/hello-world", "repos_get-all-topics", owner="octocat", repo="hello-world"
    ),
    _one("list pull requests in octocat/hello-world", "pulls_list", owner="octocat", repo="hello-world"),
    _one("lock issue 7 in octocat/hello-world", "issues_lock", owner="octocat", repo="hello-world", issue_number=7),
    _one("get the license of octocat/hello-world", "licenses_get-for-repo", owner="octocat", repo="hello-world"),
    _one("list the members of the organization acme-corp", "orgs_list-members", org="acme-corp"),
    _one("list teams of org acme-corp", "teams_list", org="acme-corp"),
    _one(
        "star the repository octocat/hello-world",
        "activity_star-repo-for-authenticated-user",
        owner="octocat",
        repo="hello-world",
    ),
    _one("show my notifications", "activity_list-notifications-for-authenticated-user"),
    _one("list my gists", "gists_list"),
    _one(
        "get the latest release of octocat/hello-world", "repos_get-latest-release", owner="octocat", repo="hello-world"
    ),
)
KEYCLOAK = (
    _one("list the users of realm acme", "getUsersByRealm", realm="acme"),
    _one("show the clients in realm acme", "getClients", realm="acme"),
    _one("get the groups of realm acme", "getGroupsByRealm", realm="acme"),
    _one("list all roles of realm acme", "getRolesByRealm", realm="acme"),
    _one("delete the group 12ab-34 in realm acme", "deleteGroupByRealmById", realm="acme", id="12ab-34"),
    _one("show realm acme", "getByRealm", realm="acme"),
)
