"""A value is said, computed, returned or a default; whatever is none of these was invented."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlops.core.provenance import ComputedDate, ReturnedValue, Sources, invented, trace
from nlops.core.types import Json, Provenance, ProvenanceKind

SAID, COMPUTED, RETURNED = ProvenanceKind.SAID, ProvenanceKind.COMPUTED, ProvenanceKind.RETURNED
DEFAULT, SECRET, INVENTED = ProvenanceKind.DEFAULT, ProvenanceKind.SECRET, ProvenanceKind.INVENTED


def origin(name: str, value: Json, *said: str, schema: dict[str, Json] | None = None, **sources: Json) -> Provenance:
    whole = {"type": "object", "properties": {name: schema or {}}}
    return trace({name: value}, Sources(said=said, **sources), whole)["/" + name]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("username", "user1", "Create a user named user1"),
        ("username", "user1", "get 'user1'."),
        ("username", "user1", "what are user1's groups?"),
        ("username", "user1", "what are user1’s groups?"),
        ("username", "user1", "User1, show me that one"),
        ("username", "john.doe", "delete john.doe."),
        ("username", "user", "create a user named user"),
        ("username", "new", "create the user 'new'"),
        ("username", "user", "user"),
        ("email", "bob@acme.example", "his mail is Bob@acme.example, thanks"),
        (
            "description",
            "Account for the Berlin office",
            "with description “Account for the\n Berlin office”",
        ),
        ("description", "Account for Bob's office.", "description: account for Bob’s office"),
        ("first_name", "Ada", "create Ada Lovelace"),
        ("id", "42", "ticket #42"),
        ("limit", 5, "the first 5 users"),
        ("limit", 5, "the first five users"),
        ("max_bytes", 1000, "at most 1,000 bytes"),
        ("ratio", 0.5, "ratio 0.5"),
        ("enabled", True, "enable user1"),
        ("enabled", True, "set enabled to true"),
        ("enabled", False, "disable user1"),
        ("enabled", False, "enabled: false"),
        ("active", False, "deactivate bob"),
        ("is_active", True, "list active users"),
        ("is_active", False, "list users who are not active"),
        ("locked", True, "lock bob"),
        ("locked", False, "unlock bob"),
        ("mfa_enabled", True, "create bob with mfa"),
        ("mfa_enabled", False, "create bob without MFA"),
        ("mfa_enabled", False, "disable mfa for bob"),
        ("disabled", True, "disable bob"),
        ("recursive", True, "recursively: yes, a recursive copy"),
        ("force", True, "true"),
    ],
)
def test_words_of_the_person_are_said(name: str, value: Json, text: str) -> None:
    found = origin(name, value, text)
    assert found.kind is SAID
    assert found.place is not None
    assert found.text[slice(*found.place)]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("username", "user1", "get user12"),
        ("username", "user1", "get user1-old"),
        ("username", "user1", "get old.user1"),
        ("username", "user1", "get my_user1"),
        ("username", "user1", "mail user1@acme.example"),
        ("username", "user_a", "get USER_A"),
        ("safe", "root", "secret db-root"),
        ("username", "user", "Create a new user"),
        ("username", "new user", "Create a new user"),
        ("group_name", "group", "create a group"),
        ("password", "password", "create user bob with a password"),
        ("password", "Password123!", "create a user named bob"),
        ("password", "password", "create bob with [[secret:password]]"),
        ("token", "password", "[[secret:password]]"),
        ("email", "bob@acme.example", "create bob at acme"),
        ("description", "Office of Berlin", "the Berlin office"),
        ("limit", 5, "the first 15 users"),
        ("limit", 5, "user5"),
        ("limit", 1, "delete that one"),
        ("limit", 2, "version 1.2"),
        ("limit", 1, "version 1.2"),
        ("limit", True, "show 1 user"),
        ("enabled", True, "disable user1"),
        ("enabled", False, "enable user1"),
        ("enabled", True, "set enabled to false"),
        ("enabled", True, "create user bob on Monday"),
        ("mfa_enabled", True, "enable user bob"),
        ("mfa_enabled", True, "disable mfa for bob"),
        ("is_active", True, "users that are not active"),
        ("force", True, "delete user bob"),
        ("name", "", "create a user"),
        ("name", None, "create a user"),
        ("tags", [], "create a user"),
        ("name", "   ", "create a   user"),
        ("username", "'", "create it's"),
    ],
)
def test_what_nobody_said_is_invented(name: str, value: Json, text: str) -> None:
    assert origin(name, value, text).kind is INVENTED


def test_the_place_is_where_the_value_stands() -> None:
    found = origin("username", "user1", "Create a user named user1.")
    assert found == Provenance(SAID, (20, 25), "Create a user named user1.")


def test_of_a_long_text_only_the_surroundings_are_kept() -> None:
    found = origin("username", "user1", "x " * 5000 + "user1" + " y" * 5000)
    assert len(found.text) < 1000
    assert found.place is not None
    assert found.text[slice(*found.place)] == "user1"


def test_earlier_messages_count_after_the_newest() -> None:
    assert origin("username", "user1", "delete that one", "get user1").text == "get user1"


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("read", "give bob reading access", SAID),
        ("in_progress", "tickets in progress", SAID),
        ("failed", "all failures of today", SAID),
        ("login_failed", "failed logins", SAID),
        ("user", "make bob a user", SAID),
        ("active", "users that are not active", SAID),
        ("write", "give bob reading access", INVENTED),
    ],
)
def test_a_choice_is_said_in_another_form(value: str, text: str, kind: ProvenanceKind) -> None:
    choices = {"enum": ["read", "write", "in_progress", "failed", "login_failed", "user", "active"]}
    assert origin("kind", value, text, schema=choices).kind is kind


DAY = ComputedDate("yesterday", "2026-11-22T00:00:00+01:00", "2026-11-22T23:59:59+01:00")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("2026-11-22T00:00:00+01:00", COMPUTED),
        ("2026-11-21T23:00:00Z", COMPUTED),
        ("2026-11-22T23:59:59.000+01:00", COMPUTED),
        ("2026-11-22", COMPUTED),
        (1795302000, COMPUTED),
        (1795302000000, COMPUTED),
        ("2026-11-22T00:00:00Z", INVENTED),
        ("2026-11-22T00:00:00", INVENTED),
        ("2026-11-21", INVENTED),
        (True, INVENTED),
    ],
)
def test_only_the_same_instant_is_computed(value: Json, kind: ProvenanceKind) -> None:
    found = origin("begin", value, "entries from yesterday", computed=[DAY, ComputedDate("x", None, None)])
    assert found.kind is kind
    assert found.text == ("yesterday" if kind is COMPUTED else "")


USER = ReturnedValue(
    "call-1",
    "get_user",
    {
        "id": 7,
        "uuid": "8c1f-22",
        "email": "ada@acme.example",
        "enabled": True,
        "profile": {"contact": "ada@acme.example", "a/b~c": "odd value"},
        "groups": ["admins-emea"],
        "level": 3,
    },
)


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("email", "ada@acme.example", "/email"),
        ("contact", "ada@acme.example", "/profile/contact"),
        ("description", "odd value", "/profile/a~1b~0c"),
        ("group", "admins-emea", "/groups/0"),
        ("enabled", True, "/enabled"),
        ("user_id", "7", "/id"),
        ("userId", 7, "/id"),
    ],
)
def test_a_returned_value_is_found_by_its_path(name: str, value: Json, path: str) -> None:
    found = origin(name, value, "with those details", returned=[USER])
    assert found == Provenance(RETURNED, call_id="call-1", operation="get_user", path=path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("locked", True),
        ("limit", 3),
        ("limit", 7),
        ("enabled", 1),
        ("level", True),
        ("email", "ADA@acme.example"),
    ],
)
def test_common_values_prove_nothing(name: str, value: Json) -> None:
    assert origin(name, value, "with those details", returned=[USER]).kind is INVENTED


def test_the_newest_response_of_the_same_field_wins() -> None:
    newer = ReturnedValue("call-2", "get_user", {"email": "ada@acme.example"})
    assert origin("email", "ada@acme.example", "x", returned=[newer, USER]).call_id == "call-2"


def test_defaults_come_from_the_schema_through_references() -> None:
    schema = {
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "default": 20},
            "kind": {"enum": ["only"]},
            "settings": {"$ref": "#/$defs/Settings"},
            "flag": {"default": 1},
        },
        "$defs": {"Settings": {"allOf": [{"properties": {"tags": {"items": {"$ref": "#/$defs/Tag"}}}}]},
                  "Tag": {"properties": {"color": {"default": "blue"}, "again": {"$ref": "#/$defs/Tag"}}}},
    }  # fmt: skip
    arguments = {"limit": 20, "kind": "only", "settings": {"tags": [{"color": "blue"}]}, "flag": True}
    found = trace(arguments, Sources(said=["list users"]), schema)
    assert {pointer: o.kind for pointer, o in found.items()} == {
        "/limit": DEFAULT,
        "/kind": DEFAULT,
        "/settings/tags/0/color": DEFAULT,
        "/flag": INVENTED,
    }


def test_a_secret_is_a_secret_and_what_was_said_comes_first() -> None:
    arguments = {"password": {"$secret": "password"}, "username": "ada-l", "a/b": {"c~d": ["zzz"]}}
    sources = Sources(said=["create ada-l"], returned=[ReturnedValue("c", "o", {"username": "ada-l"})])
    found = trace(arguments, sources, {})
    assert [o.kind for o in found.values()] == [SECRET, SAID, INVENTED]
    assert invented(found) == ["/a~1b/c~0d/0"]


#: With a digit: none is an English word.
NAMES = st.text(string.ascii_lowercase + string.digits, min_size=3, max_size=12).map(lambda name: name + "7")


@given(NAMES, NAMES)
def test_a_longer_name_never_says_a_shorter_one(name: str, rest: str) -> None:
    for glued in (
        name + rest,
        rest + name,
        f"{name}-{rest}",
        f"{rest}.{name}",
        f"{name}_{rest}",
        f"{rest}/{name}",
    ):
        assert origin("key", name, f"show {glued} please").kind is INVENTED


@given(NAMES, st.sampled_from(["{}", "'{}'", '"{}"', "({})", "{}.", "{},", "{}'s", "key:{}", "key={}", "{}?"]))
def test_a_name_is_said_whatever_stands_around_it(name: str, shape: str) -> None:
    found = origin("key", name, "set named " + shape.format(name))
    assert found.kind is SAID
    assert found.place is not None
    assert found.text[slice(*found.place)].lower() == name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), JSON, max_size=4), st.text(max_size=80), JSON)
def test_any_arguments_are_traced_to_pointers_that_exist(arguments: dict[str, Json], text: str, response: Json) -> None:
    sources = Sources([text], [DAY], [ReturnedValue("c", "o", response)])
    for pointer, found in trace(arguments, sources, {}).items():
        resolve(arguments, pointer)
        if found.kind is RETURNED:
            value, returned = resolve(arguments, pointer), resolve(response, found.path)
            assert str(value) == str(returned)


def resolve(document: Json, pointer: str) -> Json:
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        document = document[int(key)] if isinstance(document, list) else document[key]
    return document


def test_a_value_in_other_capitals_than_said_that_a_response_holds_exactly_was_copied_from_there():
    sources = Sources(
        said=["get the user alice and create bob2 with those details"],
        returned=[ReturnedValue("c1", "get_user", {"username": "alice", "first_name": "Alice"})],
    )
    found = trace({"first_name": "Alice", "username": "alice"}, sources, {})
    assert found["/first_name"].kind is ProvenanceKind.RETURNED
    assert found["/username"].kind is ProvenanceKind.SAID


# --- Korean, German, and texts in other forms of Unicode ---------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "text", "words"),
    [
        ("username", "user2", "user2를 삭제해 주세요", "user2"),
        ("username", "user2", "user2의 상세 정보", "user2"),
        ("username", "user1", "'user1'이라는 사용자를 생성하세요", "user1"),
        ("username", "user1", "user1이라는 사용자를 생성하세요", "user1"),
        ("username", "user1", "user1님에게서", "user1"),
        ("username", "user1", "user1삭제해줘", "user1"),
        ("username", "user1", "사용자user1을 보여줘", "user1"),
        ("name", "Sales", "bob을 Sales그룹에 추가해줘", "Sales"),
        ("name", "영업팀", "bob을 영업팀에 추가해줘", "영업팀"),
        ("name", "영업팀", "영업팀이라는 그룹을 만들어 줘", "영업팀"),
        ("name", "서울", "서울로 옮겨줘", "서울"),
        ("username", "김철수", "김철수를 비활성화해 주세요", "김철수"),
        ("username", "박지은", "박지은을 잠가 주세요", "박지은"),
        ("username", "박지은", "박지은은 누구야?", "박지은"),
        ("username", "사용자", "'사용자'라는 사용자를 만들어줘", "사용자"),
        ("name", "user-ops.eu", "user-ops.eu에서", "user-ops.eu"),
        ("email", "kim@corp.example", "이메일은 kim@corp.example로 해줘", "kim@corp.example"),
        ("limit", 5, "로그 5개만 보여줘", "5"),
        ("limit", 5, "로그 다섯 개 보여줘", "다섯"),
        ("limit", 3, "세 명만 보여줘", "세"),
        ("limit", 25, "스물다섯 명", "스물다섯"),
        ("minutes", 30, "삼십 분", "삼십"),
        ("minutes", 45, "세션을 45분으로", "45"),
        ("amount", 30000, "3만 원", "3만"),
        ("request_id", 1, "1번 요청을 승인해줘", "1"),
        ("enabled", False, "user1을 비활성화해줘", "비활성화해줘"),
        ("enabled", True, "user1을 활성화해줘", "활성화해줘"),
        ("locked", True, "user1을 잠가줘", "잠가줘"),
        ("locked", False, "user1의 잠금을 해제해줘", None),
        ("mfa_enabled", False, "user1의 MFA를 꺼줘", "MFA"),
        ("require_mfa", True, "모든 사용자에게 2단계 인증을 요구해줘", "2"),
        ("username", "bernd", "Zeige Bernds Konto", "Bernd"),
        ("enabled", False, "Deaktiviere bob", "Deaktiviere"),
        ("locked", False, "Entsperre bob", "Entsperre"),
        ("limit", 25, "die letzten fünfundzwanzig Einträge", "fünfundzwanzig"),
        ("limit", 1000, "höchstens 1.000 Zeilen", "1.000"),
        ("ratio", 1.5, "1,5 Stunden", "1,5"),
        ("limit", 45, "forty-five entries", "forty-five"),
        ("username", "user1", "user１을 삭제", "user１"),
        ("username", "user１", "user１을 삭제", "user１"),
        ("name", "Café", "delete Cafe\u0301 now", "Cafe\u0301"),
        ("name", "영업팀", "\u110b\u1167\u11bc\u110b\u1165\u11b8\u1110\u1175\u11b7에 추가", None),
        ("username", "user1", "get us\u200ber1", "us\u200ber1"),
    ],
)
def test_values_are_said_without_their_particles_and_the_place_is_exact(name, value, text, words) -> None:
    found = origin(name, value, text)
    assert found.kind is SAID
    assert found.place is not None
    if words is not None:
        assert found.text[slice(*found.place)] == words


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("username", "user1", "user12를 삭제해줘"),
        ("username", "박지", "박지은을 잠가줘"),
        ("username", "김철", "김철수를 삭제해줘"),
        ("name", "영업", "영업팀에 추가해줘"),
        ("name", "API", "API키를 삭제해줘"),
        ("username", "사용자", "새 사용자를 생성해줘"),
        ("username", "Benutzer", "Lege einen Benutzer an"),
        ("name", "사", "사과를 주문해줘"),
        ("email", "ann@example.com", "create ann at example.com"),
        ("email", "ann@example.com", "ann을 생성해줘"),
        ("username", "user１", "user1을 삭제해줘"),
        ("username", "us\u200ber1", "user1을 삭제해줘"),
        ("username", "bernd", "zeige den Benutzer bernds"),
        ("limit", 3, "3만 원"),
        ("limit", 2, "이 사용자를 삭제해줘"),
        ("limit", 1, "일을 시작해"),
        ("enabled", True, "user1을 비활성화해줘"),
        ("mfa_enabled", True, "MFA 꺼줘"),
        ("mfa_enabled", True, "Schalte MFA bei bob aus"),
        ("locked", True, "user1의 잠금을 해제해줘"),
    ],
)
def test_fragments_and_joined_parts_are_invented(name, value, text) -> None:
    assert origin(name, value, text).kind is INVENTED


@pytest.mark.parametrize(
    ("value", "text"), [("read", "읽기 권한을 줘"), ("manage", "관리 권한으로"), ("read", "gib bob Leserechte")]
)
def test_usual_choices_are_said_in_other_languages(value, text) -> None:
    schema = {"type": "string", "enum": ["read", "write", "manage"]}
    assert origin("permission", value, text, schema=schema).kind is SAID
    assert origin("permission", "write", text, schema=schema).kind is INVENTED


_SIGNS = st.sampled_from("user1김철수영업팀을를이라는의에게 '\"-_.@２é\u0301\u200b\u1100\u1161\u11a8ßa만천일이5,")


@given(
    text=st.text(_SIGNS, max_size=40), value=st.one_of(st.text(_SIGNS, max_size=8), st.integers(0, 60), st.booleans())
)
def test_nothing_is_said_that_does_not_stand_in_the_text(text: str, value: Json) -> None:
    found = origin("name", value, text)
    if found.kind is SAID and isinstance(value, str):
        assert found.place is not None
        quoted = found.text[slice(*found.place)]

        def plain(words: str) -> str:
            words = "".join(c for c in unicodedata.normalize("NFKC", words) if unicodedata.category(c) != "Cf")
            return "".join(words.split()).casefold().strip("'\". ")

        assert plain(value) == plain(quoted)
