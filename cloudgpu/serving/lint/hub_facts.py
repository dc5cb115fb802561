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

    @property
    def architecture(self) -> str | None:
        """The first of the config's architectures; None when it names none."""
        named = self.config.get("architectures")
        return named[0] if isinstance(named, list) and named and isinstance(named[0], str) else None

    @property
    def rank(self) -> int | None:
        """The adapter's rank."""
        found = self.adapter.get("r")
        return found if isinstance(found, int) else None

    @property
    def saved_modules(self) -> frozenset[str]:
        """Whole modules that the adapter brings."""
        found = self.adapter.get("modules_to_save")
        return frozenset(each for each in found if isinstance(each, str)) if isinstance(found, list) else frozenset()

    @property
    def base(self) -> str | None:
        """The repository that the adapter was made for; None for a folder of whoever made it."""
        found = self.adapter.get("base_model_name_or_path")
        return found if isinstance(found, str) and found.count("/") == 1 and not found.startswith("/") else None
