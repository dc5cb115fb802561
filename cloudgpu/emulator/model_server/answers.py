"""Answers to small talk: the same for the same question and model, and told apart between models."""

import re
from collections.abc import Callable, Sequence
from hashlib import sha256

_CAPITALS = {
    "france": "Paris", "germany": "Berlin", "italy": "Rome", "spain": "Madrid", "japan": "Tokyo", "canada": "Ottawa",
    "australia": "Canberra", "brazil": "Brasília", "india": "New Delhi", "norway": "Oslo", "poland": "Warsaw",
    "portugal": "Lisbon", "sweden": "Stockholm", "kenya": "Nairobi", "egypt": "Cairo", "china": "Beijing",
    "the united states": "Washington, D.C.", "the netherlands": "Amsterdam",
}  # fmt: skip
_FACTS = (
    (("largest planet", "biggest planet"), "Jupiter is the largest planet of the Solar System."),
    (("boil",), "Water boils at 100 °C at sea level."),
    (
        ("colour of the sky", "color of the sky", "sky blue"),
        "A clear sky looks blue because air scatters blue light most.",
    ),
    (("days of the week", "days in a week"), "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday."),
    (("primary colo",), "Red, yellow and blue are the primary colours."),
    (("speed of light",), "Light travels at 299,792,458 metres per second in a vacuum."),
    (("gpu",), "A GPU runs the same step on thousands of numbers at once, which is what a neural network needs."),
    (("haiku", "poem"), "Fans hum in the dark,\nnumbers fold into a word:\nsomeone reads and smiles."),
    (("without downtime",), "A new model starts beside the old one, and traffic moves when it has proved itself."),
    (("old model warm",), "Because going back then takes a second instead of a new rental and a download."),
    (("colours", "colors"), "Red, green, blue"),
    (("joke",), "Why did the GPU break up with the CPU? It wanted more threads in its life."),
    (("translate", "french"), "In French that is: « Bonjour, comment allez-vous ? »"),
)
_VOICES = {
    "mistral": ("", ""),
    "mixtral": ("", " Is there more you would like to know?"),
    "qwen": ("Certainly! ", " Let me know if you'd like more detail."),
    "llama": ("", " I hope that helps!"),
    "gemma": ("Okay! ", ""),
    "phi": ("Sure. ", ""),
    "deepseek": ("", "\n\nIn short, that is the answer."),
    "gpt-oss": ("Here is the answer: ", ""),
}
_OPENINGS = ("", "Sure. ", "Of course: ", "Here you go. ", "Good question. ")
_CLOSINGS = ("", " Anything else?", " I hope this is useful.", " Happy to say more.")


def answer(model_id: str, question: str) -> str:
    """A plausible answer in the model's own manner; never empty."""
    opening, closing = _voice(model_id)
    return f"{opening}{_content(model_id, ' '.join(question.split()))}{closing}"


def _voice(model_id: str) -> tuple[str, str]:
    name = model_id.rpartition("/")[2].lower()
    for family, voice in _VOICES.items():
        if family in name:
            return voice
    digest = sha256(name.encode()).digest()
    return _OPENINGS[digest[0] % len(_OPENINGS)], _CLOSINGS[digest[1] % len(_CLOSINGS)]


def _content(model_id: str, question: str) -> str:
    for attempt in _ATTEMPTS:
        found = attempt(model_id, question)
        if found:
            return found
    return f"You asked: “{question[:160]}”. This is an emulated model, so it has no opinion on that."


def _repeat(_: str, question: str) -> str:
    match = re.search(
        r"(?:say|repeat|reply with|answer with)(?: (?:only|just|the word))* [\"'“]?([\w ]{1,40})", question, re.I
    )
    return match[1].strip() if match else ""


def _sum(_: str, question: str) -> str:
    match = re.search(r"(-?\d{1,9})\s*([-+*×x]|plus|minus|times)\s*(-?\d{1,9})", question)
    if match is None:
        return ""
    left, sign, right = int(match[1]), match[2], int(match[3])
    result = left + right if sign in "+plus" else left - right if sign in "-minus" else left * right
    return str(result) if "alone" in question else f"{left} {sign} {right} = {result}."


def _capital(_: str, question: str) -> str:
    lower = question.lower()
    found = next((land for land in _CAPITALS if land in lower), None) if "capital" in lower else None
    return f"The capital of {found.title().replace('The ', 'the ')} is {_CAPITALS[found]}." if found else ""


def _identity(model_id: str, question: str) -> str:
    asked = re.search(r"who are you|your name|which model|what model|introduce yourself", question, re.I)
    return f"I am {model_id.rpartition('/')[2]}, a language model." if asked else ""


def _fact(_: str, question: str) -> str:
    lower = question.lower()
    return next((text for words, text in _FACTS if any(word in lower for word in words)), "")


def _greeting(_: str, question: str) -> str:
    return "Hello! How can I help you today?" if re.match(r"(hi|hello|hey|good \w+|ping)\b", question, re.I) else ""


_ATTEMPTS: Sequence[Callable[[str, str], str]] = (_identity, _sum, _repeat, _capital, _fact, _greeting)
