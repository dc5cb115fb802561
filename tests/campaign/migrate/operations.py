"""The commands of a tale. `OLD` is the service's first deployment, `NEW` what it moves to."""

from collections.abc import Mapping

OLD, NEW, SERVICE = "old", "new", "old"
MODEL_OLD, MODEL_NEW = "qwen3-0.6b", "qwen3-1.7b"

WORDS: Mapping[str, tuple[str, ...]] = {
    "migrate": ("migrate", "--from", OLD, "--name", NEW, "--max-wait", "6", "--yes", "--json"),
    "promote": ("migrate", "promote", "--json"),
    "promote_full": ("migrate", "promote", "--full", "--json"),
    "pause": ("migrate", "pause", "--json"),
    "resume": ("migrate", "resume", "--yes", "--json"),
    "resume_force": ("migrate", "resume", "--force", "--yes", "--json"),
    "rollback": ("migrate", "rollback", "--json"),
    "rollback_force": ("migrate", "rollback", "--force", "--json"),
    "finalize": ("migrate", "finalize", "--yes", "--json"),
    "abort": ("migrate", "abort", "--yes", "--json"),
    "abort_force": ("migrate", "abort", "--force", "--yes", "--json"),
    "status": ("migrate", "status", "--json"),
    "follow": ("migrate", "follow", "--once", "--json"),
    "gateway_start": ("gateway", "start", SERVICE, "--json"),
    "up": ("up", MODEL_OLD, "--gpu", "RTX 4090", "--name", OLD, "--yes", "--json"),
    "down_old": ("down", OLD, "--force", "--yes", "--json"),
    "down_new": ("down", NEW, "--force", "--yes", "--json"),
    "look": ("status", "--json"),
    "gc_destroy": ("gc", "--destroy", "--yes", "--json"),
}

TOLD: Mapping[str, str] = {
    f"cloudgpu {' '.join(words)}": operation
    for operation, words in {
        "promote": ("migrate", "promote"), "promote_full": ("migrate", "promote", "--full"),
        "resume": ("migrate", "resume"), "resume_force": ("migrate", "resume", "--force"),
        "rollback": ("migrate", "rollback"), "finalize": ("migrate", "finalize"), "abort": ("migrate", "abort"),
        "abort_force": ("migrate", "abort", "--force"), "follow": ("migrate", "follow", "--once"),
        "down_old": ("down", OLD, "--force"), "down_new": ("down", NEW, "--force"),
    }.items()
}  # fmt: skip
"""What the program offers, as it writes it, and the operation that it is."""

LOOKS = frozenset({"status", "follow", "resume", "resume_force"})
"""What looks at both sides and puts right what it can."""

AT_IT = frozenset(name for name, words in WORDS.items() if words[0] == "migrate" and name != "migrate")
"""What is typed while a migration is under way."""

DESTROYS_NOTHING = frozenset({"status", "pause", "promote", "promote_full", "rollback", "rollback_force"})

FORCED = frozenset({"resume_force", "rollback_force", "abort_force", "down_old", "down_new", "gc_destroy"})
"""What may leave nothing that answers: somebody said so."""
