"""English: the complete catalogue."""

from __future__ import annotations

from typing import Final

THOUSANDS: Final = ","
AND: Final = "and"

PHRASES: Final[dict[str, str]] = {
    # the run
    "choosing": "Choosing an operation",
    "looking": "Looking at the result",
    "thinking": "Thinking about your answer",
    "calling": "Calling {method} {target}",
    "model_again": "{message} Trying again in {seconds} s",
    "model_other": "{message} Going on with another model",
    "unreachable_again": "The product can't be reached; trying once more",
    "unclear_again": "No clear answer from the product; trying again",
    "wait": "The product asks to wait {seconds} seconds",
    "asked_to_wait": "It asks to wait {duration}.",
    "seconds": "{count} seconds",
    "minutes": "{count} minutes",
    "not_known": "It is not known whether the product did it.",
    "gone_now": "The connection broke the first time; the product says it is gone now.",
    # limits
    "stopped_at": "I stopped here: {limit}. What was done so far is listed below.",
    "limit_steps": "a request may take {count} steps",
    "limit_model_calls": "a request may ask the model {count} times",
    "limit_calls": "a request may make {count} calls",
    "limit_tokens": "a request may use {count} tokens",
    "limit_seconds": "a request may be worked on for {count} seconds",
    "limit_bytes": "a request may read {count} MB from the product",
    "limit_cost": "a request may cost {cost} for the model",
    "limit_batch": (
        "That would be {count} calls of {title}; at most {limit} are made at once, so none was made."
        " Ask for fewer of them."
    ),
    # stopping
    "stopped": "Stopped, as you wished.",
    "stopped_by_switch": (
        "Stopped: an operator has stopped nlops for now. Nothing more was done; please ask again later."
    ),
    "read_only": "nlops is read-only at the moment, so nothing is changed. Please ask again later.",
    "stopping": "Stopping; {title} is on its way already",
    "stopped_done": "{title} was on its way already, and the product did it.",
    "stopped_not_done": "{title} was not done.",
    "stopped_no_result": "{title} brought no result.",
    "stopped_in_doubt": "{title} was on its way already, and it is not known whether the product did it: please check.",
    "in_doubt_stopped": "It was on its way when you stopped; it is not known whether the product did it.",
    "not_reached": "It did not reach the product.",
    "not_made_before": "Not made: the call before it was not made, either.",
    "batch_done": "Done {count} times: {title}.",
    "batch_not_done": "Not done, {count} times: {what}. {reason}",
    "not_made_batch": "Not made: an earlier call of the same batch failed.",
    # questions
    "what_exactly": "What exactly do you mean?",
    "your_answer": "Your answer",
    "need": "To go on with “{purpose}” I need the {labels}.",
    "refused_need": "The product refused it: {error} {question}",
    "choose_one": "Choose one of: {choices}.",
    "number_needed": "A number is needed here.",
    "yes_or_no": "Yes or no is needed here.",
    "json_needed": "Write it as JSON here, such as {example}.",
    "json_wrong": "This is no valid JSON: {error}.",
    "list_needed": "A list is needed here.",
    "object_needed": "An object is needed here: {example}.",
    "at_least": "At least {count} characters are needed.",
    "at_most": "At most {count} characters fit.",
    # control points
    "not_allowed_so": "This operation may not be used with these values.",
    "connect_first": "{product} wants an account of your own. Connect it first, then ask again.",
    "not_allowed": "This operation may not be used here.",
    "left_out": "{label}: nobody said this value, so it is left out.",
    "nothing": "nothing",
    "repaired": "The product refused {label} {was} ({error}), so I changed it to “{value}”.",
    "missing": "Missing: {names}.",
    "arguments": "Arguments",
    "does_not_fit": "The call does not fit the product's description.",
    "policy_confirm": "The policy asks the requester.",
    "policy_approve": "The policy asks another person.",
    "tainted": "These values came from the product: {names}.",
    # where a value comes from
    "origin_said": "you said it",
    "origin_said_words": "you said “{words}”",
    "origin_computed": "computed from “{words}”",
    "origin_returned": "from the answer of {operation}: {path}",
    "origin_default": "the product's default",
    "origin_edited": "changed by {who}, who approved it",
    "origin_secret": "typed by you, kept hidden",
    "origin_invented": "chosen by the model",
    "yes": "yes",
    "no": "no",
    # answers
    "done_with": "{what}",
    "did_to": "{noun} {name}: {verb}.",
    "not_done": "This was not done: {what}. {reason}",
    "check_doubt": "It is not known whether this was done: {what}. Please check it before you try again.",
    "rejected_by": "{who} rejected this, so nothing was changed: {what}.{reason}",
    "you_said_no": "You said no, so nothing was changed: {what}.{reason}",
    "not_done_reason": "This was not done: {what}.{reason}",
    "reason": " Reason: {error}",
    "list_shows": "The list shows which there are.",
    "not_found": "The product found no {what} ({status}). {said} Check the name.",
    "such_thing": "such thing: {what}",
    "no_sign_in": (
        "The product did not accept the connection's sign-in ({status}). {said}"
        " An operator can check the credentials of the connection."
    ),
    "forbidden": (
        "The product does not allow this ({status}): {what}. {said}"
        " The connection lacks the right to do it; an operator can change that."
    ),
    "refused_with_hint": "The product refused it ({status}): {said} {hint}",
    "try_another_name": "Try another name.",
    "look_at_state": "Look at its present state first.",
    "too_busy": "The product is too busy just now ({status}). {said} Try again in a moment.",
    "own_fault": "The product had a fault of its own ({status}): {what}. {said} Try again later.",
    "did_not_work": "This did not work: {what}. {said}",
    "refused_by_product": "The product refused it ({status}): {said}",
    "failed_no_reason": "The product says that it failed, but not why.",
    "status_no_reason": "The product answered {status} without a reason.",
    "empty_thing": "The product answered with an empty {noun}.",
    "nothing_back": "Done: {what}. The product sent nothing back.",
    "product_answered": "The product answered: {text}",
    "here_is": "Here is the {noun}.",
    "here_is_named": "Here is the {noun} {name}.",
    "none_found": "No {nouns} found.",
    "found": "Found {count}.",
    "counted": "{count} {noun}",
    "first_of": "Here are the first {shown} of {total} {nouns}.",
    "first_and_more": "Here are the first {shown} {nouns}; there are more.",
    "caption_first": "first {shown}",
    "caption_first_of": "first {shown} of {total}",
    "and_more": "and {count} more",
    "value": "Value",
    # what can be done here
    "nothing_allowed": "Hello! No operation is allowed here yet: an operator can put some on the whitelist.",
    "hello": "Hello! I can operate {products} for you: {services}. Say in your own words what you want.",
    "the_product": "the product",
    "service": "Service",
    "what_i_can_do": "What I can do",
    "what_i_can_do_here": "What I can do here",
    "other_service": "other",
    "cannot_help": "I can't help with that here: {reason}.",
    "nothing_does_it": "nothing that I may use does it",
    "can_help_with": "I can help with {products}: {services}.",
    # what comes, or does not come, over the wire
    "wire_unreachable": (
        "{host} could not be reached within {seconds} seconds. Check that the product runs and that the"
        " connection's base URL is right."
    ),
    "wire_down": (
        "{host} can't be reached: the connection was refused. Check that the product runs and that the"
        " connection's base URL is right."
    ),
    "wire_private": (
        "{host} leads to a private address, and calls there are not allowed. If the product really runs there,"
        " whoever runs nlops can list it: NLOPS_PRIVATE_HOSTS={entry}"
    ),
    "wire_metadata": (
        "{host} leads to an address where a cloud keeps the secrets of its machines. It is never called; check the"
        " connection's base URL."
    ),
    "wire_unknown_host": "The host name of {host} is not known. Check the connection's base URL.",
    "wire_untrusted": (
        "The TLS certificate of {host} is not trusted ({why}). Ask the product's operator for a valid certificate,"
        " or use the host name that the certificate names."
    ),
    "wire_no_tls": "{host} does not speak TLS as expected. Check whether the base URL should begin with http://.",
    "wire_late": "{host} was still sending its answer after {seconds} seconds, so nlops stopped reading.",
    "wire_silent": "{host} did not answer within {seconds} seconds.",
    "wire_no_http": "{host} answered with something that is not HTTP as it should be, so its answer can't be read.",
    "wire_closed": "{host} closed the connection before it answered, or in the middle of its answer.",
    "wire_page": (
        "The product answered with a web page{title} where data was expected, as happens when the base URL is not"
        " that of the API, or when somebody has to sign in. An operator can check the connection."
    ),
    "wire_titled": " titled “{title}”",
    "wire_broken": "The product's answer says that it is JSON but is broken, so it can't be read.",
    "wire_not_unpacked": "The product's answer is compressed, but broken: it can't be unpacked.",
    "wire_too_large": (
        "The product sent more than {size}, which is more than nlops reads. Ask for less at a time: a shorter"
        " period, a narrower filter or fewer entries."
    ),
    "wire_elsewhere": (
        "The product sent the request elsewhere{place} (HTTP {status}). nlops does not follow: the credentials are"
        " for the connection's address only. If the product has moved, an operator can correct the connection's"
        " base URL."
    ),
    "wire_to": " to {place}",
    "wire_not_modified": (
        "The product answered that nothing has changed (HTTP 304), although nobody asked for changes only."
    ),
    "took_on": "The product took it on and may still be working on it.",
}

#: Usual kinds of things: none needs a translation into English.
NOUNS: Final[dict[str, tuple[str, str]]] = {}
#: English says it with the verb's past tense, see nlops.core.answers.
DONE: Final[dict[str, str]] = {}
