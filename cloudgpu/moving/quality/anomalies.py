"""Signs of a broken model that need no expected answer: what looks wrong whatever was asked."""

import json
import re
import zlib
from collections.abc import Sequence

TEMPLATE_TOKENS = (
    "<|im_start|>", "<|im_end|>", "[INST]", "[/INST]", "<<SYS>>", "<s>", "</s>", "<|eot_id|>", "<|start_header_id|>",
    "<|endoftext|>", "<start_of_turn>", "<end_of_turn>", "<think>", "</think>", "<|channel|>", "<|assistant|>",
    "<|user|>", "<tool_call>", "</tool_call>", "[TOOL_CALLS]",
)  # fmt: skip
"""What chat templates are made of, and no answer should show."""

_REFUSALS = re.compile(
    r"\b(I(?:['’]m| am) sorry,? but I|I can(?:['’]t|not|no) (?:help|assist|comply|do that|provide)|"
    r"I(?:['’]m| am) (?:not able|unable) to|as an AI(?: language)? model,? I (?:can|do)(?:['’]t|not)|"
    r"je ne peux pas (?:vous )?aider|je suis désolée?, mais)",
    re.I,
)
_STOP_WORDS = {
    "English": "the and is of to in that it you for with are this was not as on be have",
    "French": "le la les des est et que qui dans pour une pas vous sur avec sont au ce",
    "German": "der die das und ist nicht ein eine mit auf für den von sie es wird auch",
    "Spanish": "el los las que es en y una por con para del se no su como está",
    "Italian": "il che di è per una con del della sono non gli le nel anche più",
    "Portuguese": "que não uma com para os as em do da é por mais dos como está",
}
_LANGUAGE_NAMES = re.compile(
    r"english|french|german|spanish|italian|portuguese|chinese|japanese|korean|arabic|russian|latin|translat|"
    r"anglais|français|allemand|espagnol|italien|tradui|deutsch|englisch|übersetz",
    re.I,
)
_OTHER_SCRIPT = re.compile(r"[\u0400-\u04ff\u0590-\u06ff\u0900-\u097f\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]")
_TAIL_RUN = re.compile(r"([^\s\-=_*.#~|+]{1,8}?)\1{14,}$")
"""The same few letters fifteen times at the end; a ruled line of a table is none."""
_LEAST_WORDS = 12
_REPEATED = 4
_LONGEST_LOOP = 24
_LEAST_PACKED = 400
_PACKED = 0.12


def anomalies(
    question: str, text: str, *, finish_reason: str | None = None, tool_calls: Sequence[str] = ()
) -> tuple[str, ...]:
    """The names of what looks broken, in a fixed order: empty, no words, cut off, refusal, loop, wrong language,
    template tokens, invalid tool call. A hint, not a proof: compare how often they come on both sides.
    """
    found = (
        ("empty", not text.strip() and not tool_calls),
        ("no words", bool(text.strip()) and not any(each.isalnum() for each in text)),
        ("cut off", finish_reason == "length"),
        ("refusal", bool(_REFUSALS.search(text[:300]))),
        ("loop", _loops(text)),
        ("wrong language", _is_wrong_language(question, text)),
        ("template tokens", any(token in text for token in TEMPLATE_TOKENS)),
        ("invalid tool call", any(not _is_object(call) for call in tool_calls)),
    )
    return tuple(name for name, is_there in found if is_there)


def _loops(text: str) -> bool:
    """The end of the text says the same few words four times over, or the whole of it packs like a stamp."""
    words = text.split()
    for length in range(1, _LONGEST_LOOP + 1):
        tail = words[-length * _REPEATED :]
        if len(tail) == length * _REPEATED and len(" ".join(tail)) > 30 and tail == tail[:length] * _REPEATED:
            return True
    if _TAIL_RUN.search(text.rstrip()):
        return True
    packed = text.encode("utf-8", "replace")
    return len(packed) >= _LEAST_PACKED and len(zlib.compress(packed)) / len(packed) < _PACKED


def _is_wrong_language(question: str, text: str) -> bool:
    """Answered in another language than asked. Asked about a language at all, anything may be right."""
    if _LANGUAGE_NAMES.search(question) or len(text.split()) < _LEAST_WORDS:
        return bool(_other_script(text) > 0.3 > _other_script(question)) and not _LANGUAGE_NAMES.search(question)
    asked, answered = _language(question), _language(text)
    if _other_script(text) > 0.3 > _other_script(question):
        return True
    return asked is not None and answered is not None and asked != answered


def _language(text: str) -> str | None:
    """By its commonest words; None when none stands out."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    scores = {name: sum(word in common.split() for word in words) for name, common in _STOP_WORDS.items()}
    best, second = sorted(scores.values(), reverse=True)[:2]
    if best < 3 or best < 1.5 * second:
        return None
    return max(scores, key=lambda name: scores[name])


def _other_script(text: str) -> float:
    letters = [each for each in text if each.isalpha()]
    return len(_OTHER_SCRIPT.findall(text)) / len(letters) if letters else 0.0


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
