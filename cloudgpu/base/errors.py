"""Every error a user can meet. Each has a stable code, an exit status and a hint.

    CloudgpuError                      exit 1   failed
    ├── UsageError                     exit 2   the command line or a file it names is wrong
    │   ├── UnknownModelError
    │   ├── UnknownGpuError
    │   ├── BadFileError
    │   └── NotFoundError                       no deployment, plan or migration of that name
    ├── NothingFitsError               exit 3   no offer passes every need
    ├── NotAuthorisedError             exit 4
    │   ├── MissingKeyError
    │   └── RefusedKeyError
    ├── ProviderError                  exit 5   the provider, or the way to it
    │   ├── UnreachableError                    no answer at all: what was asked may or may not have happened
    │   ├── BadAnswerError                      an answer that cannot be read
    │   ├── RateLimitedError
    │   ├── OfferGoneError                      somebody else took it: the next candidate may do
    │   ├── NoCreditError
    │   ├── InvalidRequestError                 the request breaks the provider's rules: no other offer helps
    │   └── CreateRefusedError                  a clear no; with an instance id, it exists all the same
    ├── ConflictError                  exit 1   the state of things forbids it (name taken, migration open, locked)
    ├── BudgetError                    exit 1   a hard budget would be broken; nothing was rented
    ├── StoreError                     exit 1   the journal cannot be read or written
    │   └── UnwritableStoreError                it takes nothing more; what it holds may still be read
    ├── PortInUseError                 exit 1
    ├── DeadlineError                  exit 1   a wait reached its limit in seconds or dollars
    ├── InstanceFailedError            exit 1   the instance died, or its engine refused to start
    ├── StoppedByUserError             exit 1   Ctrl-C
    └── CleanupFailedError             exit 6   something may still bill

A provider's own error is mapped to one of these in its adapter and nowhere else.
"""

from collections.abc import Iterable


class CloudgpuError(Exception):
    """Something the user should read: one sentence, and a hint of what to do.

    `instance_id` is set on every error after a create for which an instance exists or may exist.
    """

    code = "failed"
    exit_status = 1

    def __init__(self, message: str, *, hint: str | None = None, instance_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.instance_id = instance_id


def worst_of(errors: Iterable[CloudgpuError]) -> CloudgpuError | None:
    """The one that a command ends with that failed at several things: of the highest exit status. None: of none."""
    return max(errors, key=lambda each: each.exit_status, default=None)


class UsageError(CloudgpuError):
    """The command line, or a file it names, is wrong."""

    code = "usage"
    exit_status = 2


class UnknownModelError(UsageError):
    """No model of that name; the hint holds the nearest ones."""

    code = "unknown_model"


class UnknownGpuError(UsageError):
    """No GPU of that name; the hint holds the nearest ones."""

    code = "unknown_gpu"


class BadFileError(UsageError):
    """A file that cannot be read as what it should be."""

    code = "bad_file"


class NotFoundError(UsageError):
    """No deployment, plan or migration of that name."""

    code = "not_found"


class NothingFitsError(CloudgpuError):
    """No offer passes every need."""

    code = "nothing_fits"
    exit_status = 3


class NotAuthorisedError(CloudgpuError):
    """The provider wants a key, or another one."""

    code = "not_authorised"
    exit_status = 4


class MissingKeyError(NotAuthorisedError):
    """No API key for this provider."""

    code = "missing_key"


class RefusedKeyError(NotAuthorisedError):
    """The provider refuses the key."""

    code = "refused_key"


class ProviderError(CloudgpuError):
    """The provider, or the way to it."""

    code = "provider"
    exit_status = 5


class UnreachableError(ProviderError):
    """No answer: what was asked may or may not have happened."""

    code = "unreachable"


class BadAnswerError(ProviderError):
    """An answer that cannot be read. Never to be taken for an empty one."""

    code = "bad_answer"


class RateLimitedError(ProviderError):
    """Too many calls, and waiting did not help."""

    code = "rate_limited"


class OfferGoneError(ProviderError):
    """The offer is no longer there: the next candidate may do."""

    code = "offer_gone"


class NoCreditError(ProviderError):
    """The account has no money left for this."""

    code = "no_credit"


class InvalidRequestError(ProviderError):
    """What was asked breaks the provider's rules, wherever it would run: nothing was rented, no other offer helps."""

    code = "invalid_request"


class CreateRefusedError(ProviderError):
    """A clear no to a create. When `instance_id` is set, the instance exists all the same and must be destroyed."""

    code = "create_refused"


class ConflictError(CloudgpuError):
    """The state of things forbids it: the name is taken, a migration is open, another process holds the lock."""

    code = "conflict"


class BudgetError(CloudgpuError):
    """A hard budget would be broken; nothing was rented."""

    code = "budget"


class StoreError(CloudgpuError):
    """The journal cannot be read or written: nothing is rented without it."""

    code = "store"


class UnwritableStoreError(StoreError):
    """The journal takes nothing more (a full disk, a folder that may only be read); it may still be read."""

    code = "store_unwritable"


class PortInUseError(CloudgpuError):
    """Another program listens on the port."""

    code = "port_in_use"


class DeadlineError(CloudgpuError):
    """A wait reached its limit in seconds or dollars."""

    code = "deadline"


class InstanceFailedError(CloudgpuError):
    """The instance died, or its engine refused to start.

    `blames_machine`: another machine might have served; `blames_card`: a card of another kind might have;
    `blames_launch`: none would have.
    """

    code = "instance_failed"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        instance_id: str | None = None,
        blames_machine: bool = False,
        blames_card: bool = False,
        blames_launch: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, instance_id=instance_id)
        self.blames_machine, self.blames_card, self.blames_launch = blames_machine, blames_card, blames_launch


class StoppedByUserError(CloudgpuError):
    """Ctrl-C, after everything that could be cleaned up was."""

    code = "stopped_by_user"


class CleanupFailedError(CloudgpuError):
    """Something may still bill. The message names the instance and the console page that can remove it."""

    code = "cleanup_failed"
    exit_status = 6
