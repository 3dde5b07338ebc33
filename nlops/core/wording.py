"""English as it is used in requests and in API descriptions: words, their base forms, verbs and what they mean."""

from __future__ import annotations

import functools
import re
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Final

from nlops.core import lexicon


def word_set(words: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(words.split())


#: Characters of a request that are read; what is longer is a text, not a request.
MAX_CHARACTERS: Final = 4000

#: Group of verbs that mean the same to an operation: its name to base forms. The first group of a verb counts most.
VERB_GROUPS: Final[dict[str, frozenset[str]]] = {
    "read": word_set(
        "get show list display view see find fetch retrieve look read print give tell what which who whose"
        " whom when where how search check describe inspect return query lookup is are was were does do did"
        " has have can browse enumerate count compare monitor examine want need reveal pull gimme recommend suggest"
        " discover"
    ),
    "create": word_set(
        "create add make new register generate provision onboard insert post invite issue open define setup"
        " put enter store save submit file hire recreate reinvite resubmit"
    ),
    "delete": word_set("delete remove drop erase destroy purge wipe discard kick clear kill trash retire scrap"),
    "update": word_set(
        "update change edit modify set rename patch replace adjust correct fix alter move mark switch"
        " reassign extend promote demote transfer convert increase decrease reduce shorten lengthen raise lower"
    ),
    "enable": word_set("enable activate reactivate unsuspend resume reenable"),
    "disable": word_set("disable deactivate suspend ban"),
    "unlock": word_set("unlock unblock"),
    "lock": word_set("lock block freeze"),
    "approve": word_set("approve accept confirm authorize authorise"),
    "reject": word_set("reject deny decline refuse dismiss"),
    "grant": word_set("grant assign entitle allow give share attach permit let add join"),
    "revoke": word_set("revoke unassign withdraw detach unshare rescind retract delete remove"),
    "request": word_set("request apply ask"),
    "cancel": word_set("cancel abort withdraw delete"),
    "start": word_set("start perform conduct run trigger launch execute begin dispatch invoke"),
    "stop": word_set("stop halt terminate end"),
    "restart": word_set("restart reboot rerun retry redo"),
    "rotate": word_set("rotate renew refresh regenerate reissue"),
    "reset": word_set("reset restore recover undo revert rollback"),
    "send": word_set("send resend email notify message mail deliver publish republish post"),
    "export": word_set("export download backup dump"),
    "import": word_set("import upload load"),
    "archive": word_set("archive"),
    "unarchive": word_set("unarchive"),
    "close": word_set("close resolve finish complete"),
    "reopen": word_set("reopen"),
    "merge": word_set("merge combine"),
    "join": word_set("join"),
    "copy": word_set("copy clone duplicate fork"),
    "star": word_set("star follow subscribe watch pin like"),
    "unstar": word_set("unstar unfollow unsubscribe unwatch unpin unlike"),
    "verify": word_set("verify validate test ping"),
    "comment": word_set("comment reply respond answer"),
    "login": word_set("login"),
    "logout": word_set("logout"),
    "require": word_set("require enforce force mandate"),
    "write": word_set("write compose draft"),
    "play": word_set(
        "play book order buy cook translate summarize summarise calculate compute solve explain sing draw"
    ),
}

_GENERIC: Final = word_set(
    "get show list display view see find fetch retrieve look give tell what which who how is are was do does"
    " have has create add make new update change edit modify set delete remove need want"
)
_GROUPS_OF: Final[dict[str, tuple[str, ...]]] = {}
for _group, _members in VERB_GROUPS.items():
    for _member in _members:
        _GROUPS_OF[_member] = (*_GROUPS_OF.get(_member, ()), _group)

#: An operation of one of these groups may serve a verb of the group, though it is worded otherwise.
_NEAR_GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "grant": ("create", "update"),
    "revoke": ("delete",),
    "cancel": ("delete", "stop"),
    "stop": ("cancel",),
    "unlock": ("enable",),
    "lock": ("disable",),
    "disable": ("lock",),
    "enable": ("unlock",),
    "request": ("create",),
    "rotate": ("reset", "update"),
    "reset": ("rotate", "update"),
    "archive": ("update",),
    "unarchive": ("update",),
    "close": ("update",),
    "reopen": ("update",),
    "restart": ("start", "reset"),
    "comment": ("create",),
    "send": ("create", "start"),
    "export": ("read",),
    "import": ("create",),
    "verify": ("read",),
    "copy": (),
    "create": ("grant", "request", "start", "import"),
    "update": ("reset", "rotate"),
    "write": ("create",),
    "require": ("update",),
    "join": ("create", "grant"),
    "start": (),
}

#: Verbs that are nouns as often: only what follows tells.
_NOUN_VERBS: Final = word_set(
    "request report review lock star log label comment release run export import block archive check search"
    " issue post file order copy message email mail answer reply test end start stop reset view share display"
    " query count dump load follow watch pin like book play draft load new open close complete backup update"
    " change set login logout drop print access need return"
)

#: Two words that are one verb.
_PHRASAL: Final[dict[tuple[str, str], str]] = {
    ("turn", "off"): "disable",
    ("switch", "off"): "disable",
    ("shut", "off"): "disable",
    ("turn", "on"): "enable",
    ("switch", "on"): "enable",
    ("get", "rid"): "delete",
    ("take", "away"): "revoke",
    ("set", "up"): "create",
    ("sign", "up"): "create",
    ("look", "up"): "find",
    ("take", "out"): "remove",
    ("throw", "out"): "remove",
    ("take", "off"): "remove",
    ("log", "out"): "logout",
    ("log", "in"): "login",
    ("roll", "back"): "reset",
    ("hand", "over"): "transfer",
    ("turn", "down"): "deny",
    ("sign", "off"): "approve",
    ("wave", "through"): "approve",
    ("kick", "out"): "remove",
    ("lock", "out"): "disable",
    ("bring", "back"): "enable",
    ("let", "back"): "enable",
    ("call", "off"): "cancel",
    ("throw", "away"): "delete",
    ("do", "away"): "delete",
    ("kick", "off"): "start",
    ("sign", "out"): "logout",
    ("strip", "of"): "revoke",
    ("cross", "off"): "remove",
    ("put", "back"): "reset",
    ("say", "no"): "reject",
    ("say", "yes"): "approve",
    ("carry", "out"): "start",
}

#: First words of those that let their object in between: "take mike out of …", "turn bob's account off".
_SEPARABLE: Final = word_set("turn switch shut take throw kick lock bring let roll wave call look log sign put")

#: Words that say nothing of the thing that is meant.
STOP_WORDS: Final = word_set(
    "a an the this that these those my your our his her its their me us you him them it he she they i we one"
    " ones and or but also too then next please of for in on at to from by with without as into onto about via"
    " per within is are was were be been being am do does did has have had can could would should will shall"
    " may might must if so not no yes all any some every each both other another more most such same own just"
    " only now here there what which who whom whose when where why how called named titled name's etc ok okay"
    " hi hello hey thanks thank want like need let lets would'd i'd i'll i'm we'd we're let's kindly give tell"
    " show see display list get find detail details info information data thing things stuff give full"
    " complete current existing available specific profile overview record summary card think know mean feel"
    " believe say single new out up down off over under again still ever already currently belong belongs"
    " belonging using use used many much than it's that's what's who's there's where's quick quickly right"
    " away back through asap everything anything something nothing really actually maybe perhaps"
    " pls plz thx"
    " able exist exists lot bit happen happens happened happening occur occurs occurred"
    " kind under between during along whole entire"
)

#: Pronouns for persons that name nobody: they stand for the noun, never for a value.
_INDEFINITE: Final = word_set("somebody someone anybody anyone everybody everyone nobody whoever")

DETERMINERS: Final = word_set("a an the this that these those my your our any some every each another which what no")

#: Words that point back to what was talked about.
PRONOUNS: Final = word_set("it him her them his hers their theirs its he she they that this those these same")

#: Words that count or order things.
_ORDER: Final = word_set(
    "first last latest newest oldest recent previous next top second third few one two three four five six"
    " seven eight nine ten hundred most least today yesterday tomorrow week month year day hour minute ago"
    " since until before after"
)

#: Words for one thing; a request may use one of them where the product uses another.
_NOUN_SETS: Final = (
    word_set("user account person people member employee colleague identity staff individual"),
    word_set("group team"),
    word_set("safe vault"),
    word_set("audit log history trail activity event change"),
    word_set("repository repo"),
    word_set("organization organisation org"),
    word_set("request ticket application"),
    word_set("setting configuration config preference option policy rule"),
    word_set("secret credential"),
    word_set("health status state"),
    word_set("permission right privilege entitlement access"),
    word_set("role permission"),
    word_set("owner manager"),
    word_set("comment note remark"),
    word_set("pull pr"),
    word_set("token key"),
    word_set("session login"),
    word_set("server machine host instance droplet vm"),
    word_set("folder directory"),
    word_set("email mail e-mail"),
    word_set("department dept unit division"),
    word_set("version release"),
    word_set("movie film"),
    word_set("show tv series"),
    word_set("picture image photo poster logo backdrop"),
    word_set("person actor actress"),
    word_set("channel room conversation"),
    word_set("cast credit crew actor"),
    word_set("mfa factor 2fa"),
    word_set("message dm"),
    word_set("content file secret value"),
)

_IRREGULAR: Final = {
    "people": "person",
    **{f"{word}s": word for word in ("movie", "cookie", "selfie", "calorie", "tie", "pie", "die", "zombie", "brownie")},
    **dict.fromkeys(_INDEFINITE, "person"),
    "statuses": "status",
    "status": "status",
    "series": "series",
    "access": "access",
    "settings": "setting",
    "setting": "setting",
    "news": "news",
    "alias": "alias",
    "aliases": "alias",
    "made": "make",
    "gave": "give",
    "got": "get",
    "keys": "key",
    "e-mail": "email",
    "mail": "email",
    "indices": "index",
    "branches": "branch",
    "given": "give",
    "shown": "show",
    "left": "left",
    "members": "member",
    "repos": "repo",
    "orgs": "org",
    "licenses": "license",
    "license": "license",
    "caches": "cache",
    "databases": "database",
    "pages": "page",
    "always": "always",
    "this": "this",
    "https": "https",
    "dns": "dns",
    "sms": "sms",
    "has": "has",
    "is": "is",
    "was": "was",
    "does": "does",
}


@functools.lru_cache(maxsize=50_000)
def base(word: str) -> str:
    """The word without a plural ending, or a verb without its inflection, in small letters."""
    word = word.lower().replace("’", "'").removesuffix("'s").rstrip("'")
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word in _GROUPS_OF:
        return word
    if word.startswith("re-"):
        return base(word.replace("-", "")) if word.replace("-", "") in _GROUPS_OF else base(word[3:])
    for ending in ("ing", "ed", "es", "s", "d"):
        if word.endswith(ending) and len(word) - len(ending) >= 2:
            stem = word[: -len(ending)]
            candidates = [stem, stem + "e", stem[:-1] if stem[-1:] == stem[-2:-1] else stem]
            if ending in ("ed", "es") and stem.endswith("i"):
                candidates.append(stem[:-1] + "y")
            for candidate in candidates:
                if candidate in _GROUPS_OF and len(candidate) > 2:
                    return candidate
    return _singular(word)


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    return word[:-1]


_SEVERAL: Final = word_set("people everybody everyone anybody anyone")


def is_plural(word: str) -> bool:
    """True for users, entries, people; false for status, access, user."""
    lower = word.lower()
    return base(lower) != lower and (lower.endswith("s") or lower in _SEVERAL) and not lower.endswith("'s")


@functools.lru_cache(maxsize=4096)
def synonyms(noun: str) -> frozenset[str]:
    """Other words (base forms) for the same thing."""
    return frozenset().union(*(words for words in _NOUN_SETS if noun in words)) - {noun}


def usual(noun: str) -> str:
    """The usual word for the thing, where people have many: "user" for account, person, colleague; else the noun."""
    return "user" if noun != "user" and noun in synonyms("user") - {"member", "person"} else noun


def verb_groups(verb: str) -> tuple[str, ...]:
    """The groups of a base form, the closest first; () for what is no known verb."""
    return _GROUPS_OF.get(verb, ())


def near_groups(groups: tuple[str, ...]) -> frozenset[str]:
    """Groups whose operations may serve a verb of these groups, worded otherwise."""
    return frozenset(near for group in groups for near in _NEAR_GROUPS.get(group, ())) - set(groups)


def is_noun_verb(verb: str) -> bool:
    """True for verbs that are nouns as often (request, log, report)."""
    return verb in _NOUN_VERBS


def phrasal(first: str, second: str) -> str:
    """The verb that two words are together ("turn", "off" -> "disable"), "" when they are none."""
    return _PHRASAL.get((base(first), second), "")


def split_name(name: str) -> list[str]:
    """The words of an identifier: firstName, first_name, users/list-by-id -> small words."""
    return list(_split_name(name))


@functools.lru_cache(maxsize=20_000)
def _split_name(name: str) -> tuple[str, ...]:
    """A description has the same few thousand names over and over."""
    if name.islower():
        return tuple(re.findall(r"[^\W_]+", name))
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", name))
    return tuple(word.lower() for word in re.findall(r"[^\W_]+", spaced))


# --- requests -------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"(?P<secret>\[\[secret:[^\]\s]+\]\])"
    r"|(?<![\w])(?P<quote>\"[^\"\n]{1,500}\"|“[^”\n]{1,500}”|‘[^’\n]{1,500}’|`[^`\n]{1,500}`|'[^'\n]{1,500}'(?!\w))"
    r"|(?P<contraction>\b\w+['’](?:d|ll|re|ve|m|t)\b)"
    r"|(?P<word>\#?\w(?:[\w@+/:.\\-]*[\w/])?)(?P<own>['’]s\b|(?<=s)['’](?!\w))?"
    r"|(?P<mark>[,;.!?:&])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted phrase, a mark or a placeholder of a secret, with its place in the text."""

    #: as written, without quotes and without the possessive ending
    text: str
    #: place in the text, quotes included
    start: int
    #: exclusive
    end: int
    #: it stood in quotes
    quoted: bool = False
    #: it ends with 's
    possessive: bool = False
    #: punctuation
    mark: bool = False
    #: placeholder of a secret
    secret: bool = False

    @property
    def lower(self) -> str:
        """In small letters."""
        return self.text.lower()

    @property
    def base(self) -> str:
        """The base form."""
        return base(self.text)

    @property
    def plain(self) -> bool:
        """A word of the language: no quotes, mark, secret, digit or inner sign."""
        return not (self.quoted or self.mark or self.secret) and self.text.replace("-", "").replace("'", "").isalpha()


def tokens(text: str) -> list[Token]:
    """The tokens of a request; "it's" is "it" and "'s" becomes a possessive mark on it."""
    found = []
    for match in _TOKEN.finditer(text, 0, MAX_CHARACTERS):
        if match["secret"]:
            found.append(Token(match["secret"], match.start(), match.end(), secret=True))
        elif match["quote"]:
            found.append(Token(match["quote"][1:-1], match.start(), match.end(), quoted=True))
        elif match["contraction"]:
            found.append(Token(match["contraction"].replace("’", "'"), match.start(), match.end()))
        elif match["mark"]:
            found.append(Token(match["mark"], match.start(), match.end(), mark=True))
        else:
            found.append(Token(match["word"], match.start(), match.end(), possessive=bool(match["own"])))
    return found


_NAMING: Final = word_set("named called titled")
_PREPOSITIONS: Final = word_set(
    "of for in on at to from off by with into onto about within via than like as inside under"
)
_AUXILIARIES: Final = word_set("is are was were does do did has have can am be been")
#: Words in capital letters, or with a hyphen, that are no names.
_NO_NAMES: Final = word_set(
    "i id ids api url mfa sso otp csv json pdf ip ok utc gmt cet est pst am pm monday tuesday wednesday"
    " thursday friday saturday sunday january february march april may june july august september october"
    " november december e-mail e-mails sign-in sign-ins log-in read-only re-enable multi-factor two-factor"
    " on-call up-to-date check-in follow-up check-ins non-admin"
)
#: Adverbs and adjectives that qualify but name nothing.
QUALIFIERS: Final = word_set(
    "latest last recent newest oldest first second third next previous current active inactive enabled"
    " disabled locked unlocked pending open closed private public failed successful denied approved rejected"
    " expired empty admin archived deleted archived urgent important own old big small long short different"
    " particular personal temporary internal external late early high low good bad correct wrong free busy"
    " online offline default main daily weekly monthly yearly total overall whole"
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One action of a request, as far as it can be told without a model."""

    #: the words
    text: str
    #: its tokens
    tokens: tuple[Token, ...]
    #: base form of its verb, "" when it has none
    verb: str
    #: groups of the verb
    groups: tuple[str, ...]
    #: base forms of the words that the vocabulary knows, in order, the verb left out
    nouns: tuple[str, ...]
    #: base form of the thing that the verb is about, "" when none was named
    head: str
    #: the head was in the plural
    plural: bool
    #: base form of the thing after "to", "from", "in", "of": where the head is, "" when none was named
    container: str
    #: the verb acts on a value that is named without its kind: "add bob to the group Sales"
    direct: bool
    #: the verb acts on something that goes into, or comes out of, another thing
    into: bool
    #: "what is in …": the contents are meant
    contents: bool
    #: "how many": a number is wanted
    counts: bool
    #: indexes of tokens that are values: names, numbers, quoted words
    values: tuple[int, ...]
    #: how many things the values name: "octocat/hello-world" is two, the 5 of "first 5 users" none
    named_things: int
    #: base forms of words such as "latest" and "pending"
    qualifiers: tuple[str, ...]
    #: words with an article that the vocabulary lacks: "the coffee machine"
    strange: tuple[str, ...]
    #: it points back: "delete that one", "his groups"
    refers: bool

    def value_tokens(self) -> list[Token]:
        """The tokens that are values."""
        return [self.tokens[index] for index in self.values]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that operations are described with."""

    #: base forms
    words: frozenset[str] = frozenset()
    #: pairs of base forms that stand side by side, such as ("audit", "log")
    pairs: frozenset[tuple[str, str]] = frozenset()

    def __contains__(self, word: object) -> bool:
        return word in self.words


#: Questions for what people did: the activity log tells.
_WHAT_WAS_DONE: Final = re.compile(
    r"^\W*(?:please |so |and )*what (?:did|has|have|was|were|had)\b.{1,80}\b(?:do|done|doing|up to)\b"
    r"|^\W*(?:so |and )*what(?:'s| has| have)? (?:happened|been happening|been going on|went on)"
    r"\W*(?:\b(?:with|to|here|on|at|in the)\b.*)?$"
    r"|^\W*(?:show (?:me )?|list |tell me |give me )?everything (?:that )?\S+ (?:did|has done|does)\b",
    re.IGNORECASE,
)
_IN_ANY: Final = re.compile(r"\b(?:in|of|to) any\b", re.IGNORECASE)
_NO_LONGER: Final = re.compile(
    r"\b(?:no longer|not|shouldn't|mustn't)\s+(?:be able to |be allowed to )?(?:have|use|access|see|open)\b",
    re.IGNORECASE,
)
_SHOULD_GET: Final = re.compile(
    r"\b(?:like|want) (?!to\b)\S+ to (?:be able to |be allowed to )?(?:have|get|use|access|see|open)\b|"
    r"\b(?:should|must|shall|needs? to)\s+(?:get|have|be given|receive|be granted)\b"
    r".{0,60}\b(?:access|permission|rights?|role)\b",
    re.IGNORECASE,
)
#: "the description of the group should be …", "idle sessions should end after 45 minutes"
_SHOULD_BE: Final = re.compile(
    r"^\W*(?!(?:i|we|you|who|what|which|when|where|how|why|should)\b).{3,80}?"
    r"\b(?:should|shall|must|has to|have to|ought to)\s+(?:be|become|read|say|end|expire|last|time out|run out)\b",
    re.IGNORECASE,
)
_SHOULD_BE_DONE: Final = re.compile(r"\b(?:should|shall|must|has to|have to|ought to) be (\w+ed)\b", re.IGNORECASE)
_HOW_IT_DOES: Final = re.compile(r"^\W*how (?:is|are) .{1,60}\b(?:doing|feeling|running|going)\b", re.IGNORECASE)


def analyse(text: str, vocabulary: Vocabulary) -> Clause:
    """Read a clause; `vocabulary` holds the base forms that the operations are described with."""
    found = _whole_names(tokens(text), vocabulary)
    verb_at, verb, length = _verb(found, vocabulary)
    if verb == "put" and any(token.lower in ("in", "into") for token in found):
        verb = "add"
    final = final_verb(found)
    values = _values(found, verb_at, length, final, vocabulary)
    valued = set(values)
    nouns = tuple(
        token.base
        for index, token in enumerate(found)
        if index not in valued and not verb_at <= index < verb_at + length and is_noun(token, vocabulary)
    )
    # "users whose department is Sales": Sales names no thing
    attribute_at = next((index for index, token in enumerate(found) if token.lower == "whose"), len(found)) or len(
        found
    )
    phrases = _phrases(found, verb_at + length, valued, vocabulary)
    head, plural, container, direct = _roles(verb, phrases)
    words = " ".join(token.lower for token in found)
    if verb in ("is", "are") and re.search(
        r"\b(?:up|down|running|alive|working|online|offline|ok|fine)\W*$", text, re.IGNORECASE
    ):
        nouns = (*nouns, "health")
    done = _WHAT_WAS_DONE.search(text) or (verb == "who" and _has_done(found) and known("activity", vocabulary))
    if done:
        nouns, head, plural = (*nouns, "activity"), "activity", True
    elif _HOW_IT_DOES.search(text):
        nouns, head = (*nouns, "health"), "health"
    able = re.search(r"^who (?:all )?(?:has|have|can|may|could|is able to|is allowed to|got)\b", words) is not None
    if verb == "who" and (able or not any(phrase.noun and not phrase.preposition for phrase in phrases)):
        head, plural, nouns = "person", True, ("person", *nouns)
        people = {"access", "person", *synonyms("person")}
        inner = [phrase.noun for phrase in phrases if phrase.noun and phrase.noun not in people]
        container = "" if container in people else container
        container = container or (inner[-1] if inner else "")
    if verb in ("is", "are", "do", "does") and container and _IN_ANY.search(text):
        head, plural, container = container, True, ""
    groups = _meant_groups(verb, verb_at, found[verb_at + length :]) if verb or not found else ("read",)
    if verb == "make" and _is_made_so(found):
        groups = ("update", "enable", "require", "grant")  # "make the file public"
    if _NO_LONGER.search(text):
        groups = ("revoke", "delete", "disable")
    elif _SHOULD_GET.search(text):
        groups = ("grant", "create", "update")
    elif _SHOULD_BE.search(text) and (not groups or groups[0] in ("read", "stop")):
        groups = ("update", "require")
        acted = _SHOULD_BE_DONE.search(text)
        if acted and acted[1].lower() != base(acted[1]) and verb_groups(base(acted[1])):
            groups = verb_groups(base(acted[1]))  # "frank's account must be locked"
    return Clause(
        text=text,
        tokens=found,
        verb=verb,
        groups=groups,
        nouns=nouns,
        head=head,
        plural=plural,
        container=container,
        direct=direct,
        into=any(
            phrase.preposition in ("to", "into", "from", "off", "onto") and (phrase.noun or phrase.has_value)
            for phrase in phrases
        ),
        contents=re.search(
            r"^(?:please )?(?:(?:show|tell) me |list )?what(?:'s| is| does| do we have)?(?: stored| kept)?"
            r" (?:in|inside|contain)\b",
            words,
        )
        is not None,
        counts=re.search(r"\b(?:how many|numbers? of|count)\b", words) is not None,
        values=tuple(values),
        named_things=sum(_things(found, index) for index in values if index < attribute_at),
        qualifiers=tuple(token.base for token in found if token.lower in QUALIFIERS or token.lower in _ORDER),
        strange=tuple(_strange(found, verb_at, length, valued, final, vocabulary)),
        refers=_refers(found),
    )


def _has_done(found: tuple[Token, ...]) -> bool:
    """ "who deleted the group Sales": the past of a verb that changes something."""
    plain = [token for token in found if not token.mark]
    place = 2 if len(plain) > 1 and plain[1].lower in ("has", "have") else 1
    if len(plain) <= place + 1 or plain[place].lower == plain[place].base:
        return False
    return plain[place].lower.endswith("ed") and bool(_LOGGED.intersection(verb_groups(plain[place].base)[:1]))


#: Acts that an activity log tells of.
_LOGGED: Final = word_set(
    "create delete update enable disable lock unlock approve reject grant revoke cancel rotate reset archive"
)


def _whole_names(found: list[Token], vocabulary: Vocabulary) -> tuple[Token, ...]:
    """The tokens, a name of several capitalised words as one: "a group named Night Shift"."""
    whole: list[Token] = []
    for token in found:
        if _continues_name(whole, token, vocabulary):
            text = f"{whole[-1].text} {token.text}"
            whole[-1] = replace(whole[-1], text=text, end=token.end, possessive=token.possessive)
        else:
            whole.append(token)
    return tuple(whole)


def _continues_name(whole: list[Token], token: Token, vocabulary: Vocabulary) -> bool:
    """The word goes on with the name that stands last."""
    if len(whole) < 2:
        return False  # the capital of the first word says nothing
    last = whole[-1]
    if token.start != last.end + 1 or token.quoted or last.quoted or last.possessive or not last.text[:1].isupper():
        return False
    if whole[-2].lower in _NAMING:
        return token.text[:1].isupper() or token.text.isdigit()
    return _may_be_name(token, vocabulary) and (" " in last.text or _may_be_name(last, vocabulary))


def _may_be_name(token: Token, vocabulary: Vocabulary) -> bool:
    """A capitalised word that is none of the language or of the operations."""
    return (
        token.plain
        and token.text[:1].isupper()
        and token.base not in _GROUPS_OF
        and not known(token.base, vocabulary)
        and not is_common(token.lower)
        and token.lower not in _LEAD | _NO_NAMES | _PREPOSITIONS | _INDEFINITE
    )


def _meant_groups(verb: str, verb_at: int, after: tuple[Token, ...]) -> tuple[str, ...]:
    """The groups of the verb; "I need a …" and "could we have a new …" ask for something new."""
    first, second = ([*(token.lower for token in after[:2]), "", ""])[:2]
    if verb in ("need", "want") and first in ("a", "an", "new", "another", "access"):
        return ("request", "create", "reset")
    if verb == "do" and first in ("the", "a", "an"):
        return ("start", "create")
    if verb == "have" and verb_at > 1 and first == "a" and any(token.lower in _NAMING for token in after):
        return ("request", "create")
    if verb == "have" and verb_at > 1 and (first in ("new", "another") or (first == "a" and second == "new")):
        return ("request", "create")
    if verb == "take" and first in ("a", "an"):
        return ("create", "start")
    if verb == "open" and first not in ("a", "an", "new", "another"):
        return ("read",)
    if verb == "give":
        return ("read",) if (after and after[0].lower in ("me", "us")) or not after else ("grant", "update", "reset")
    return verb_groups(verb)


def is_noun(token: Token, vocabulary: Vocabulary) -> bool:
    """A word that the operations are described with, or a synonym of one."""
    if token.mark or token.secret or token.quoted or token.lower in STOP_WORDS or token.lower in _ORDER:
        return False
    if token.lower in _KEPT:
        return False  # "what is stored in …": it tells of things, and is none
    return known(token.base, vocabulary)


_KEPT: Final = word_set("stored kept held contained saved")


def related(noun: str, vocabulary: Container[str]) -> str:
    """The word of the vocabulary that this one is made from ("healthy" -> "health"), "" for none."""
    if not noun.isalpha():
        return ""
    return next((noun[:end] for end in range(len(noun) - 1, 4, -1) if noun[:end] in vocabulary), "")


def is_generic(verb: str) -> bool:
    """A verb that tells no operation from another of its group (show, get, make)."""
    return verb in _GENERIC


def known(noun: str, vocabulary: Container[str]) -> bool:
    """Whether the vocabulary has the word, one of its parts, or another word for it."""
    if noun in vocabulary or any(other in vocabulary for other in synonyms(noun)) or related(noun, vocabulary):
        return True
    parts = noun.split("-")
    return len(parts) > 1 and all(base(part) in vocabulary for part in parts)


#: What people say before they say what they want.
_LEAD: Final = word_set(
    "please can could would will you i we i'd we'd i'll want need like to let's let us me help kindly now"
    " then first finally also and just hey hi hello ok okay next after that afterwards so go ahead may must"
    " should have got gonna wanna try able be"
)


def _verb(found: tuple[Token, ...], vocabulary: Vocabulary) -> tuple[int, str, int]:
    """Index, base form and number of words of the verb; (-1, "", 0) for none. It may be one that is unknown."""
    start = 0
    while start < len(found):
        token = found[start]
        following = found[start + 1] if start + 1 < len(found) else None
        joined = phrasal(token.lower, following.lower) if following else ""
        if joined:
            return start, joined, 2
        parted = _parted(found, start)
        if parted:
            return start, parted, 1
        if token.lower == "let" and following is not None and following.lower not in ("me", "us"):
            return start, "let", 1
        later = any(
            _is_verb(other) and other.base not in ("want", "need", "new") for other in found[start + 1 : start + 5]
        )
        polite = token.lower in ("please", "and", "you", "i", "then", "to", "me", "we", "kindly", "now", "also", "just")
        if token.lower in ("need", "want") and following is not None and following.lower in ("a", "an", "another"):
            break  # "we need a safe called backups"
        if token.mark or (token.lower in _LEAD and (later or polite)):
            start += 1
            continue
        break
    if start >= len(found):
        return -1, "", 0
    first = found[start]
    following = found[start + 1] if start + 1 < len(found) else None
    if first.lower in QUALIFIERS and first.base != first.lower and following and is_plural(following.text):
        return -1, "", 0  # "disabled users in Finance"
    meant = "" if is_noun(first, vocabulary) or not first.plain else _misspelt(first.lower)
    if meant and len(found) > start + 1:
        return start, meant, 1
    if _commands(first, following) or _commands_named(found, start, vocabulary):
        return start, first.base, 1
    if _is_verb(first) and not (is_noun_verb(first.base) and _is_subject(found, start, vocabulary)):
        return start, first.base, 1
    for index in range(start + 1, len(found)):
        # "bob needs a new password", "alice's account should be locked": the first sure verb
        token = found[index]
        if token.lower in _ASKING:
            continue  # "users whose department is Sales"
        if _is_verb(token) and not is_noun_verb(token.base) and found[index - 1].lower not in DETERMINERS:
            if token.base in _STATIVE and index != start + 1:
                continue
            joined = phrasal(token.lower, found[index + 1].lower) if index + 1 < len(found) else ""
            return (index, joined, 2) if joined else (index, token.base, 1)
    subject = following is not None and following.lower in _MODALS
    unknown = first.plain and not first.possessive and not subject and not is_noun(first, vocabulary)
    if unknown and len(found) > start + 1 and first.lower not in STOP_WORDS | QUALIFIERS | _ORDER:
        return start, first.base, 1
    return -1, "", 0


def _commands(first: Token, following: Token | None) -> bool:
    """A verb that belongs to no group begins an order: "snooze my notifications", "cite the paper"."""
    if (
        following is None
        or first.base in _GROUPS_OF
        or not first.plain
        or first.lower in STOP_WORDS | QUALIFIERS | _ORDER
    ):
        return False
    if "VERB" not in lexicon.kinds(first.lower):
        return False
    return following.lower in DETERMINERS - {"what", "which", "no", "that"}


def _commands_named(found: tuple[Token, ...], index: int, vocabulary: Vocabulary) -> bool:
    """ "leave channel C456": a verb before a thing that is named by its kind."""
    if len(found) < index + 3 or found[index].base in _GROUPS_OF or "VERB" not in lexicon.kinds(found[index].lower):
        return False
    first, noun, name = found[index : index + 3]
    side_by_side = (first.base, noun.base) in vocabulary.pairs
    is_name = name.quoted or re.search(r"\d", name.text) is not None or name.text[:1].isupper()
    return is_noun(noun, vocabulary) and noun.lower == noun.base and not side_by_side and is_name


@functools.lru_cache(maxsize=4096)
def _misspelt(word: str) -> str:
    """The verb that was meant where two letters changed places or one is missing: "shwo", "creat"; "" for none."""
    if base(word) in _GROUPS_OF or len(word) < 4 or word in STOP_WORDS | _LEAD:
        return ""
    for verb in sorted(_GENERIC):
        if len(verb) < 4 or verb[0] != word[0]:
            continue
        if sorted(verb) == sorted(word) or any(verb[:at] + verb[at + 1 :] == word for at in range(len(verb))):
            return verb
    return ""


def _parted(found: tuple[Token, ...], index: int) -> str:
    """The verb of two words with its object between them, that begins here; "" for none."""
    if found[index].base not in _SEPARABLE:
        return ""
    for token in found[index + 2 : index + 7]:
        if token.mark or token.lower in _PREPOSITIONS - {"on", "off"}:
            return ""
        joined = phrasal(found[index].lower, token.lower)
        if joined and joined != "start":  # "kick off the job", but "kick mike off the team"
            return joined
    return ""


_MODALS: Final = word_set("should must shall will would can could may might needs has is was wants")
_STATIVE: Final = word_set("is are was were be been has have do does did can what which who where when how")


def _is_subject(found: tuple[Token, ...], index: int, vocabulary: Vocabulary) -> bool:
    """A word such as "access" or "request" that begins a list of nouns: "access requests of bob"."""
    following = found[index + 1] if index + 1 < len(found) else None
    if following is None:
        return True
    if found[index].lower == "search" and any(token.lower == "for" for token in found[index + 2 :]):
        return False
    return found[index].base in vocabulary and (is_plural(following.text) and is_noun(following, vocabulary))


def _is_verb(token: Token) -> bool:
    return not token.quoted and not token.secret and token.base in _GROUPS_OF


def _values(found: tuple[Token, ...], verb_at: int, length: int, final: int, vocabulary: Vocabulary) -> list[int]:
    return [
        index
        for index in range(len(found))
        if not verb_at <= index < verb_at + length and _is_value(found, index, verb_at + length, final, vocabulary)
    ]


def _is_value(found: tuple[Token, ...], index: int, after_verb: int, final: int, vocabulary: Vocabulary) -> bool:
    """A name, number or quoted phrase rather than a word of the language."""
    token = found[index]
    before = found[index - 1] if index else None
    if token.quoted:
        return True
    if _tells_of_many(found, index, vocabulary):
        return False
    if token.mark or token.secret or token.lower in _NO_NAMES or token.lower in _INDEFINITE:
        return False
    if index == final:
        return False
    if " " in token.text:
        return True
    if before is not None and before.lower in _NAMING:
        return True
    if re.search(r"[\d_@/\\]|\w\.\w|^\#", token.text):
        return True
    if token.lower in QUALIFIERS and _names_noun(found, index, final, vocabulary):
        return True
    if token.lower in STOP_WORDS or token.lower in _ORDER or token.lower in QUALIFIERS or token.lower in _LEAD:
        return False
    if "-" in token.text and not known(token.base, vocabulary):
        return True
    if before is not None and token.base in synonyms(before.base) and token.text.islower():
        return False  # "user account"
    if known(token.base, vocabulary):
        # "the group Users": a capital where none belongs
        named = before is not None and token.text[:1].isupper() and not before.mark and index > after_verb
        if named and before is not None and before.base in vocabulary and not before.possessive:
            return True
        return _names_noun(found, index, final, vocabulary)
    if token.possessive:
        return True
    if token.text[:1].isupper() and index > 0:
        return True
    if token.base in _GROUPS_OF and (token.lower in _NO_HEADS or not _follows_noun(before, vocabulary)):
        return False
    if (token.base in _GROUPS_OF or token.lower in _NAMES_TOO) and _names_noun(found, index, final, vocabulary):
        return True
    if _has_article(found, index, vocabulary):
        following = found[index + 1] if index + 1 < len(found) else None
        return following is not None and is_noun(following, vocabulary) and not is_common(token.lower)
    if before is not None and token.text.islower() and before.base in vocabulary and before.base not in _GROUPS_OF:
        return not is_common(token.lower) and not token.lower.endswith(("ed", "ing"))
    return not is_common(token.lower) and not (token.text.islower() and lexicon.only_tells(token.lower))


def _tells_of_many(found: tuple[Token, ...], index: int, vocabulary: Vocabulary) -> bool:
    """A verb after a plural: "people live in Berlin"."""
    token, before = found[index], found[index - 1] if index else None
    after = found[index + 1] if index + 1 < len(found) else None
    return (
        before is not None
        and after is not None
        and after.lower in ("in", "on", "at", "about")
        and token.plain
        and token.text.islower()
        and is_plural(before.text)
        and is_noun(before, vocabulary)
        and not known(token.base, vocabulary)
    )


_ASKING: Final = word_set("which what who whom whose how when where")
_HELPING: Final = word_set("do does did can could may might must should has have had")


def final_verb(found: tuple[Token, ...]) -> int:
    """Index of the verb at the end of a question, -1 for none: "which secrets does it hold?"."""
    places = [index for index, token in enumerate(found) if not token.mark]
    if len(places) > 4 and found[places[-1]].lower in _PREPOSITIONS:
        places.pop()  # "which series did she play in?"
    last = places[-1] if places else -1
    helping = next((index for index, token in enumerate(found) if token.lower in _HELPING), -1)
    asks = any(token.lower in _ASKING for token in found[:2])
    if helping < 1 or last < helping + 2 or not asks or last > 40:
        return -1
    if found[helping + 1].base in _GROUPS_OF:
        return -1  # "who can open the safe mail"
    between = found[helping + 1 : last]
    if any(
        token.mark
        or token.lower in _PREPOSITIONS
        or (_is_verb(token) and token.text.islower() and not is_noun_verb(token.base))
        for token in between
    ):
        return -1
    return last if found[last].plain and found[last].text.islower() else -1


def _names_noun(found: tuple[Token, ...], index: int, final: int, vocabulary: Vocabulary) -> bool:
    """The word stands where a name does, after a noun with which it makes no pair: "user octocat", "label urgent"."""
    token, before = found[index], found[index - 1] if index else None
    following = found[index + 1] if index + 1 < len(found) else None
    if before is None or before.mark or before.possessive or before.base in _GROUPS_OF or is_plural(token.text):
        return False
    of_it = index > 1 and "of" in (found[index - 2].lower, found[index - 3].lower if index > 2 else "")
    if token.base in _GROUPS_OF and not of_it and (token.lower in _NO_HEADS or (following and following.lower == "to")):
        return False  # "the user count", "the user mail to …"
    if token.base in synonyms(before.base):
        return False  # "user account"
    ends = (
        following is None
        or index + 1 == final
        or following.mark
        or following.lower in _PREPOSITIONS
        or following.lower == "and"
    )
    if token.base not in vocabulary and related(token.base, vocabulary):
        return False  # "the system healthy"
    if token.text.islower() and token.lower.endswith(("ed", "ing")) and lexicon.only_tells(token.lower):
        return False  # "is mfa required"
    if before.text.islower() and lexicon.kinds(before.lower) == {"ADJ"}:
        return False  # "popular series"
    singular = before.base in vocabulary and before.lower == before.base and before.lower not in STOP_WORDS
    return ends and singular and bool(vocabulary.pairs) and (before.base, token.base) not in vocabulary.pairs


#: Verbs that are nouns and make a compound with the noun before: "the user log", "group access".
_NO_HEADS: Final = word_set(
    "access change check count email entry list lock log message order query release report request reset"
    " review search share update view rotate end start stop"
)


def _is_made_so(found: tuple[Token, ...]) -> bool:
    """ "make file F1 public", "make a second factor mandatory for everybody": a word that only tells how ends it."""
    plain = [token for token in found if not token.mark]
    ends = [index for index, token in enumerate(plain) if token.lower in ("for", "to", "again") and index > 2]
    last = plain[ends[0] - 1 if ends else -1]
    kinds = lexicon.kinds(last.lower)
    return len(plain) > 2 and "ADJ" in kinds and ("NOUN" not in kinds or last.lower in QUALIFIERS) and last.plain


#: Words of a phrase, from its article to its end.
_PHRASE: Final = 8


def _has_article(found: tuple[Token, ...], index: int, vocabulary: Vocabulary) -> bool:
    """The word is one of a language's common words after an article: "the night shift"."""
    place, least = index - 1, index - _PHRASE
    if place > 0 and found[place - 1].lower in ("a", "an") and found[place].text[:1].isupper():
        return True  # "a Slack channel"
    while (
        place >= max(0, least)
        and found[place].plain
        and found[place].text.islower()
        and not is_noun(found[place], vocabulary)
    ):
        if found[place].lower in DETERMINERS:
            return True
        if found[place].lower in STOP_WORDS or found[place].lower in _NAMING or found[place].base in _GROUPS_OF:
            return False
        place -= 1
    return place >= 0 and found[place].lower in DETERMINERS


def _follows_noun(before: Token | None, vocabulary: Vocabulary) -> bool:
    return before is not None and is_noun(before, vocabulary) and before.base not in _GROUPS_OF


#: Words of the language that are no names where they stand without an article.
_COMMON: Final = word_set(
    "who that which there here today yesterday tomorrow ago since until before after password passwords"
    " secret description email mail reason comment title status state type enabled disabled true false yes no"
    " access love life music food weather news time money sport football joke poem story song recipe flight"
    " hotel pizza coffee capital president country world history math maths physics moon sun war peace meaning"
    " language python machine car dinner lunch breakfast movie book game restaurant temperature stock price"
    " bitcoin good great nice well fine thanks cheers help support problem question answer idea way work hours"
    " days weeks months years minutes seconds hour day week month year minute monday morning evening noon"
    " value values number length amount size limit maximum minimum sort sorted order ordered ascending"
    " descending hold holds contain contains include includes because while once unless although however"
    " therefore instead later soon"
)


#: Those of them that things are called by: "the group support".
_NAMES_TOO: Final = word_set(
    "support help problem question answer music food news money sport football game hotel restaurant history math"
    " maths physics language python machine car stock"
)


def is_common(word: str) -> bool:
    """A word that is hardly ever a name."""
    return word in _COMMON or base(word) in _COMMON or word in STOP_WORDS or word in _ORDER or word in QUALIFIERS


def is_function_word(word: str) -> bool:
    """A word that holds a sentence together, orders or counts, and names nothing."""
    return word in _FUNCTION_WORDS


_FUNCTION_WORDS: Final = (
    STOP_WORDS | DETERMINERS | PRONOUNS | _ORDER | QUALIFIERS | _LEAD | _PREPOSITIONS | _AUXILIARIES | _INDEFINITE
)


@dataclass(slots=True)
class _Phrase:
    """A stretch between prepositions."""

    preposition: str
    noun: str = ""
    plural: bool = False
    has_value: bool = False


def _phrases(found: tuple[Token, ...], start: int, values: set[int], vocabulary: Vocabulary) -> list[_Phrase]:
    phrases = [_Phrase("")]
    for index in range(max(start, 0), len(found)):
        token = found[index]
        if index in values:
            phrases[-1].has_value = True
            following = found[index + 1] if index + 1 < len(found) else None
            if phrases[-1].noun and not token.possessive and not (following and is_noun(following, vocabulary)):
                phrases.append(_Phrase("after"))
        elif token.lower in _PREPOSITIONS and not token.quoted:
            phrases.append(_Phrase(token.lower))
        elif _stands_alone(found, index):
            phrases[-1].has_value = True
        elif (
            token.mark
            or token.lower in ("and", "that", "who", "which", "whose", "where", "named", "called")
            or token.lower in _AUXILIARIES
        ):
            phrases.append(_Phrase("" if len(phrases) == 1 and token.lower in _AUXILIARIES else "after"))
        elif is_noun(token, vocabulary) and token.lower not in QUALIFIERS and not token.possessive:
            phrases[-1].noun, phrases[-1].plural = token.base, is_plural(token.text)
    return phrases


def _things(found: tuple[Token, ...], index: int) -> int:
    """How many things a value names."""
    token = found[index]
    following = found[index + 1] if index + 1 < len(found) else None
    if token.text.isdigit() and following is not None and is_plural(following.text):
        return 0
    return 2 if re.fullmatch(r"[^/\s:]+/[^/\s]+", token.text) and not token.quoted else 1


def _stands_alone(found: tuple[Token, ...], index: int) -> bool:
    """A pronoun for a thing: "add him to …", "delete that"."""
    token, following = found[index], found[index + 1] if index + 1 < len(found) else None
    if token.quoted or token.lower not in ("it", "him", "her", "them", "that", "this", "those", "these", "one"):
        return False
    return (
        following is None
        or following.mark
        or following.lower in _PREPOSITIONS
        or following.lower in ("too", "also", "as")
    )


_WHERE: Final = word_set("to into from off in of within inside on under for onto")


def _roles(verb: str, phrases: list[_Phrase]) -> tuple[str, bool, str, bool]:
    """Head, whether it is plural, container, and whether the verb acts on a bare value."""
    direct = False
    head, plural, container = "", False, ""
    for phrase in phrases:
        if not phrase.preposition:
            if phrase.noun and not head:
                head, plural = phrase.noun, phrase.plural
            direct = direct or (phrase.has_value and not phrase.noun)
        elif phrase.preposition in _WHERE and (head or direct or verb == "who"):
            container = container or phrase.noun
        elif not head and not direct and phrase.noun and phrase.preposition != "after":
            head, plural = phrase.noun, phrase.plural
    if not head and not direct:
        for phrase in phrases:
            if phrase.noun:
                return phrase.noun, phrase.plural, "", False
    return head, plural, container, direct and not head


def _strange(
    found: tuple[Token, ...], verb_at: int, length: int, values: set[int], final: int, vocabulary: Vocabulary
) -> list[str]:
    """Common nouns that no operation is about: the end of a phrase that begins with an article."""
    strange = []
    for index in range(max(verb_at + length, 0), len(found)):
        token = found[index]
        if index in values or not token.plain or token.lower in STOP_WORDS or token.lower in _ORDER:
            continue
        if index == final:
            continue
        if token.lower in QUALIFIERS or known(token.base, vocabulary):
            continue
        if token.base in _GROUPS_OF and not (index - 1 in values and _has_article(found, index, vocabulary)):
            continue
        following = found[index + 1] if index + 1 < len(found) else None
        if following is not None and not following.mark and (is_noun(following, vocabulary) or index + 1 in values):
            continue
        strange.append(token.lower)
    return strange


def _refers(found: tuple[Token, ...]) -> bool:
    """It points back: a pronoun, "that one", "the first one", "the same"."""
    for index, token in enumerate(found):
        if token.quoted or token.mark or token.lower not in PRONOUNS:
            continue
        following = found[index + 1] if index + 1 < len(found) else None
        if token.lower in ("it", "him", "her", "them", "he", "she", "they", "hers", "theirs", "same"):
            return True
        if token.lower in ("his", "their", "its", "that", "this", "those", "these") and (
            following is None or following.mark or following.lower not in ("are", "is", "were", "was", "have", "has")
        ):
            return not (token.lower == "that" and following is not None and following.base in _GROUPS_OF)
    words = " ".join(token.lower for token in found)
    return (
        re.search(r"\b(first|second|third|last|next|other|previous) (one|entry|result|item)\b|\bone\b$", words)
        is not None
    )
