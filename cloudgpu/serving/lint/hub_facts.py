"""What the Hub says of a repository, as far as rules ask: values that somebody else fetched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFacts:
    """One repository. `missing`: the Hub has none of that name, or a private one. `is_gated`: it has terms to accept.

    `config` and `adapter` are `config.json` and `adapter_config.json`, empty where there is none or it may not be read.
    `has_chat_template` None: nobody could see.
    """

    missing: bool = False
    is_gated: bool = False
    config: Mapping[str, Any] = field(default_factory=dict)
    adapter: Mapping[str, Any] = field(default_factory=dict)
    has_chat_template: bool | None = None
