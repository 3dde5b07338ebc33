"""What is to be done next for a request: which action, by which operation, with which arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from nlops.core import dates, wording
from nlops.core.retrieval import EACH, Many, OperationIndex, each_of, split_actions
from nlops.core.tools import ASK_TOOL, CAPABILITIES_TOOL, DATE_TOOL, OWN_TOOL_NAMES, REFUSE_TOOL
from nlops.core.types import Completion, Json, Tool, ToolCall
from nlops.core.wording import DETERMINERS, STOP_WORDS, Clause, base, split_name, verb_groups, word_set
from nlops.llm import choosing, lookups, repairs
from nlops.llm.filling import Filler, date_arguments, kind, resolved
from nlops.llm.needle import Needle
from nlops.llm.references import Memory, identity, kind_of, segment_nouns
from nlops.llm.situation import Done, Situation

#: Below it, a call that the model filled in is not made.
_CONFIDENCE: Final = 0.2
#: Below it, the model's confidence is asked for.
_UNSURE: Final = 0.6
#: Entries of one name among which the person is asked to choose.
_MOST_CHOICES: Final = 12

_GREETING: Final = re.compile(
    r"^\W*(?:(?:hi|hello|hey|howdy|greetings|good (?:morning|afternoon|evening|day)|thanks?|thank you"
    r"|thx|cheers|bye|goodbye|nice to meet you|how are you|what's up|great|ok(?:ay)?|cool|perfect)"
    r"(?:\s+(?:there|all|everyone|nlops|again|you|so much|a lot|very much|team|folks|today|then))*[\s,.!?]*)+$",
    re.IGNORECASE,
)
_HELP: Final = re.compile(
    r"^\W*(?:(?:hi|hello|hey)(?:\s+there)?[\s,.!]+)?(?:please\s+)?(?:"
    r"help(?:\s+me)?(?:\s+please)?"
    r"|(?:can|could) (?:you|i get|i have) (?:please )?(?:some )?help(?:\s+me)?(?:\s+out)?"
    r"|i need (?:some )?help"
    r"|(?:and )?what (?:can|do|could) (?:you|i|nlops|we) (?:actually |really )?(?:do|ask|say|help)\b.{0,40}"
    r"|what (?:are|is) (?:you|this|nlops|your (?:capabilities|functions|features|commands))\b.{0,30}"
    r"|who are you"
    r"|how (?:does|do) (?:this|it|you|i)(?: \w+)? (?:work|use (?:this|it|you))\b.{0,20}"
    r"|how (?:do|can) i (?:start|begin|use .{1,20})"
    r"|how can you help.{0,20}"
    r"|what (?:operations|actions|commands|tools|features|things) (?:are there|do you (?:have|know|support)"
    r"|can (?:you|i) .{1,20}|are available|exist)"
    r"|(?:show|list|tell) (?:me )?(?:what you can do|your (?:capabilities|commands|features))"
    r"|commands|capabilities|menu|usage|\?+"
    r")[\s.!?]*$",
    re.IGNORECASE,
)
#: "what about user2?", "and bob?", "same for Sales"
_SAME: Final = re.compile(
    r"^\W*(?:ok(?:ay)?[\s,]+)?(?:and\s+)?(?:then\s+)?(?:now\s+)?(?:also\s+)?"
    r"(?:what about|how about|and|same for|the same for|also|now)"
    r"(?:\s+(?:for|with|of))?\s+(?P<rest>.+?)(?:\s+(?:too|as well|please|then))?\W*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a request."""

    clause: Clause
    #: words for dates that stand in it
    when: str = ""
    #: the clause with these words, for operations that take no dates; None where it has none
    whole: Clause | None = None
    #: the operation is known from before
    tool: str = ""
    #: arguments that are known from before
    known: tuple[tuple[str, Json], ...] = ()
    #: names in the sentences before it that ask for nothing
    mentioned: tuple[str, ...] = ()
    #: place of the first step of the list that it belongs to, counted among all; -1: it stands alone
    batch: int = -1


class Planner:
    """Decides the next turn of one request. Keeps nothing between turns: everything is in the messages."""

    def __init__(self, situation: Situation, tools: Sequence[Tool], needle: Needle, now: datetime | None) -> None:
        self.situation = situation
        self.own = {tool.name for tool in tools if tool.name in OWN_TOOL_NAMES}
        self.tools = {tool.name: tool for tool in tools if tool.name not in OWN_TOOL_NAMES}
        self.needle = needle
        self.now = now or datetime.now(UTC)
        self.index: OperationIndex = choosing.index_of(list(self.tools.values()))
        targets = {profile.name: profile.target for profile in self.index.profiles}
        self.memory = Memory(situation.done, self.tools, targets)
        self.targets: Mapping[str, str] = targets
        self.number = len(situation.run) + len(situation.dates) + len(situation.answers) + 1
        #: place of the step that is planned now
        self.place = 0

    def next(self) -> Completion:
        """The next turn: calls, or nothing when all is done or nothing more can be."""
        run = self.situation.run
        if any(item.error is not None for item in _last_turn(run)):
            return self._after_failure()
        if not run and _is_talk(self.situation.request):
            return self._own_call(CAPABILITIES_TOOL, {}, 1.0)
        steps = self._steps()
        self.place = _progress(run)
        if self.place >= len(steps):
            return Completion() if run else self._refuse("No operation serves the request.")
        return self._act_all(steps)

    # --- steps ------------------------------------------------------------------------------------------------

    def _steps(self) -> list[Step]:
        """The actions of the request in order, each thing of a list its own one."""
        if not self.tools:
            return []
        spread = [self._spread(text) for text in split_actions(_without_greeting(self.situation.request))]
        tells = [all(self._only_tells(step) for step in steps) for steps in spread]
        if all(tells):
            return [step for steps in spread for step in steps]
        found: list[Step] = []
        names: tuple[str, ...] = ()
        for steps, told in zip(spread, tells, strict=True):
            if told:
                names += tuple(name for step in steps for name in _names_told(step.clause))
            else:
                batch = len(found) if len(steps) > 1 else -1
                found += [replace(step, mentioned=names, batch=batch) for step in steps]
                names = ()
        return found

    def _only_tells(self, step: Step) -> bool:
        """A sentence that asks for nothing: "We hired Theo.", "liam is back, …"."""
        if step.tool or not _is_statement(step.clause):
            return False
        if step.clause.tokens[0].lower in _SUBJECTS | _SUBORDINATORS or _is_told(step.clause):
            return True
        choice = choosing.choose(step.clause, self.index, self.tools, self.memory)
        return choice.tool is None and not choice.alternatives

    def _spread(self, text: str) -> list[Step]:
        clause_text, when = self._without_dates(text)
        follow_up = self._follow_up(clause_text)
        if follow_up is not None:
            return [replace(follow_up, when=when)]
        clause = self.index.analyse(clause_text)
        run = _list_of(clause)
        if not run or self._takes_lists(clause):
            return [Step(clause, when, self.index.analyse(text) if when else None)]
        first, last = clause.tokens[run[0]], clause.tokens[run[-1]]
        steps = []
        for place in run:
            token = clause.tokens[place]
            words = clause_text[: first.start] + clause_text[token.start : token.end] + clause_text[last.end :]
            steps.append(Step(self.index.analyse(words), when))
        return steps

    def _takes_lists(self, clause: Clause) -> bool:
        """The operation for the clause takes several of them at once."""
        choice = choosing.choose(clause, self.index, self.tools, self.memory)
        if choice.tool is None:
            return False
        tool, target = choice.tool, self.targets.get(choice.tool.name, "")
        return any(
            kind(resolved(tool, name)) == "array" and (kind_of(tool, name, target) or name in tool.required)
            for name in tool.properties
        )

    def _without_dates(self, text: str) -> tuple[str, str]:
        """The clause with the words for a date blanked, and these words."""
        try:
            found = dates.find_expressions(text, self.now)
        except dates.DateError:
            return text, ""
        found = [item for item in found if re.search(r"[A-Za-z]|\d{4}-\d|\d/\d", item.text)]
        for item in found:
            own = re.match(r"['’]s\b", text[item.end :])  # "today's events"
            end = item.end + (len(own[0]) if own else 0)
            text = text[: item.start] + " " * (end - item.start) + text[end:]
        return text.rstrip(), found[0].text if found else ""

    def _follow_up(self, text: str) -> Step | None:
        """ "what about user2?": what was done last, with another value."""
        match, last = _SAME.match(text), self.memory.last
        if not match or last is None or last.call.name not in self.tools:
            return None
        rest = self.index.analyse(match["rest"])
        tool = self.tools[last.call.name]
        values = [token.text for token in rest.value_tokens()]
        target = self.targets.get(tool.name, "")
        nouns = set(rest.nouns)
        known = {n: v for n, v in last.call.arguments.items() if not str(v).startswith("[[secret:")}
        names = [name for name in tool.properties if name in known and kind_of(tool, name, target)] or list(known)
        if rest.verb or len(values) != 1 or not names:
            return None
        fitting = [name for name in names if not nouns or self._is_kind(nouns, kind_of(tool, name, target))]
        if not fitting:
            return None
        changed = fitting[-1] if len(names) > 1 else fitting[0]
        return Step(rest, tool=tool.name, known=tuple({**known, changed: values[0]}.items()))

    def _is_kind(self, nouns: set[str], wanted: str) -> bool:
        return any(noun == wanted or wanted in self.index.meanings(noun) for noun in nouns)

    # --- acting -----------------------------------------------------------------------------------------------

    def _act_all(self, steps: Sequence[Step]) -> Completion:
        """The calls of the next step; with it those of the other things of its list, which are decided as one."""
        first = steps[self.place]
        turn = self._act(first)
        if first.batch < 0 or len(turn.tool_calls) != 1 or not self._is_action(turn.tool_calls[0]):
            return self._with_rest(turn, steps)
        calls = list(turn.tool_calls)
        for place in range(self.place + 1, len(steps)):
            if steps[place].batch != first.batch:
                break
            self.place = place
            other = self._act(steps[place])
            if len(other.tool_calls) != 1 or not self._is_action(other.tool_calls[0]):
                if other.tool_calls and other.tool_calls[0].name not in self.own:
                    return other  # another one's id has to be found first
                break
            if other.tool_calls[0].name != calls[0].name:
                break
            calls.append(other.tool_calls[0])
        return replace(turn, tool_calls=tuple(calls))

    def _is_action(self, call: ToolCall) -> bool:
        """A call that does what a step asks for, not one that looks something up for it."""
        return call.name in self.tools and (_step_of(call) or (0, "call"))[1] == "call"

    def _with_rest(self, turn: Completion, steps: Sequence[Step]) -> Completion:
        """Where it stops, what is left undone is told."""
        rest = [" ".join(step.clause.text.split()) for step in steps[self.place + 1 :]]
        return _undone(turn, rest) if turn.text and not turn.tool_calls else turn

    def _act(self, step: Step) -> Completion:
        if step.tool:
            return self._with_dates(self.tools[step.tool], step) or self._call(step.tool, dict(step.known), 0.8)
        hint = self.situation.answers[-1] if self.situation.answers else ""
        choice = choosing.choose(step.clause, self.index, self.tools, self.memory, hint)
        if choice.tool is None:
            return self._undecided(step, choice, hint)
        return self._with_dates(choice.tool, step) or self._fill(choice, step)

    def _undecided(self, step: Step, choice: choosing.Choice, hint: str) -> Completion:
        if choice.alternatives and not hint and ASK_TOOL.name in self.own:
            spoken = [tool.summary or tool.name for tool in choice.alternatives]
            question = f"What exactly do you mean by “{step.clause.text.strip()}”?"
            return self._own_call(ASK_TOOL, {"question": question, "choices": spoken}, choice.confidence)
        if self.situation.run:
            return Completion()
        return self._refuse("No operation serves the request.")

    def _with_dates(self, tool: Tool, step: Step) -> Completion | None:
        """The date tool first, where the operation takes dates and the clause names one."""
        if not step.when or step.when in self.situation.dates or not date_arguments(tool):
            return None
        return self._own_call(DATE_TOOL, {"expression": step.when}, 1.0)

    def _fill(self, choice: choosing.Choice, step: Step) -> Completion:
        tool = choice.tool
        if tool is None:
            raise ValueError("There is no operation to fill.")
        each = self._for_each(tool, step)
        if each is not None:
            return each
        filler = self._filler(tool, step)
        if any(lookups.listing(tool, name, self.tools) for name in filler.missing):
            filler = self._filler(lookups.for_names(tool, self.tools), step)
        raw, confidence = None, choice.confidence
        if filler.wants_model():
            unsure = choice.confidence < _UNSURE
            filled = self.needle.fill(filler.clause.text, filler.model_tool(), with_confidence=unsure)
            raw = filled.raw
            if unsure and filled.confidence is not None:
                confidence = min(confidence, filled.confidence)
                if confidence < _CONFIDENCE and not filler.arguments and not self.situation.run:
                    return self._refuse("No operation serves the request.", raw)
            filler.take_from_model(filled)
        if filler.changes_nothing():
            return self._ask_what_to_change(tool, raw)
        return self._find_ids(tool, filler.arguments) or self._call(tool.name, filler.arguments, confidence, raw)

    # --- ids and lists ----------------------------------------------------------------------------------------

    def _find_ids(self, tool: Tool, arguments: dict[str, Json]) -> Completion | None:
        """Put ids where the person said names. A turn when one has to be looked up or chosen first."""
        places = list(segment_nouns(tool.path))
        for name in sorted(arguments, key=lambda name: places.index(name) if name in places else len(places)):
            lister = lookups.listing(tool, name, self.tools)
            schema, spoken = resolved(tool, name), str(arguments[name])
            if lister is None or self._was_returned(arguments[name]):
                continue
            if lookups.is_id(spoken, schema):
                arguments[name] = int(spoken.lstrip("#")) if kind(schema) == "integer" else arguments[name]
                continue
            noun = lookups.kind_named(tool, name, self.targets.get(tool.name, ""))
            asked = lookups.list_arguments(lister, arguments, spoken, noun)
            if set(segment_nouns(lister.path)) - set(asked):
                del arguments[name]
                continue
            seen = self._seen(lister, asked)
            if seen is None:
                return self._call(lister.name, asked, 0.9, role="find")
            rows, whole = lookups.rows_of(seen.result)
            found = lookups.called(rows, spoken, name)
            if not found and not whole:
                return _stop(f"The list is too long to find “{spoken}” in it; please give its {noun} id.")
            if not found:
                return _stop(f"There is no {noun} “{spoken}”, so that was not done.")
            row = self._the_one(found, name, spoken, noun)
            if isinstance(row, Completion):
                return row
            arguments[name] = lookups.id_of(row, name)
            if arguments[name] is None:
                del arguments[name]
        return None

    def _was_returned(self, value: Json) -> bool:
        """The value is one that a reference to an earlier result gave, not a word of the request."""
        return not isinstance(value, str) or value.lower() not in self.situation.request.lower()

    def _the_one(
        self, found: Sequence[dict[str, Json]], name: str, spoken: str, noun: str
    ) -> dict[str, Json] | Completion:
        """The only entry, or the one that the person chose; else the question which."""
        if len(found) == 1:
            return found[0]
        shown = lookups.labels(found, name)
        for answer in reversed(self.situation.answers):
            if answer in shown:
                return found[shown.index(answer)]
        if len(found) > _MOST_CHOICES or ASK_TOOL.name not in self.own:
            return _stop(f"{len(found)} entries are called “{spoken}”, so nothing was done; please give the {noun} id.")
        question = f"There are {len(found)} entries for “{spoken}”. Which {noun} do you mean?"
        return self._own_call(ASK_TOOL, {"question": question, "choices": shown}, 0.9)

    def _seen(self, lister: Tool, arguments: Mapping[str, Json]) -> Done | None:
        """What the list with these arguments returned in this run."""
        same = (d for d in reversed(self.situation.run) if d.call.name == lister.name and d.error is None)
        return next((d for d in same if dict(d.call.arguments) == dict(arguments)), None)

    def _for_each(self, tool: Tool, step: Step) -> Completion | None:
        """ "disable all users in the group interns": the list first, then a call for each entry."""
        many = each_of(step.clause)
        if many is None or tool.method == "GET":
            return None
        if not self._concerns(tool, many):
            return None
        filler = self._filler(lookups.for_names(tool, self.tools), replace(step, clause=self.index.analyse(many.rest)))
        missing = [name for name in segment_nouns(tool.path) if name in filler.missing]
        if tool.method in ("POST", "PUT") and not missing:
            missing = [name for name in filler.missing if kind_of(tool, name, self.targets.get(tool.name, ""))]
        missing = [name for name in missing if self._lists(many, tool, name)] or missing
        if not missing or len(missing) > 1:
            return None
        step = replace(step, clause=self.index.analyse(many.listed))
        readers = self._readers()
        while (choice := choosing.choose(step.clause, self.index, readers, self.memory)).tool is not None:
            reader = self._filler(lookups.for_names(choice.tool, self.tools), step)
            if set(segment_nouns(choice.tool.path)) <= set(reader.arguments):
                return self._each_row(tool, missing[0], filler.arguments, choice, step, many, reader)
            del readers[choice.tool.name]
        return _stop(f"I found no list for “{many.words}”, so nothing was done.")

    def _concerns(self, tool: Tool, many: Many) -> bool:
        """The operation takes one of the things: "log bob out of all sessions" goes through no sessions."""
        said = self.index.analyse(many.listed).head
        if not said:
            return True
        wanted = [name for name in tool.properties if name in tool.required or name in segment_nouns(tool.path)]
        nouns = {self.targets.get(tool.name, "")} | {kind_of(tool, name, "") for name in wanted}
        nouns |= {base(split_name(name)[0]) for name in wanted if split_name(name)}
        return any(
            said == noun or said in wording.synonyms(noun) or self._is_kind({said}, noun) for noun in nouns if noun
        )

    def _lists(self, many: Many, tool: Tool, name: str) -> bool:
        noun = kind_of(tool, name, self.targets.get(tool.name, "")) or base(name)
        said = self.index.analyse(many.listed).head
        return self._is_kind({said}, noun) or noun in wording.synonyms(said)

    def _readers(self) -> dict[str, Tool]:
        """The operations that list things."""
        return {name: tool for name, tool in self.tools.items() if tool.method == "GET" and not tool.path.endswith("}")}

    def _each_row(
        self,
        tool: Tool,
        name: str,
        known: Mapping[str, Json],
        choice: choosing.Choice,
        step: Step,
        many: Many,
        reader: Filler,
    ) -> Completion:
        lister = choice.tool
        if lister is None:
            raise ValueError("There is no operation that lists.")
        dated = self._with_dates(lister, step)
        if dated is not None:
            return dated
        unfound = self._find_ids(lister, reader.arguments)
        if unfound is not None:
            return unfound
        seen = self._seen(lister, reader.arguments)
        if seen is None:
            return self._call(lister.name, reader.arguments, choice.confidence, role="find")
        rows, whole = lookups.rows_of(seen.result)
        if not whole:
            return _stop("The list is too long to go through it in one request, so nothing was done.")
        for word in _unaccounted(step.clause, reader, many):
            narrowed = lookups.having(rows, word, self.now)
            if narrowed is None and rows:
                return _stop(f"The list does not tell which of them are “{word}”, so nothing was done.")
            rows = narrowed or []
        left_out = [lookups.called(rows, spoken, name) for spoken in many.without]
        if any(len(found) != 1 for found in left_out):
            return _stop(f"I did not find whom to leave out in “{many.words}”, so nothing was done.")
        rows = [row for row in rows if [row] not in left_out]
        values = [lookups.id_of(row, name) or identity(row, name) for row in rows]
        if not rows or any(value is None for value in values):
            return _stop(f"There is nothing to do: no entry for “{many.words}”.")
        turns = [dict(known) | {name: value} for value in values]
        for place, arguments in enumerate(turns):
            unfound = self._find_ids(tool, arguments)
            if unfound is not None:
                return unfound
            turns[place] = arguments
        calls = [self._call(tool.name, one, choice.confidence).tool_calls[0] for one in turns]
        numbered = [ToolCall(f"{call.id}_{place}", call.name, call.arguments) for place, call in enumerate(calls, 1)]
        return Completion(tool_calls=tuple(numbered), confidence=choice.confidence)

    def _filler(self, tool: Tool, step: Step) -> Filler:
        """The arguments that the words and the calls before leave no doubt about."""
        if step.whole is not None and not date_arguments(tool):
            step = replace(step, clause=step.whole)  # "90 days" is no date there
        told = [answer for answer in self.situation.answers if answer not in self.situation.picked]
        clause = self.index.analyse(", ".join([step.clause.text, *told])) if told else step.clause
        filler = Filler(
            tool=tool,
            clause=clause,
            target=self.targets.get(tool.name, ""),
            memory=self.memory,
            mentioned=step.mentioned,
            pairs=self.index.vocabulary.pairs,
            meanings=self.index.meanings,
            dates=self.situation.dates.get(step.when),
        )
        filler.by_rules()
        filler.by_reference()
        return filler

    def _ask_what_to_change(self, tool: Tool, raw: Json) -> Completion:
        """An update of nothing: once the person is asked for what it is to be."""
        if self.situation.answers or ASK_TOOL.name not in self.own:
            return Completion(raw=raw) if self.situation.run else self._refuse("Nothing to change was named.", raw)
        names = [name for name in tool.properties if name not in segment_nouns(tool.path)][:8]
        listed = ", ".join(" ".join(split_name(name)) for name in names)
        example = f"“set {' '.join(split_name(names[0]))} to …”"
        question = f"What should be changed, and to what? For example {example}; it can be {listed}."
        return self._own_call(ASK_TOOL, {"question": question}, 0.5)

    def _after_failure(self) -> Completion:
        """A refused call is mended where its message says how; else all stops here."""
        turn = _last_turn(self.situation.run)
        refused = self.situation.run[-1]
        if len(turn) == 1:
            mended = repairs.repair(self.situation.run, self.tools.get(refused.call.name))
            if mended is not None:
                self.place = (_step_of(refused.call) or (0,))[0]
                return self._call(refused.call.name, mended, 0.8)
        done = _progress(self.situation.run)
        rest = [" ".join(step.clause.text.split()) for step in self._steps()[done + 1 :]]
        return _undone(Completion(), rest)

    # --- turns ------------------------------------------------------------------------------------------------

    def _call(
        self, name: str, arguments: Mapping[str, Json], confidence: float, raw: Json = None, role: str = "call"
    ) -> Completion:
        """A turn of one call. Its id tells the step that it belongs to, and whether it only looks something up."""
        call = ToolCall(f"step{self.place + 1}_{role}{self.number}", name, dict(arguments))
        return Completion(tool_calls=(call,), confidence=confidence, raw=raw)

    def _own_call(self, tool: Tool, arguments: dict[str, Json], confidence: float) -> Completion:
        if tool.name not in self.own:
            return Completion(confidence=confidence)
        return self._call(tool.name, arguments, confidence)

    def _refuse(self, reason: str, raw: Json = None) -> Completion:
        if REFUSE_TOOL.name not in self.own:
            return Completion(raw=raw)
        return self._call(REFUSE_TOOL.name, {"reason": reason}, 0.9, raw)


_STEP_ID: Final = re.compile(r"step(\d+)_(call|find)(\d+)")


def _step_of(call: ToolCall) -> tuple[int, str, int] | None:
    """Step (from 0), role and turn of a call of ours; None for another model's."""
    match = _STEP_ID.match(call.id)
    return (int(match[1]) - 1, match[2], int(match[3])) if match else None


def _progress(run: Sequence[Done]) -> int:
    """How many steps are done."""
    done = 0
    for item in run:
        step = _step_of(item.call)
        if item.error is None and step is None:
            done += 1
        elif item.error is None and step is not None and step[1] == "call":
            done = max(done, step[0] + 1)
    return done


def _last_turn(run: Sequence[Done]) -> list[Done]:
    """The calls that were planned together with the last one."""
    last = _step_of(run[-1].call) if run else None
    if last is None:
        return list(run[-1:])
    return [item for item in run if (step := _step_of(item.call)) and step[1:] == last[1:]]


def _stop(text: str) -> Completion:
    """Nothing more is done, and why."""
    return Completion(text=text)


def _undone(turn: Completion, rest: Sequence[str]) -> Completion:
    """The turn, telling which actions are left."""
    if not rest:
        return turn
    left = "; ".join(f"“{text}”" for text in rest)
    return replace(turn, text=f"{turn.text} Not done because of that: {left}.".strip())


def _unaccounted(clause: Clause, reader: Filler, many: Many) -> list[str]:
    """Words of a list's request that narrow it and that no argument of the list took."""
    said = {word for value in reader.arguments.values() for word in split_name(str(value))}
    own = {*clause.nouns, *(other for noun in clause.nouns for other in wording.synonyms(noun))}
    left = []
    for index, token in enumerate(clause.tokens):
        if token.mark or index in reader.taken or token.base == clause.verb or token.lower in STOP_WORDS - _NARROWING:
            continue
        if token.base in own and token.lower not in wording.QUALIFIERS:
            continue
        if not {token.base, token.lower} & said and not EACH.fullmatch(token.text) and token.text not in said:
            left.append(token.text)
    return left


#: Words that mean nothing elsewhere, but leave out entries of a list.
_NARROWING: Final = word_set("not no now only never nobody")


def _is_talk(request: str) -> bool:
    """A greeting, thanks, or a question about what can be done."""
    return bool(_GREETING.match(request) or _HELP.match(request))


#: "never mind, …", "my boss wants to know who …", "I was wondering which …": what comes before the request.
_PREAMBLE: Final = re.compile(
    r"^\W*(?:(?:never ?mind|forget (?:it|that)|actually|no|wait|sorry|ok(?:ay)?|so|well|right|hmm)\b[\s,.:;!-]+)+"
    r"|^\W*(?:[^,.?!]{0,60}?\b(?:know|wondering|wonder|curious(?: about)?|find out|figure out|interested in)\s+)"
    r"(?=(?:who|whom|what|which|how many|when|where)\b)",
    re.IGNORECASE,
)


def _without_greeting(request: str) -> str:
    """The request without "Hello nlops," and the like before it."""
    words = r"hi|hello|hey|good (?:morning|afternoon|evening)|thanks|thank you|great|ok(?:ay)?"
    lead = rf"^\W*(?:{words})(?:\s+(?:there|nlops|all))?\s*[,.!]+\s*"
    rest = re.sub(lead, "", request, count=1, flags=re.IGNORECASE)
    rest = rest if rest.strip() else request
    bare = _PREAMBLE.sub("", rest, count=1)
    return bare if len(bare.split()) > 1 else rest


_SUBJECTS: Final = word_set("i we he she they it")
#: What follows a subject where something is wanted: "I need …", "we should …".
_WISHES: Final = word_set("need want would like can could will shall should must may wish got am are wanna gonna")
#: They begin a clause that says why.
_SUBORDINATORS: Final = word_set("since because as although while")
_PAST: Final = word_set("left went came quit got became took lost forgot began gave made had has is was")


def _is_statement(clause: Clause) -> bool:
    """The clause begins with its subject, and nothing is wanted: it tells why, or of whom."""
    words = [token.lower for token in clause.tokens if not token.mark]
    if words[:1] and words[0] not in _SUBORDINATORS and {"should", "must", "shall", "ought"} & set(words[1:]):
        return False  # "bob should get access to …"
    if len(words) > 1 and words[0] in _SUBJECTS:
        return words[1] not in _WISHES and words[1:3] != ["have", "to"]
    about = words[:1] and (
        words[0] in ("how", "why") or words[0] in _SUBORDINATORS or words[0] in DETERMINERS or not clause.verb
    )
    return bool(about) or 0 in clause.values or _is_told(clause)


def _is_told(clause: Clause) -> bool:
    """ "carla left", "Henry moved to Finance": a name, and what it did."""
    words = [token.lower for token in clause.tokens[:2] if token.plain]
    if len(words) < 2 or verb_groups(base(words[0])) or words[0] in STOP_WORDS:
        return False
    return words[1] in _PAST or (words[1].endswith("ed") and len(words[1]) > 3)


def _names_told(clause: Clause) -> list[str]:
    """Whom or what a statement is about: its subject, else the names in it."""
    if _is_told(clause) and verb_groups(clause.tokens[0].base) == ():
        return [clause.tokens[0].text]
    acts = next((i for i, token in enumerate(clause.tokens) if token.lower in _PAST or token.lower.endswith("ed")), 0)
    subject = [clause.tokens[index].text for index in clause.values if index < acts]
    values = [token.text for token in clause.value_tokens() if not token.lower.endswith("ing")]
    return subject or [text for text in values if text[:1].isupper()] or values


def _list_of(clause: Clause) -> list[int]:
    """Indexes of values that stand in a list: "alice, bob and carol", "group a and group b"; [] when there is none."""
    run: list[int] = []
    for index in clause.values:
        if run and _joins(clause, run[-1], index):
            run.append(index)
        elif len(run) > 1:
            break
        else:
            run = [index]
    return run if len(run) > 1 else []


def _joins(clause: Clause, first: int, second: int) -> bool:
    """Only "and", a comma, and once more the word before the first stand between two values."""
    between = clause.text[clause.tokens[first].end : clause.tokens[second].start].lower()
    noun = clause.tokens[first - 1].text.lower() if first else ""
    repeated = rf"(?:\s+(?:the\s+)?{re.escape(noun)})?" if noun else ""
    return re.fullmatch(rf"\s*(?:,|&|and|or|,\s*and){repeated}\s*", between) is not None
